#!/usr/bin/env bash
# One pull request with the portal's newest image, kept up to date until somebody merges it.
set -euo pipefail
image=$1
branch=portal-image
python3 .github/scripts/portal_image.py "$image"
if git diff --quiet; then
  echo "every stack has this image"
  exit 0
fi
login=$(printf 'x-access-token:%s' "$GITHUB_TOKEN" | base64 --wrap=0)
git switch --quiet --create "$branch"
git -c user.name='github-actions[bot]' -c user.email='41898282+github-actions[bot]@users.noreply.github.com' \
  commit --quiet --all --message "The portal's image of ${GITHUB_SHA:0:7}"
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader GIT_CONFIG_VALUE_0="Authorization: Basic $login" \
  git push --quiet --force origin "$branch"
export GH_TOKEN=$GITHUB_TOKEN
if [ -z "$(gh pr list --head "$branch" --state open --json number --jq '.[].number')" ]; then
  gh pr create --head "$branch" --base main --title "The portal's image" \
    --body "Built, tested and scanned from portal/; the next \`up\` after the merge installs it."
fi
