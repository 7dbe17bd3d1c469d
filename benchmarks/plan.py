"""Time and memory of the plan at 100 and at 1,000 services, each in a process of its own, in one run.

The budget: 1,000 services within 15 seconds and 900 MB on two cores, at no more than 1.2 times the time per service of 100.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SIZES = (100, 1000)
RUNS = 3
SECONDS, MEGABYTES, RATIO = 15.0, 900, 1.2


def stack(services: int) -> str:
    """A stack of so many services in ten teams, each calling the one before it."""
    teams = "\n".join(f"    team-{n}: {{github: team-{n}}}" for n in range(10))
    entries = "\n".join(
        f"    service-{n:04}: {{team: team-{n % 10}, template: node, description: Service {n}"
        + (f", calls: [service-{n - 1:04}]}}" if n else "}")
        for n in range(services)
    )
    head = "config:\n  idp:organization: acme\n  idp:visibility: public\n  idp:deploys: [dev]\n"
    head += "  idp:cluster: {mode: kind, name: acme-dev}"
    return f"{head}\n  idp:teams:\n{teams}\n  idp:services:\n{entries}\n"


def measured(services: int) -> dict[str, float]:
    """Seconds and megabytes of one recording in a fresh process; imports count for memory and not for time."""
    done = subprocess.run(
        [sys.executable, __file__, str(services)], check=True, capture_output=True, text=True, cwd=PROJECT
    )
    return json.loads(done.stdout)


def child(services: int) -> None:
    """Record once and print the figures."""
    sys.path.insert(0, str(PROJECT))
    from idp import recorder  # noqa: PLC0415  the import is not what is measured
    from idp.plan import document  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
        (Path(folder) / "Pulumi.dev.yaml").write_text(stack(services))
        start = time.perf_counter()
        plan = recorder.record(Path(folder), "dev")
        document.text(plan)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": peak, "resources": len(plan.nodes)}))


def main() -> int:
    """Print a row per size, then how each budget was kept."""
    best: dict[int, dict[str, float]] = {}
    print(f"{'services':>8} {'resources':>9} {'seconds':>8} {'ms/service':>10} {'MB':>6}   best of {RUNS}")
    for size in SIZES:
        best[size] = min((measured(size) for _ in range(RUNS)), key=lambda row: row["seconds"])
        row = best[size]
        each = 1000 * row["seconds"] / size
        print(f"{size:8} {row['resources']:9.0f} {row['seconds']:8.2f} {each:10.2f} {row['megabytes']:6.0f}")
    small, large = (best[size]["seconds"] / size for size in SIZES)
    kept = {
        f"{best[1000]['seconds']:.2f} s of {SECONDS:.0f}": best[1000]["seconds"] <= SECONDS,
        f"{best[1000]['megabytes']:.0f} MB of {MEGABYTES}": best[1000]["megabytes"] <= MEGABYTES,
        f"{large / small:.2f} times the time per service, of {RATIO}": large / small <= RATIO,
    }
    for words, within in kept.items():
        print(f"{'within' if within else 'BEYOND'}: {words}")
    return 0  # figures for people: a busy machine is no mistake of the program


if __name__ == "__main__":
    sys.exit(child(int(sys.argv[1])) if len(sys.argv) > 1 else main())
