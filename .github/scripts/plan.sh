#!/usr/bin/env bash
# What a pull request does to every stack, as one comment: plan.sh <base commit> <folder>
#
# It needs no secret: validate, the plan against the base, and what the rules find. The exit code is that of the worst stack;
# the comment is there either way.
set -euo pipefail

base=$1 folder=$2 python=${PYTHON:-.venv/bin/python}
mkdir -p "$folder"
printf '%s\n' "${NUMBER:-}" > "$folder/number"
: > "$folder/comment.md"

verdict=0
for file in Pulumi.*.yaml; do
  stack=${file#Pulumi.}
  stack=${stack%.yaml}
  "$python" -m idp validate --stack "$stack" || verdict=1
  said=$("$python" -m idp preview --stack "$stack" --base "$base" --format markdown) || verdict=1
  printf '%s\n' "${said:-### \`$stack\`: no plan; the log says why}" >> "$folder/comment.md"
  printf '\n' >> "$folder/comment.md"
done
while IFS= read -r gone; do
  [ -e "$gone" ] || printf '### %s is gone: its stack keeps what it made, and nobody looks after it\n\n' "$gone" >> "$folder/comment.md"
done < <(git ls-tree --name-only "$base" | grep -E '^Pulumi\.[^.]+\.yaml$' || true)

if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  cat "$folder/comment.md" >> "$GITHUB_STEP_SUMMARY"
fi
exit "$verdict"
