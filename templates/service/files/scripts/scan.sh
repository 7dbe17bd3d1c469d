#!/usr/bin/env bash
# Scan: stop on a hole of the image that is critical, is known, and that a newer version of the part would close.
#
#   SCANNER=<image> bash scripts/scan.sh <image>
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: scan.sh <image>" >&2
  exit 2
fi
docker run --rm --volume /var/run/docker.sock:/var/run/docker.sock:ro "$SCANNER" "docker:$1" --only-fixed --fail-on critical
