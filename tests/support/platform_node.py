"""The node image of tests in which the platform's pods run: the images of all its parts are in it before a cluster is made.

No registry is asked. The parts are the real ones where this machine has them: the lab's binaries, Traefik from
requirements-ci.txt, git and Redis of this machine. Two small scripts (`pods/`) stand for the rest.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from idp import versions
from tests.support import gitea, lab, oci, portal
from tests.support.oci import Image, Layer

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "idp-tests-node"
PODS = Path(__file__).with_name("pods")
DOCKER = shutil.which("docker", path="/usr/bin") or "docker"
WHOAMI = f"{versions.PLACEHOLDER.name}:{versions.PLACEHOLDER.tag}"
CLIENT = "docker.io/idp-tests/client:1"
"""A shell with `curl` and `nslookup`, to look at things from inside a cluster."""
COLLECTOR, PROMETHEUS = "docker.io/idp-tests/otelcol:1", "docker.io/idp-tests/prometheus:1"
"""The lab's collector and Debian's Prometheus, where they are; tests configure them."""

BINARIES = (
    "argocd",
    "kustomize",
    "git-verify-wrapper.sh",
    "cert-manager",
    "sealed-secrets-controller",
    "redis-server",
    "git",
    "traefik",
    "busybox",
    "curl",
)
"""What the images are made of; the collector comes with them where it is."""


def find(name: str) -> str | None:
    """Where a binary is: on PATH, beside this Python, or in the lab."""
    folders = (Path(sys.executable).parent, lab.LAB / "bin")
    return shutil.which(name) or next((str(at / name) for at in folders if (at / name).is_file()), None)


def missing() -> list[str]:
    """Which of the binaries are nowhere."""
    return [name for name in BINARIES if not find(name)]


def _binary(name: str) -> Path:
    return Path(find(name) or name)


def images() -> list[Image]:
    """The platform's images, by the names that its charts ask for."""
    applets = subprocess.run(
        [str(_binary("busybox")), "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    shell = Layer(
        files={"/bin/busybox": _binary("busybox"), "/etc/passwd": "argocd:x:999:999::/home/argocd:/bin/sh\n"},
        links={f"/bin/{applet}": "busybox" for applet in applets if applet != "busybox"},
        folders=("/tmp",),  # noqa: S108 - in the image
    )
    curl = Layer(files=oci.closure(str(_binary("curl"))))
    answer = Layer(files={"/whoami": (PODS / "whoami").read_text()})
    return [
        *_certificates((shell, answer), (shell, curl)),
        *_ingress(),
        *_secrets(),
        *_argocd(shell),
        *_telemetry(),
        *_database(shell),
        *_forge(shell),
        *_others((shell, answer), (shell, curl)),
    ]


def _certificates(answer: tuple[Layer, ...], client: tuple[Layer, ...]) -> list[Image]:
    """The lab's controller serves no `/livez`, which the chart has the kubelet ask for; a server beside it does."""
    program = Layer(files={"/cert-manager": _binary("cert-manager")})
    check = Layer(files={"/startupapicheck": (PODS / "startupapicheck").read_text()})
    name = f"quay.io/jetstack/cert-manager-{{}}:{versions.CERT_MANAGER.version}".format
    alive = 'WHOAMI_PORT_NUMBER=9403 /whoami serve & exec /cert-manager controller "$@"'
    return [
        Image(names=(name("controller"),), layers=(*answer, program), entrypoint=("/bin/sh", "-c", alive, "sh")),
        Image(names=(name("webhook"),), layers=(program,), entrypoint=("/cert-manager", "webhook")),
        Image(names=(name("cainjector"),), layers=(program,), entrypoint=("/cert-manager", "cainjector")),
        Image(names=(name("startupapicheck"),), layers=(*client, check), entrypoint=("/startupapicheck",)),
    ]


def _ingress() -> list[Image]:
    program = Layer(files={"/traefik": _binary("traefik")})
    return [Image(names=("docker.io/traefik:v3.7.11",), layers=(program,), entrypoint=("/traefik",))]


def _secrets() -> list[Image]:
    """For the pinned chart, and for the one that comes with the lab's binary."""
    program = Layer(files={"/usr/local/bin/controller": _binary("sealed-secrets-controller")})
    names = tuple(f"docker.io/bitnami/sealed-secrets-controller:{tag}" for tag in ("0.36.6", "0.27.0"))
    return [Image(names=names, layers=(program,), entrypoint=("controller",), user="1001")]


def _argocd(shell: Layer) -> list[Image]:
    """Without Helm and GnuPG: the platform's repositories hold kustomizations, and it verifies no signature."""
    called = ("server", "repo-server", "application-controller", "applicationset-controller", "k8s-auth")
    core = Path(subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip())
    git = Layer(
        files=oci.closure(str(_binary("git")), str(core / "git-remote-http")),
        links={"/usr/local/bin/git": str(_binary("git")), str(core / "git"): str(_binary("git"))}
        | {str(core / "git-remote-https"): "git-remote-http"},
    )
    program = Layer(
        files={f"/usr/local/bin/{name}": _binary(name) for name in ("argocd", "kustomize", "git-verify-wrapper.sh")},
        links={f"/usr/local/bin/argocd-{name}": "argocd" for name in called},
        folders=("/home/argocd", "/app/config/gpg/source", "/app/config/gpg/keys"),
    )
    redis = Layer(files=oci.closure(str(_binary("redis-server"))))
    return [
        Image(
            names=("quay.io/argoproj/argocd:v3.4.4",), layers=(shell, git, program), entrypoint=("/bin/env",), user="999",
            environment=("PATH=/usr/local/bin:/bin", "HOME=/home/argocd", "USER=argocd", "ARGOCD_GPG_ENABLED=false"),
        ),
        Image(
            names=("ecr-public.aws.com/docker/library/redis:8.2.3-alpine",), layers=(shell, redis),
            entrypoint=(str(_binary("redis-server")),), user="999",
        ),
    ]  # fmt: skip


def _telemetry() -> list[Image]:
    made: list[Image] = []
    if find("otelcol"):
        names = tuple(f"docker.io/otel/opentelemetry-collector-{kind}:0.158.0" for kind in ("k8s", "contrib"))
        program = Layer(files={"/otelcol": _binary("otelcol")})
        made.append(Image(names=(*names, COLLECTOR), layers=(program,), entrypoint=("/otelcol",), user="10001"))
    if find("prometheus"):
        program = Layer(files=oci.closure(str(_binary("prometheus"))), folders=("/prometheus",))
        made.append(
            Image(names=(PROMETHEUS,), layers=(program,), entrypoint=(str(_binary("prometheus")),), user="1000")
        )
    return made


def _database(shell: Layer) -> list[Image]:
    """Debian's PostgreSQL, where it is."""
    if not (programs := portal.postgres()):
        return []
    version = programs.parent
    trees = (version / "lib", Path("/usr/share/postgresql") / version.name)
    called = [str(programs / name) for name in ("postgres", "initdb", "pg_isready")]
    server = Layer(
        files=oci.closure(*called)
        | {str(file): file for tree in trees for file in tree.rglob("*") if file.is_file()}
        | {"/entrypoint": (PODS / "postgres").read_text(), "/etc/passwd": "postgres:x:70:70::/:/bin/sh\n"},
    )
    pinned = f"{versions.POSTGRES.name}@{versions.POSTGRES.digest}"
    return [
        Image(
            names=(f"{versions.POSTGRES.name}:{versions.POSTGRES.tag}", pinned), layers=(shell, server),
            entrypoint=("/entrypoint",), user="70", environment=(f"PATH={programs}:/bin",),
        )
    ]  # fmt: skip


def _forge(shell: Layer) -> list[Image]:
    """The lab's Gitea, where it is, under the names that the real image has; its web pages' files are beside the binary."""
    bash = shutil.which("bash")
    if not gitea.BINARY.is_file() or not bash:
        return []
    tree = {
        f"/usr/share/gitea/{file.relative_to(gitea.STATIC)}": file for file in gitea.STATIC.rglob("*") if file.is_file()
    }
    libraries = oci.closure(str(_binary("git")), bash, str(gitea.BINARY))
    moved = {"/app/gitea/gitea": libraries.pop(str(gitea.BINARY))}
    program = Layer(
        files=libraries
        | moved
        | tree
        | {
            "/usr/local/bin/gitea": (PODS / "gitea").read_text(),
            "/etc/passwd": "git:x:1000:1000::/var/lib/gitea/git:/bin/sh\n",
        },
        links={"/usr/bin/env": "/bin/busybox"}
        | {f"/usr/local/bin/{name}": str(_binary("git")) for name in ("git", "git-upload-pack", "git-receive-pack")},
    )
    pinned = f"{versions.FORGE.name}@{versions.FORGE.digest}"
    return [
        Image(
            names=(f"{versions.FORGE.name}:{versions.FORGE.tag}", pinned), layers=(shell, program),
            entrypoint=("/usr/local/bin/gitea",), user="1000", environment=("PATH=/usr/local/bin:/usr/bin:/bin",),
        )
    ]  # fmt: skip


def _others(answer: tuple[Layer, ...], client: tuple[Layer, ...]) -> list[Image]:
    """What a service runs before its first build, by tag and by the digest that its overlay pins; and a client."""
    pinned = f"{versions.PLACEHOLDER.name}@{versions.PLACEHOLDER.digest}"
    return [
        Image(names=(WHOAMI, pinned), layers=answer, entrypoint=("/whoami", "serve")),
        Image(names=(CLIENT,), layers=client, entrypoint=("/bin/sleep", "infinity")),
    ]


def docker(*arguments: str, given: bytes | IO[bytes] | None = None) -> str:
    """Standard output of Docker's client."""
    source = {"stdin": given} if hasattr(given, "fileno") else {"input": given}
    done = subprocess.run([DOCKER, *arguments], capture_output=True, check=False, timeout=300, **source)
    if done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}: {done.stderr.decode()}")
    return done.stdout.decode().strip()


@cache
def node_image() -> str:
    """The name of the node image that has the platform's images, made first where there is none of the same parts."""
    made = images()
    inputs = [_identity(lab.NODE_IMAGE), *(line for image in made for line in image.inputs())]
    with tempfile.TemporaryDirectory() as folder:

        def archive() -> tuple[str, ...]:
            oci.write(made, Path(folder))
            return ("tar", "--directory", folder, "--create", ".")

        return _kept(NAME, inputs, lab.NODE_IMAGE, archive)


@cache
def node_image_with(built: str) -> str:
    """The same with one more image, which Docker has: a layer above it, as two whole ones are 2 GB more of disk."""
    base = node_image()
    return _kept(
        f"{NAME}-{Path(built).name.partition(':')[0]}", [base, _identity(built)], base, lambda: (DOCKER, "save", built)
    )


def _identity(image: str) -> str:
    return docker("image", "inspect", "--format", "{{.Id}}", image)


def _kept(repository: str, inputs: list[str], base: str, archive: Callable[[], tuple[str, ...]]) -> str:
    """The image of these inputs; one process makes it, others wait. The one of other inputs goes."""
    digest = hashlib.sha256("\n".join(inputs).encode()).hexdigest()
    name = f"{repository}:{digest[:12]}"
    with (Path(tempfile.gettempdir()) / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not docker("images", "--quiet", name):
            _make(name, base, archive())
            _forget_others(name)
    return name


def _make(name: str, base: str, archive: tuple[str, ...]) -> None:
    """Put the images of an archive into the containerd of a node that is not started, and keep it as an image."""
    container = name.replace(":", "-")
    idle = ("--network", "none", "--security-opt", "seccomp=unconfined", "--entrypoint", "sleep")
    docker("run", "--detach", "--name", container, *idle, base, "infinity")
    try:
        docker("exec", "--detach", container, "containerd")
        _await_containerd(container)
        _import(container, *archive)
        docker("exec", container, "sh", "-c", "kill $(pidof containerd); sleep 1; rm -rf /run/containerd")
        docker("commit", "--change", 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]', container, name)
    finally:
        docker("rm", "--force", "--volumes", container)


def _await_containerd(container: str) -> None:
    for _ in range(60):
        asked = subprocess.run([DOCKER, "exec", container, "ctr", "version"], capture_output=True, check=False)
        if asked.returncode == 0:
            break
        time.sleep(0.5)


def _import(container: str, *archiving: str) -> None:
    """Take what a command of this machine writes as an archive of images."""
    with subprocess.Popen(archiving, stdout=subprocess.PIPE) as archive:
        importing = ("ctr", "--namespace=k8s.io", "images", "import", "--no-unpack", "--all-platforms", "-")
        docker("exec", "--interactive", container, *importing, given=archive.stdout)


def _forget_others(name: str) -> None:
    """Remove node images of earlier parts; one that a cluster still uses stays."""
    for other in docker("images", "--format", "{{.Repository}}:{{.Tag}}", name.partition(":")[0]).split():
        if other != name:
            subprocess.run([DOCKER, "image", "rm", other], capture_output=True, check=False)
