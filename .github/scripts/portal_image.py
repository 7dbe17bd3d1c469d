"""Write the portal's image into the file of every stack that pulls it, and change nothing else in them.

Usage: portal_image.py ghcr.io/acme/idp-portal@sha256:...

A stack without a portal has no use for it, and one with a forge of its own has no token to pull it with. It runs in a workflow,
on a machine with no package of ours; hence lines, and no YAML parser.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

REFERENCE = r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}"
IMAGE = re.compile(rf"^([^#\n]*\bimage: *['\"]?){REFERENCE}", re.MULTILINE)


def key(text: str, name: str) -> re.Match[str] | None:
    """A key of the config, with all that is below it."""
    return re.search(rf"^( +)idp:{name}:(?:[ \t].*)?\n(?:\1[ #].*\n|[ \t]*\n)*", text, re.MULTILINE)


def pulls(text: str) -> bool:
    """Whether a stack has a portal whose image comes from GitHub's registry."""
    github, components = key(text, "github"), key(text, "components")
    local = github and re.match(r" +idp:github: +['\"]?local\b", github[0])
    off = components and re.search(r"^[^#\n]*\bportal: *['\"]?off\b", components[0], re.MULTILINE)
    return not (local or off)


def written(text: str, image: str) -> str:
    """A stack's file with this image, if it is to have one.

    Raises:
        ValueError: it says something of the portal in a way that is somebody's choice, or not known here.
    """
    first = re.search(r"^( +)idp:", text, re.MULTILINE)
    if not pulls(text) or not first:
        return text
    text += "" if text.endswith("\n") else "\n"
    if portal := key(text, "portal"):
        return text[: portal.start()] + _in(portal[0], image) + text[portal.end() :]
    if re.search(r"^[^#\n]*idp:portal\b", text, re.MULTILINE):
        raise ValueError(f"idp:portal is written in a way that is not known here; write `image: {image}` into it")
    repository = re.search(r"^ +idp:repository:.*\n", text, re.MULTILINE)
    place = repository.end() if repository else first.start()
    return f"{text[:place]}{first[1]}idp:portal: {{image: {image}}}\n{text[place:]}"


def _in(block: str, image: str) -> str:
    """What a file says of its portal, with this image in place of an older one, or before all else."""
    changed, found = IMAGE.subn(lambda match: match[1] + image, block, count=1)
    if found:
        return changed
    flow = re.match(r" +idp:portal: +\{(?P<rest>\s*)(?P<empty>\})?", block)
    below = re.match(r" +idp:portal: *(?:#.*)?\n(?:\s*#.*\n|\s*\n)*(?P<indent> +)\w+:", block)
    if not re.search(r"^[^#\n]*\bimage['\"]? *:", block, re.MULTILINE):
        if flow:
            start, comma = flow.start("rest"), "," if flow["rest"] else ", "
            return f"{block[:start]}image: {image}{'' if flow['empty'] else comma}{block[start:]}"
        if below:
            start = below.start("indent")
            return f"{block[:start]}{below['indent']}image: {image}\n{block[start:]}"
    raise ValueError(f"idp:portal has no `image` by digest; write `image: {image}` into it")


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
