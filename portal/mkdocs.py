#!/usr/bin/env -S -i PATH=/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 /opt/mkdocs/bin/python -IB
"""The image's `mkdocs`: it makes pages of docs that anybody may have written, and they get at nothing else.

It runs as the portal's user, to whom all that the portal has is open: credentials in /proc, the ServiceAccount's token. A
mkdocs.yml has more ways of asking for a file, a variable or a server than Backstage takes out of it: PlantUML's `source` and
`servers`, the `docs_dir` of an `!include`, `!ENV`. So the first line drops every variable, and Python asks `fence` before each
file, program and connection.
"""

import os
import sys
import tempfile

FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system")
FILES = {"open", "os.listdir", "os.mkdir", "os.scandir"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def fence(docs, site):
    """Leave the docs, Python's own files and temporary ones to be read, the site and temporary ones to be written."""
    written = [os.path.realpath(each) for each in (site, tempfile.gettempdir())]
    read = [*written, *(os.path.realpath(each) for each in (docs, sys.prefix, sys.base_prefix, "/usr"))]

    def ask(event, arguments):
        if event.startswith(FORBIDDEN):
            raise PermissionError(f"docs start no program and ask no server ({event})")
        if event in FILES and isinstance(arguments[0], (str, bytes, os.PathLike)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            writes = event == "os.mkdir" or event == "open" and arguments[2] & WRITES
            if not any(os.path.commonpath((path, each)) == each for each in (written if writes else read)):
                raise PermissionError(f"{path} is none of the docs' files")

    sys.addaudithook(ask)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as tempfile.tempdir:
        fence(os.getcwd(), sys.argv[sys.argv.index("-d") + 1])
        from mkdocs.__main__ import cli

        cli(prog_name="mkdocs")
