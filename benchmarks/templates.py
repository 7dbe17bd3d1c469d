"""What each template makes, and what its services cost: `make bench` prints it, `--write` puts it into the guide.

Packages are installed in a folder of this run's own, from the lock files; the rest is measured on the installed service.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from idp import answers, recorder, render, templates  # noqa: E402  the project is a folder, not a package
from idp.model import Service  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    from idp.settings import Settings
    from idp.templates import Template

GUIDE = PROJECT / "docs" / "006-adding-a-template.md"
BEGIN, END = "<!-- measured by benchmarks/templates.py -->", "<!-- end -->"
SERVICES, STARTS, REST_SECONDS = 1000, 5, 5


def told(settings: Settings, template: Template, name: str) -> dict[str, object]:
    """The answers of a service of this stack."""
    team = settings.catalog.teams[0].name
    entry = Service.model_validate(
        {"name": name, "team": team, "template": template.info.name, "description": "Measured"}
    )
    return answers.service_answers(settings, entry)


def rendering(settings: Settings, template: Template) -> float:
    """Seconds for a thousand services."""
    every = [told(settings, template, f"service-{number}") for number in range(SERVICES)]
    begun = time.perf_counter()
    for each in every:
        render.render(template, each)
    return time.perf_counter() - begun


def install(files: Mapping[str, bytes], template: Template, folder: Path) -> None:
    """The repository, as its README says."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    commands = template.commands
    for command in (*commands.install, *commands.build):
        subprocess.run(shlex.split(command), cwd=folder, check=True, stdout=subprocess.DEVNULL)


def started(template: Template, folder: Path, *, rest: float = 0) -> tuple[float, float]:
    """Seconds until it listens, and MiB of memory after a rest."""
    environment = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": "0", "SHUTDOWN_DELAY_MS": "0"}
    command = shlex.split(template.commands.start)
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if json.loads(line)["msg"] == "listening":
                break
        seconds = time.perf_counter() - begun
        time.sleep(rest)
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        process.communicate()  # what it says at its end has to go somewhere
    return seconds, int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def row(settings: Settings, name: str) -> str:
    """One template's line."""
    template = templates.load(name)
    files = render.render(template, told(settings, template, "measured")).files
    with tempfile.TemporaryDirectory() as folder:
        install(files, template, Path(folder))
        starts = [started(template, Path(folder))[0] for _ in range(STARTS)]
        memory = started(template, Path(folder), rest=REST_SECONDS)[1]
    cells = (
        f"`{name}`",
        len(files),
        f"{rendering(settings, template):.1f} s",
        f"{statistics.median(starts):.2f} s",
        f"{memory:.0f} MiB",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/006")
    settings = recorder.load(PROJECT, "dev")
    head = [
        "| template | files | rendering 1,000 services | start | memory at rest |",
        "| --- | --- | --- | --- | --- |",
    ]
    write = parser.parse_args().write
    table = "\n".join([*head, *(row(settings, name) for name in templates.names(kinds=("service",)))])
    print(table)
    if write:
        before, _, rest = GUIDE.read_text().partition(BEGIN)
        GUIDE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
