"""The config that the program is given: as the real engine reads it, and as the project's own reader does without one."""

# ruff: noqa: E501  a table
from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from idp import stackfile

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json, os, pathlib
pathlib.Path("seen.json").write_text(os.environ["PULUMI_CONFIG"])
"""
PROJECT = """
name: idp
runtime: {name: python, options: {toolchain: pip, virtualenv: .venv}}
config:
  pulumi:disable-default-providers: {value: [kubernetes, github]}
  text: {type: string, description: x, default: "12"}
  number: {type: integer, description: x, default: 12}
  truth: {type: boolean, description: x, default: true}
  list: {type: array, items: {type: string}, description: x, default: [a, "b"]}
  object: {type: object, description: x, default: {a: {b: 1}, c: [1, true, null, 1.5]}}
  replaced: {type: object, description: x, default: {a: 1, b: 2}}
"""
MORE = """
  idp:replaced: {a: 3}
  short: without a namespace
  idp:deep: {on: yes, no: 1.10, when: 2024-01-02, 1: {0x10: ~}, list: [~, [], {}, "", 0777, 12:30:00]}
  idp:base: &base {a: 1, b: 2}
  idp:merged: {<<: *base, b: 3}
  idp:alias: *base
  idp:block: |
    two
    lines
  idp:folded: >-
    one
    line
"""

# `.inf` and `.nan` are not here: the engine refuses them, as JSON has no such numbers. No offset is a whole number of hours:
# the engine would name one that is the machine's own by its zone.
SCALARS = """
true True TRUE false False FALSE tRUE yes Yes no on off y n
~ null Null NULL nULL
0 7 -7 +7 1_000 1__0 1_ _1 +_1 0x1F -0x1f +0x1F 0xg 0x 0777 0o777 -0o17 0O17 +017 08 -09 0o8 0b101 -0b11 0b2 0_7 0x_f 00 -0 +0
9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 +9223372036854775808
18446744073709551615 18446744073709551616 99999999999999999999999 0xffffffffffffffff 0x1ffffffffffffffff
-0xffffffffffffffff 0o7777777777777777777777 07777777777777777777777
1.10 1. .5 -.5 +.5 .5_0 ._5 .5__0 .5_ .5_0e1_0 .1_e1 1_0.5 1.5e3 1e3 1E3 1e+3 1e-3 1e20 1e21 1e22 1.5e300 1e400 -1e400 1e-400 1e-6 1e-7 123456789.125
0.1 0.30000000000000004 5e-324 1.7976931348623157e308 9007199254740993 1e15 1e16 123456789012345680000.0 -0.0 0x1p3 1e 1.2.3
-1.5e-9 . .. ... - + -. 1:30 190:20:30 1,000 12e03 .1e2 .e1 1e3_0
2024-02-29 2023-02-29 2024-2-9 2024-13-01 2024-00-10 2024-1-0 24-01-02 02024-01-02 0000-01-01 9999-12-31 2024-01
2024-01-02T03:04:05Z 2024-01-02t03:04:05Z 2024-1-2T3:4:5Z 2024-01-02T03:04:05z 2024-01-02T03:04:05 2024-01-02T24:00:00Z
2024-01-02T03:04:05.5Z 2024-01-02T03:04:05.123456789Z 2024-01-02T03:04:05.1234567899Z 2024-01-02T03:04:05.000Z
2024-01-02T03:04:05+05:47 2024-01-02T03:04:05.25-03:17 2024-01-02T03:04:05+00:00 2024-01-02T03:04:05-00:00
2024-01-02T03:04:05+0547 2024-01-02T03:04:05,5Z 2024-01-02T03:04:60Z 2024-01-02T03:60:00Z
a a:b http://host:80/x?y=z#w a#b 'it''s' "a\\tb\\u00e9\\x41" "" '' "12" 'true' "~" '2024-01-02' "<&>" "\\u2028" "\\u0007"
é 日本 ٣ x<y a&b - -- -1x +x .x 1x <<
!!str\\ 12 !!str\\ true !!int\\ "0x10" !!float\\ 12 !!float\\ "1.5" !!null\\ "" !!timestamp\\ "2024-01-02" !foo\\ 12 !\\ 12 !!bool\\ "true"
"""


def words() -> list[str]:
    """The scalars above, and numbers of every form from a seeded source."""
    source = random.Random(20)  # noqa: S311  the same words every time
    made = ["".join(source.choices("0123456789_.eE+-xob", k=source.randint(1, 7))) for _ in range(150)]
    told = [word.replace("\\ ", " ").replace("\\\\", "\\") for word in re.split(r"(?<!\\)\s+", SCALARS.strip())]
    return [word for word in [*told, *made] if not word.startswith(("-", ".", "?")) or len(word) > 1]


def document() -> str:
    """A stack file with each word at the top and inside a list."""
    top = "".join(f"  idp:w{number}: {word}\n" for number, word in enumerate(words()))
    inner = "".join(
        f"  idp:i{number}: [{word}]\n" for number, word in enumerate(words()) if not re.search(r"[,#{}]|: ", word)
    )
    return f"config:\n{top}{inner}{MORE}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("yaml")
    (made / "Pulumi.yaml").write_text(PROJECT)
    (made / "__main__.py").write_text(PROGRAM)
    (made / ".venv").symlink_to(sys.prefix)
    return made


def seen(folder: Path, text: str) -> dict[str, Any]:
    """What the engine hands to the program."""
    environment = os.environ | {
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder}",
        "PULUMI_CONFIG_PASSPHRASE": "planted",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }

    def pulumi(*arguments: str) -> None:
        command = ["pulumi", "--non-interactive", "-C", str(folder), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    pulumi("stack", "init", "dev")
    (folder / "Pulumi.dev.yaml").write_text(text + (folder / "Pulumi.dev.yaml").read_text())
    pulumi("preview")
    return json.loads((folder / "seen.json").read_text())


def test_the_reader_agrees_with_the_engine_on_every_value(folder: Path) -> None:
    """A plan that read `on: yes` as true would show what `up` does not make."""
    engine = seen(folder, document())

    ours = dict(stackfile.read_config(folder, "dev").values)
    wrong = [
        f"{key}: engine {engine.get(key)!r}, here {ours.get(key)!r}"
        for key in sorted({*engine, *ours})
        if engine.get(key) != ours.get(key)
    ]
    assert "\n".join(wrong) == ""
    assert len(engine) > 500
