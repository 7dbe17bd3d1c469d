#!/usr/bin/env bash
# Stops on a known hole of the image that is critical, and that a newer version of the part would close.
set -euo pipefail
image=$1
docker run --rm --volume /var/run/docker.sock:/var/run/docker.sock:ro "$SCANNER" "docker:$image" --only-fixed --fail-on critical
