#!/usr/bin/env bash
# Release: put deploy/ of the checked out commit, with the image pinned by digest, on the branch env/<environment>.
#
#   bash scripts/release.sh <environment> <image> sha256:<digest>
#
# The branch holds deploy/ and nothing else; Argo CD runs it. Every overlay gets the digest, so that a merge into the next
# environment's branch promotes the image too. One commit a release, on top of the last one, never forced. GITHUB_TOKEN, when
# set, is what git authenticates with.
set -euo pipefail
shopt -s inherit_errexit

if [ $# -ne 3 ]; then
  echo "usage: release.sh <environment> <image> sha256:<digest>" >&2
  exit 2
fi
environment=$1 image=$2 digest=$3
if ! printf '%s\n' "$digest" | grep -Eqx 'sha256:[0-9a-f]{64}'; then
  echo "release: '$digest' is not an image digest" >&2
  exit 2
fi

branch=env/$environment
cd "$(git rev-parse --show-toplevel)"
source=$(git rev-parse HEAD)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# By environment variable, so that the token is neither in the repository's configuration nor in a command line.
if [ -n "${GITHUB_TOKEN:-}" ]; then
  export GIT_CONFIG_COUNT=1
  export GIT_CONFIG_KEY_0="http.${GITHUB_SERVER_URL:-https://github.com}/.extraheader"
  GIT_CONFIG_VALUE_0="Authorization: Basic $(printf 'x-access-token:%s' "$GITHUB_TOKEN" | base64 | tr -d '\n')"
  export GIT_CONFIG_VALUE_0
fi
export GIT_AUTHOR_NAME="${GIT_AUTHOR_NAME:-github-actions[bot]}"
export GIT_AUTHOR_EMAIL="${GIT_AUTHOR_EMAIL:-41898282+github-actions[bot]@users.noreply.github.com}"
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL

# The image's entry under `images:` with this image's name: name and digest in, everything else of the entry out.
pin() {
  awk -v image="$image" -v digest="$digest" '
    function value(line) { sub(/^[^:]*:[ \t]*/, "", line); sub(/[ \t]+#.*$/, "", line); gsub(/["\047 \t\r]/, "", line); return line }
    function indent(line) { match(line, /^ */); return RLENGTH }
    /^[^ \t#-]/ { in_images = ($0 ~ /^images:[ \t]*(#.*)?$/); ours = 0 }
    in_images && /^ *- +name:/ {
      ours = (value($0) == image)
      if (ours) {
        pad = sprintf("%" (indent($0) + 2) "s", "")
        print; print pad "newName: \"" image "\""; print pad "digest: \"" digest "\""
        pinned++
        next
      }
    }
    in_images && /^ *- / { ours = 0 }
    ours && /^ *(newName|newTag|digest|tagSuffix):/ { next }
    { print }
    END { exit pinned == 1 ? 0 : 3 }
  ' "$1"
}

# The tree of the release: deploy/ of the source commit with every overlay pinned. A scratch index, no work tree.
release_tree() {
  export GIT_INDEX_FILE=$work/index
  rm -f "$GIT_INDEX_FILE"
  git read-tree --prefix=deploy/ "$source:deploy"
  local overlay found=0
  while IFS= read -r overlay; do
    git cat-file blob "$source:$overlay" > "$work/overlay"
    if ! pin "$work/overlay" > "$work/pinned"; then
      echo "release: $overlay needs exactly one entry under images: that starts with '- name: $image'" >&2
      return 1
    fi
    git update-index --cacheinfo "100644,$(git hash-object -w "$work/pinned"),$overlay"
    [ "$overlay" != "deploy/overlays/$environment/kustomization.yaml" ] || found=1
  done < <(git ls-files --cached 'deploy/overlays/*/kustomization.yaml')
  if [ "$found" -eq 0 ]; then
    echo "release: deploy/overlays/$environment/kustomization.yaml is not in $source" >&2
    return 1
  fi
  git write-tree
}

tree=$(release_tree)

for attempt in 1 2 3 4 5; do
  if [ -n "$(git ls-remote origin "refs/heads/$branch")" ]; then
    git fetch --quiet --no-tags origin "refs/heads/$branch"
    parent=$(git rev-parse FETCH_HEAD)
    released=$(git log -1 --format='%(trailers:key=Source-Commit,valueonly)' "$parent" | head -n 1)
    if [ "$(git rev-parse "$parent^{tree}")" = "$tree" ]; then
      echo "release: $branch already is what $source asks for"
      exit 0
    fi
    if [ -n "$released" ] && [ "$released" != "$source" ] && git merge-base --is-ancestor "$source" "$released" 2> /dev/null; then
      echo "release: $branch already is at $released, which is newer than $source"
      exit 0
    fi
  else
    parent=
  fi

  commit=$(git commit-tree "$tree" ${parent:+-p "$parent"} << MESSAGE
Release $(git rev-parse --short=12 "$source") to $environment

$(git log -1 --format=%s "$source")

Source-Commit: $source
Image: $image@$digest
MESSAGE
  )
  if git push --quiet origin "$commit:refs/heads/$branch"; then
    echo "release: $branch is now $commit, from $source"
    exit 0
  fi
  echo "release: could not push to $branch, attempt $attempt of 5" >&2
  sleep "$attempt"
done
echo "release: gave up; $branch is unchanged by this release" >&2
exit 1
