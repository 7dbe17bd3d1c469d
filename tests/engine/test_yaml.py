"""The config that the program is given: as the real engine reads it, and as the project's own reader does without one."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from idp import stackfile
from idp.errors import MistakesError
from tests.support.engine import PASSPHRASE, PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROGRAM = """
import json, os, pathlib
names = ("PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS")
pathlib.Path("seen.json").write_text(json.dumps([json.loads(os.environ[name]) for name in names]))
"""
HEAD = f"name: idp\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {PROJECT / '.venv'}}}}}\n"

# One plain scalar a word, a space within it escaped. Left out: `.inf` and `.nan`, which the engine refuses (below), and
# texts that begin with a line break, which the engine drops.
SCALARS = r"""
true True TRUE false False FALSE tRUE yes Yes no on off y n
~ null Null NULL nULL
0 7 -7 +7 1_000 1__0 1_ _1 +_1 0x1F -0x1f +0x1F 0xg 0x 0777 0o777 -0o17 0O17 +017 08 -09 0o8 0b101 -0b11 0b2 0_7 0x_f 00 -0 +0
9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 +9223372036854775808
18446744073709551615 18446744073709551616 99999999999999999999999 0xffffffffffffffff 0x1ffffffffffffffff
-0xffffffffffffffff 0o7777777777777777777777 07777777777777777777777
1.10 1. .5 -.5 +.5 .5_0 ._5 .5__0 .5_ .5_0e1_0 .1_e1 1_0.5 1.5e3 1e3 1E3 1e+3 1e-3 1e20 1e21 1e22 1.5e300 1e400 -1e400
1e-400 1e-6 1e-7 123456789.125 0.1 0.30000000000000004 5e-324 1.7976931348623157e308 9007199254740993 1e15 1e16
123456789012345680000.0 -0.0 0x1p3 1e 1.2.3 -1.5e-9 . .. ... + -. 1:30 190:20:30 1,000 12e03 .1e2 .e1 1e3_0
2024-02-29 2023-02-29 2024-2-9 2024-13-01 2024-00-10 2024-1-0 24-01-02 02024-01-02 0000-01-01 0000-02-29 9999-12-31 2024-01
2024-01-02T03:04:05Z 2024-01-02t03:04:05Z 2024-1-2T3:4:5Z 2024-01-02T03:04:05z 2024-01-02T03:04:05 2024-01-02T24:00:00Z
2024-01-02T03:04:05.5Z 2024-01-02T03:04:05.123456789Z 2024-01-02T03:04:05.1234567899Z 2024-01-02T03:04:05.000Z
2024-01-02T03:04:05+05:47 2024-01-02T03:04:05.25-03:17 2024-01-02T03:04:05+00:00 2024-01-02T03:04:05-00:00
2024-01-02T03:04:05+0547 2024-01-02T03:04:05,5Z 2024-01-02T03:04:60Z 2024-01-02T03:60:00Z
2024-01-02\ 03:04:05 2024-1-2\ 3:4:5.25 2024-01-02\ 03:04:05Z 2024-01-02\ 03:04:05\ -5 2024-01-02\ \ 03:04:05
a a:b http://host:80/x?y=z#w a#b 'it''s' "a\tb\u00e9\x41" "" '' "12" 'true' "~" '2024-01-02' "<&>" "\u2028" "\u0007"
é 日本 ٣ x<y a&b -- -1x +x .x 1x <<
!!str\ 12 !!str\ true !!int\ "0x10" !!float\ 12 !!float\ "1.5" !!null\ "" !!timestamp\ "2024-01-02" !foo\ 12 !\ 12 !!bool\ "true"
"""

STRUCTURES = r"""
anchored: &base {workers: 2, labels: &labels {role: platform, tier: "1"}}
alias: *base
merged: {<<: *base, workers: 3}
merged list:
  <<: [*labels, {role: other, more: yes}]
  extra: 0x10
merged under null: {<<: *labels, role: ~}
merged last:
  role: mine
  <<: *labels
merged twice: {<<: &once {<<: *labels, deep: {<<: *base}}, more: 1}
aliases in a list: [*labels, *labels]
merge as a value: {a: <<}
keys: {1: a, 0x10: b, true: c, yes: d, ~: e, 1.50: f, 2024-01-02: g, "2": h}
keys below: {a: {1: x, b: [~, {2: y}]}, c: null, d: }
nothing:
emptiness: {text: "", map: {}, list: []}
literal: |
  first
    second

  third
stripped: |-
  first
kept: |+
  first

folded: >
  one
  two

  three
    indented
indented: |2
    two more
plain: text
  over two lines
double: "two\
  \ parts \t \x07 \U0001F600 \0"
single: 'one
  two'
flow: {a: , b, "c":1, d: [x, y: z], ? e : f}
block:
- a
- - b
  - c
-
  d: e
- ~
-
explicit:
  ? key
  : value
tags: {a: !!map {a: 1}, b: !!seq [1]}
texts: ["#", 'a: b', "*x", "&y", "- a", " lead", "trail ", "a\n", "a\n\nb", "\t", "a\rb", "\u0085", "\uFEFF", "=", "1:30",
  "<<", "---", "...", ":", "a:", "?", "\u007f", "\ufffd", "\U0010FFFF", " ", " \n", "a \nb", " a\nb", "#a\nb", "a\n#b"]
numbers: {a: 18446744073709551615, b: 9223372036854775808, c: 9223372036854775807, d: 1e100, e: 0.00000012, f: 1e6}
sorted: {"é": 1, b: 2, "日": 3, a: 4, B: 5, "\U0001F600": 6, "\uFFFD": 7, "<": 8}
"""

DECLARED = r"""config:
  pulumi:disable-default-providers:
    value: [kubernetes, github]
  text: {type: string, default: acme <b>}
  number: {type: integer, default: 0x1F}
  truth: {type: boolean, default: true}
  untruth: {type: boolean, default: false}
  words: {type: array, items: {type: string}, default: [a, "1", <x>]}
  object: {type: object, default: {a: 1, b: {c: [1.10, ~]}}}
  untyped: {default: 1e3}
  fraction: {default: 1.5e-9}
  large: {default: 9223372036854775808}
  larger: {default: [18446744073709551615, 1e21]}
  given: {type: object, default: {a: 1, b: 2}}
  nothing: {type: string, default: x}
  no text: {type: string, default: ""}
  no items: {type: array, items: {type: string}, default: []}
  no keys: {type: object, default: {}}
  shorthand: text
  short number: 012
  short truth: False
  short list: [a, 2]
  aws:region: eu-west-1
  aws:zones: [x]
  idp:prefixed: {type: string, default: y}
  idp:short: z
  required: {type: string}
  anchored: &anchored {default: [~]}
  aliased: *anchored
"""


@dataclass(frozen=True)
class Seen:
    """The config as a program sees it."""

    values: Mapping[str, str]
    secrets: frozenset[str]


@dataclass(frozen=True)
class Reader:
    """A project with an empty program, whose stack has a salt."""

    home: Path

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
            "PULUMI_HOME": str(self.home / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.home}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "TZ": "UTC",  # the engine names the machine's own offset in times
        }
        command = ["pulumi", "--non-interactive", "--color", "never", "-C", str(self.home), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    @property
    def stack(self) -> Path:
        """The stack's file."""
        return self.home / "Pulumi.dev.yaml"

    def use(self, config: str, declared: str = "") -> None:
        """Have this config in the stack's file, and that in the project's."""
        (self.home / "Pulumi.yaml").write_text(HEAD + declared)
        salt = [line for line in self.stack.read_text().splitlines() if line.startswith("encryptionsalt:")]
        self.stack.write_text(f"{config}\n{salt[0]}\n")

    def engine(self) -> Seen:
        """What the engine gives to the program."""
        done = self.pulumi("preview", "--stack", "dev")
        assert done.returncode == 0, done.stdout + done.stderr
        values, secrets = json.loads((self.home / "seen.json").read_text())
        return Seen(values, frozenset(secrets))

    def ours(self) -> Seen:
        """What the recorder gives to it."""
        found = stackfile.read_config(self.home, "dev")
        return Seen(found.values, found.secrets)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    made = Reader(tmp_path_factory.mktemp("yaml"))
    (made.home / "Pulumi.yaml").write_text(HEAD)
    (made.home / "__main__.py").write_text(PROGRAM)
    done = made.pulumi("stack", "init", "dev")
    assert done.returncode == 0, done.stderr
    return made


def scalars() -> list[str]:
    """The words above."""
    return [word.replace("\\ ", " ") for word in re.split(r"(?<!\\)\s+", SCALARS.strip())]


def generated(number: int) -> list[str]:
    """Words that are nearly numbers or nearly times, always the same ones."""
    random_ = random.Random(7)  # noqa: S311  a table, not a secret
    seeds = [
        "1234567890",
        "-12.75e-3",
        "0x7fFF",
        "0o1_777",
        "0b1011",
        "2024-02-29",
        "2024-12-31T23:59:58.250Z",
        ".125e+7",
    ]
    return [mutated(random_.choice(seeds), random_) for _ in range(number)]


def mutated(word: str, random_: random.Random) -> str:
    """The word with up to three of its characters changed, doubled or dropped."""
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(word))
        character = random_.choice("0123456789_.+-eExXoObBTtZ:afF")
        word = word[:at] + random_.choice([character, character + word[at], word[at] * 2, ""]) + word[at + 1 :]
        word = word if word.strip(":-.") and not word.endswith(":") else "0"
    return word


def config_of(words: list[str]) -> str:
    """Each word as a value, and once more in a list, where the engine takes another way."""
    lines = [f"  idp:top{at}: {word}\n  idp:nested{at}:\n  - {word}" for at, word in enumerate(words)]
    return "\n".join(["config:", *lines])


def differences(reader: Reader) -> dict[str, tuple[Any, Any]]:
    """Key -> what the engine says of it, and what we say."""
    theirs, ours = reader.engine().values, reader.ours().values
    assert len(theirs) > 5
    return {key: (theirs.get(key), ours.get(key)) for key in theirs.keys() | ours if theirs.get(key) != ours.get(key)}


@pytest.mark.parametrize("words", [pytest.param(scalars(), id="written"), pytest.param(generated(60), id="generated")])
def test_a_scalar_means_what_it_means_to_the_engine(words: list[str], reader: Reader) -> None:
    """A preview that took a version for a number, or a date for a text, would show another plan than `up` makes."""
    reader.use(config_of(words))

    found = differences(reader)

    assert {words[int(re.sub(r"\D", "", key))]: both for key, both in found.items()} == {}


def test_structures_anchors_and_merges_mean_what_they_mean_to_the_engine(reader: Reader) -> None:
    """People share parts of entries by anchors, and write texts over several lines."""
    keys = re.sub(r"^(?=[a-z])", "idp:", STRUCTURES, flags=re.MULTILINE)
    reader.use("config:" + keys.replace("\n", "\n  ") + "\n  unnamed: text\n  aws:region: eu-west-1")

    assert differences(reader) == {}


def test_defaults_of_every_type_stand_under_the_stacks_values(reader: Reader) -> None:
    """What Pulumi.yaml declares reaches the program where the stack says nothing, and nothing of it where it says something."""
    reader.use("config: {idp:given: {c: 3}, nothing: , required: given, aws:region: us-east-1}", DECLARED)

    assert differences(reader) == {}


def test_a_byte_order_mark_is_no_part_of_the_first_key(reader: Reader) -> None:
    """Editors on Windows write one."""
    reader.use("\ufeffconfig: {a: 1, b: 2, c: 3, d: 4, e: 5, f: 6}")

    assert differences(reader) == {}


def test_secrets_are_the_engines_secrets_and_placeholders_here(reader: Reader) -> None:
    """A part of an object may be encrypted too; then the whole object is secret."""
    reader.use("config:\n  idp:clear: {secure: [no text]}\n  idp:plain: text")
    for key in ("token", "nested.deep[0].token"):
        done = reader.pulumi("config", "set", "--secret", "--path", f"idp:{key}", "planted", "--stack", "dev")
        assert done.returncode == 0, done.stderr

    theirs, ours = reader.engine(), reader.ours()

    assert theirs.secrets == ours.secrets == {"idp:token", "idp:nested"}
    shown = {key: value.replace("planted", stackfile.ENCRYPTED) for key, value in theirs.values.items()}
    assert shown == ours.values
    assert theirs.values != ours.values


@pytest.mark.parametrize(
    "config",
    [
        pytest.param("{idp:a: .inf}", id="infinity"),
        pytest.param("{idp:a: [-.INF]}", id="infinity below"),
        pytest.param("{idp:a: [.nan]}", id="not a number"),
        pytest.param("{idp:a: 1, idp:a: 2}", id="key twice"),
        pytest.param("{idp:a: {b: 1, 'b': 2}}", id="key twice, quoted"),
        pytest.param("{idp:a: {<<: {b: 1}, <<: {c: 2}}}", id="merge twice"),
        pytest.param("{idp:a: &a [*a]}", id="contains itself"),
        pytest.param("{idp:a: &a {b: {<<: *a}}}", id="merges itself"),
        pytest.param("{idp:a: {<<: 1}}", id="merges a number"),
        pytest.param("{idp:a: {<<: [1]}}", id="merges a list of numbers"),
        pytest.param("{idp:a: {? [b] : c}}", id="a list as a key"),
        pytest.param("{idp:a: *nowhere}", id="unknown anchor"),
        pytest.param("{idp:a: [}", id="no YAML"),
        pytest.param('{idp:a: "\\q"}', id="unknown escape"),
        pytest.param("\n\tidp:a: 1", id="tab"),
        pytest.param("[1, 2]", id="a list"),
    ],
)
def test_what_the_engine_refuses_is_a_mistake_here(config: str, reader: Reader) -> None:
    """`validate` that passes what `up` refuses has not validated."""
    reader.use(f"config: {config}")

    done = reader.pulumi("preview", "--stack", "dev")

    assert done.returncode != 0
    with pytest.raises(MistakesError) as caught:
        reader.ours()
    assert all(mistake.file == "Pulumi.dev.yaml" and mistake.line for mistake in caught.value.mistakes)
