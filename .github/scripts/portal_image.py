"""Write the portal's image into every stack's file of this folder, and change nothing else in them.

Usage: portal_image.py ghcr.io/acme/idp-portal@sha256:...

It runs in a workflow, on a machine with no package of ours; hence lines, and no YAML parser.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

REFERENCE = r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}"
KEY = "  idp:portal:"


def written(text: str, image: str) -> str:
    """A stack's file with this image.

    Raises:
        ValueError: it says something of the portal, but no image to replace.
    """
    lines = text.splitlines(keepends=True)
    start = next((number for number, line in enumerate(lines) if line.startswith(KEY)), None)
    if start is None:
        after = next(
            (number for number, line in enumerate(lines) if line.startswith("  idp:repository:")), len(lines) - 1
        )
        return "".join([*lines[: after + 1], f"{KEY} {{image: {image}}}\n", *lines[after + 1 :]])
    end = next((n for n in range(start + 1, len(lines)) if re.match(r" {0,2}\S", lines[n])), len(lines))
    block = "".join(lines[start:end])
    changed, found = re.subn(rf"(image: ['\"]?){REFERENCE}", lambda match: match[1] + image, block, count=1)
    if not found:
        raise ValueError("idp:portal has no `image` by digest; write `image: " + image + "` into it")
    return "".join([*lines[:start], changed, *lines[end:]])


def main(image: str) -> None:
    """Change the files; nothing is written where one cannot be."""
    if not re.fullmatch(REFERENCE, image):
        sys.exit(f"no image by digest: {image}")
    made: dict[Path, str] = {}
    mistakes: list[str] = []
    for file in sorted(Path().glob("Pulumi.*.yaml")):
        try:
            made[file] = written(file.read_text(), image)
        except ValueError as error:
            mistakes.append(f"{file}: {error}")
    if mistakes:
        sys.exit("\n".join(mistakes))
    for file, text in made.items():
        file.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
