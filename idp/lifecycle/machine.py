"""What doctor asks of a machine, each question replaceable: a test answers as a machine that lacks something."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import urllib3
from kubernetes import client  # pyright: ignore[reportMissingTypeStubs]
from kubernetes.client.exceptions import ApiException  # pyright: ignore[reportMissingTypeStubs]

from components.dynamic.kind_cluster import Folder
from idp.cluster_api import PATIENCE, ClusterApi, ClusterError, notes
from idp.ports import port_is_free
from idp.settings import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SECONDS = 20.0
"""For a command to answer: `kind get clusters` takes one where Docker is well, and for ever where it hangs."""
TIMED_OUT, NOT_RUN = 124, 127
"""Exit codes of a command that took too long and of one that could not be started, as `timeout` and the shell have them."""

DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
"""Annotations that make a StorageClass the default; Kubernetes still honours the older one."""


class Cluster(Protocol):
    """What doctor asks of a cluster; each question raises `ClusterError` where nobody answers it."""

    def version(self) -> str:
        """Which Kubernetes it runs."""
        ...

    def may(self, verb: str, resource: str, group: str) -> bool:
        """Whether the kubeconfig's user may do that in every namespace."""
        ...

    def user(self) -> str:
        """Whom the cluster takes the kubeconfig's user for."""
        ...

    def gives_volumes(self) -> bool:
        """Whether it has a default StorageClass."""
        ...


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int = 0
    out: str = ""
    error: str = ""


def run(command: Sequence[str], seconds: float = SECONDS) -> Answer:
    """Run a command to its end, or to the end of our patience; what it started ends with it."""
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    except OSError as error:
        return Answer(NOT_RUN, error=error.strerror or str(error))
    try:
        out, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        return Answer(TIMED_OUT, error=f"no answer in {seconds:g} seconds")
    except BaseException:
        _end(process)
        raise
    return Answer(process.returncode, out, said)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill a command with all that it started, which may hold its output open."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def token_of_environment(key: str) -> str | None:
    """A token by its config key, from the environment variable that does as well."""
    return os.environ.get(SECRETS[key]) or None


class LiveCluster(ClusterApi):
    """A cluster asked about itself, with the credentials of a kubeconfig."""

    def version(self) -> str:
        """Which Kubernetes it runs."""
        return str(self._ask("VersionApi", "get_code").git_version)

    def may(self, verb: str, resource: str, group: str) -> bool:
        """Whether the kubeconfig's user may do that in every namespace."""
        wanted = {"spec": {"resourceAttributes": {"verb": verb, "resource": resource, "group": group}}}
        return bool(self._ask("AuthorizationV1Api", "create_self_subject_access_review", wanted).status.allowed)

    def user(self) -> str:
        """Whom the cluster takes the kubeconfig's user for."""
        return str(self._ask("AuthenticationV1Api", "create_self_subject_review", {}).status.user_info.username)

    def gives_volumes(self) -> bool:
        """Whether it has a default StorageClass."""
        classes = self.every("storage.k8s.io/v1", "StorageClass")
        return any(notes(each).get(mark) == "true" for each in classes for mark in DEFAULT_CLASS)

    def _ask(self, group: str, question: str, *body: dict[str, Any]) -> Any:
        """An answer of the API; a review is a question that is asked by making an object which is never kept."""
        try:
            return getattr(getattr(cast("Any", client), group)(self._api), question)(*body, _request_timeout=PATIENCE)
        except ApiException as error:
            said = cast("Any", error)
            raise ClusterError(f"it refuses the kubeconfig's credentials: {said.status} {said.reason}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ClusterError(f"it does not answer: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine that is to run `up`; what is left out is asked of this one."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    system: str = field(default_factory=platform.system)
    """`Linux`, `Darwin`."""
    which: Callable[[str], str | None] = shutil.which
    run: Callable[[Sequence[str]], Answer] = run
    read: Callable[[Path], str] = Path.read_text
    """A file's text; raises OSError where there is none."""
    port_is_free: Callable[[int], bool] = port_is_free
    owns: Callable[[Folder, str], bool] = Folder.owns
    """Whether the Kind cluster of that name is the folder's stack's; raises KindError where it cannot be asked."""
    token: Callable[[str], str | None] = token_of_environment
    """A token by its config key; nothing where none is given."""
    cluster: Callable[[str, str], Cluster] = LiveCluster
    """A cluster by its kubeconfig's text and a context in it."""
