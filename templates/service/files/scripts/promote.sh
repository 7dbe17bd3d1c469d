#!/usr/bin/env bash
# Promote: mark the tip of the environment before as fit for this one, and say where the pull request is made.
#
#   ENVIRONMENTS="dev staging prod" bash scripts/promote.sh <environment> <image>
#
# The mark is the status promote/<environment>, which the branch env/<environment> asks for. It goes with one commit: what is
# released afterwards has none. GITHUB_TOKEN sets it; the other variables are those that GitHub gives to a workflow.
set -euo pipefail
shopt -s inherit_errexit

if [ $# -ne 2 ]; then
  echo "usage: promote.sh <environment> <image>" >&2
  exit 2
fi
target=$1 image=$2
if [ -n "${DEFAULT_BRANCH:-}" ] && [ "${GITHUB_REF:-}" != "refs/heads/$DEFAULT_BRANCH" ]; then
  echo "promote: runs on $DEFAULT_BRANCH only, not on ${GITHUB_REF:-nothing}: choose that branch when you start it" >&2
  exit 2
fi

before='' found=''
for environment in $ENVIRONMENTS; do
  if [ "$environment" = "$target" ]; then
    found=1
    break
  fi
  before=$environment
done
if [ -z "$found" ] || [ -z "$before" ]; then
  echo "promote: '$target' is none of the environments after the first of: $ENVIRONMENTS" >&2
  exit 2
fi

cd "$(git rev-parse --show-toplevel)"
# By environment variable, so that the token is neither in the repository's configuration nor in a command line.
export GIT_CONFIG_COUNT=1
export GIT_CONFIG_KEY_0="http.$GITHUB_SERVER_URL/.extraheader"
GIT_CONFIG_VALUE_0="Authorization: Basic $(printf 'x-access-token:%s' "$GITHUB_TOKEN" | base64 | tr -d '\n')"
export GIT_CONFIG_VALUE_0

for environment in "$before" "$target"; do
  if ! git fetch --quiet --no-tags origin "+refs/heads/env/$environment:refs/remotes/origin/env/$environment"; then
    echo "promote: there is no branch env/$environment" >&2
    exit 1
  fi
done
commit=$(git rev-parse "refs/remotes/origin/env/$before")
if git merge-base --is-ancestor "$commit" "refs/remotes/origin/env/$target"; then
  echo "promote: env/$target already has what env/$before runs"
  exit 0
fi
overlay=deploy/overlays/$target/kustomization.yaml
if ! grep -Fq "newName: \"$image\"" <<< "$(git show "$commit:$overlay")"; then
  echo "promote: $overlay on env/$before names no release of $image: nothing was released to $before yet, or it has no such overlay" >&2
  exit 1
fi

# The token goes in by standard input, as arguments are there for every process to see.
if ! printf 'header = "Authorization: Bearer %s"\n' "$GITHUB_TOKEN" | curl --config - --silent --show-error --fail-with-body \
  --retry 3 --header "Accept: application/vnd.github+json" --output /dev/null \
  --data "{\"state\": \"success\", \"context\": \"promote/$target\", \"description\": \"From $before, by ${GITHUB_ACTOR:-hand}\"}" \
  "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/statuses/$commit"; then
  echo "promote: GitHub took no status for $commit" >&2
  exit 1
fi

link="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/compare/env/$target...env/$before?expand=1"
echo "promote: $commit may go to $target; open the pull request: $link"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  echo "${commit:0:12} may go to **$target**: [open the pull request]($link), and merge it with a merge commit." >> "$GITHUB_STEP_SUMMARY"
fi
