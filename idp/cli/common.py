"""What the commands share: their options, where they print, and how they end on a mistake."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console

from idp.demo.errors import DemoError
from idp.errors import MistakesError
from idp.templates import TemplateError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from idp.lifecycle.engine import Engine
    from idp.settings import Settings

StackOption = Annotated[str, typer.Option("--stack", "-s", help="Whose Pulumi.<stack>.yaml is read.")]
ProjectOption = Annotated[Path, typer.Option("--project", help="The folder of Pulumi.yaml.", file_okay=False)]
HERE = Path()

console = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)


@contextmanager
def mistakes_end_it() -> Generator[None]:
    """Print every mistake and end with exit code 1; nothing was registered."""
    try:
        yield
    except (DemoError, MistakesError, TemplateError) as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    except OSError as error:
        if error.filename is None:  # no file's
            raise
        errors.print(f"{error.filename}: {error.strerror}", markup=False)
        raise typer.Exit(1) from None


@contextmanager
def failures_end_it() -> Generator[None]:
    """The same for commands that talk to the engine, a cluster or GitHub: what failed, without a traceback."""
    from github import GithubException  # noqa: PLC0415  only these commands need it
    from requests import RequestException  # noqa: PLC0415

    from components.dynamic.forge_bundle import BundleError  # noqa: PLC0415
    from components.dynamic.forge_client import ForgeError  # noqa: PLC0415
    from components.dynamic.kind_cluster import KindError  # noqa: PLC0415
    from idp.cluster_api import ClusterError  # noqa: PLC0415
    from idp.lifecycle.building import BuildError  # noqa: PLC0415
    from idp.lifecycle.engine import EngineError  # noqa: PLC0415
    from idp.lifecycle.locks import BusyError  # noqa: PLC0415
    from idp.lifecycle.own_forge import NoForgeError  # noqa: PLC0415

    with mistakes_end_it():
        try:
            yield
        except (
            BuildError,
            BundleError,
            BusyError,
            ClusterError,
            EngineError,
            ForgeError,
            KindError,
            NoForgeError,
        ) as error:
            errors.print(str(error), markup=False)
            raise typer.Exit(1) from None
        except GithubException as error:
            errors.print(f"GitHub answers {error.status}: {error.message}", markup=False)
            raise typer.Exit(1) from None
        except RequestException as error:
            host = urlsplit(getattr(error.request, "url", "") or "").netloc or "GitHub"
            errors.print(
                f"{host}: no connection; GITHUB_BASE_URL names another GitHub, HTTPS_PROXY a way to it: {error}",
                markup=False,
            )
            raise typer.Exit(1) from None


def bringing_up(settings: Settings) -> str:
    """The command that brings a stack up; where it has a forge of its own, one that makes the services' images too."""
    if settings.forge:
        return "make local" if settings.stack == "local" else f"python -m idp local --stack {settings.stack}"
    return f"make up STACK={settings.stack}"


def engine_of(project: Path, stack: str) -> Engine:
    """The engine on a stack with its own folder, made where there is none yet."""
    from idp.lifecycle.engine import Engine  # noqa: PLC0415
    from idp.lifecycle.workspace import Workspace  # noqa: PLC0415

    engine = Engine(workspace=Workspace(root=project.resolve(), stack=stack))
    engine.ready()
    return engine


def token_of(engine: Engine, key: str) -> str | None:
    """A token by its config key: the stack's own, else the environment's; nothing where neither has one."""
    from idp.lifecycle.machine import token_of_environment  # noqa: PLC0415

    return engine.secret(key) or token_of_environment(key)


def certificate_of(project: Path, stack: str, output: str) -> str:
    """One of the certificates that a stack has for everybody, from its state.

    Raises:
        Exit: the stack has none, or was never brought up.
    """
    from idp.lifecycle.engine import EngineError  # noqa: PLC0415

    engine = engine_of(project, stack)
    try:
        return engine.quietly("stack", "output", output)
    except EngineError:
        errors.print(f"stack {stack} has no {output}; `python -m idp up --stack {stack}` makes it", markup=False)
        raise typer.Exit(1) from None


def write(files: Mapping[str, bytes], out: Path | None) -> None:
    """Put files below a folder, or print them one after the other."""
    if out is None:
        for path, content in files.items():
            sys.stdout.write(f"--- # {path}\n{content.decode()}")
        return
    with mistakes_end_it():
        put(files, out)
    errors.print(f"{len(files)} files below {out}")


def put(files: Mapping[str, bytes], folder: Path) -> None:
    """Put files below a folder, with the folders between.

    Raises:
        OSError: one of them cannot be written.
    """
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
