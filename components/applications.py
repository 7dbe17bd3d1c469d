"""What all of Argo CD's Applications have in common: where they come from and go to, and how they are synced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idp import naming

if TYPE_CHECKING:
    from idp.versions import Chart


def source(chart: Chart) -> dict[str, str]:
    """A chart as an Application's source; a registry's is an image with the chart in it, at the image's root."""
    if chart.repository:
        return {"repoURL": chart.repository, "chart": chart.name, "targetRevision": chart.version}
    return {"repoURL": chart.reference, "path": ".", "targetRevision": chart.version}


def destination(home: str) -> dict[str, str]:
    """A namespace of the cluster that Argo CD is in."""
    return {"server": naming.IN_CLUSTER, "namespace": home}


def sync_policy() -> dict[str, Any]:
    """How every Application of the platform is synced.

    Without `refresh` a sync retries the revision that it began with, and a fix after a broken commit is never taken. The
    first sync may come before the kinds of an add-on exist; hence the skipped dry run.
    """
    return {
        "automated": {"prune": True, "selfHeal": True},
        "retry": {"limit": -1, "refresh": True, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
        "syncOptions": ["ServerSideApply=true", "SkipDryRunOnMissingResource=true"],
    }
