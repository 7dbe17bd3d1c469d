"""A cluster's API as far as the program reads it by itself: what is there, and whose it is.

What the platform makes in a cluster, Pulumi makes; this is for the questions before: is there an Argo CD already, did a
killed run make this object?
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import urllib3
import yaml
from kubernetes import client, config  # pyright: ignore[reportMissingTypeStubs]
from kubernetes.client.exceptions import ApiException  # pyright: ignore[reportMissingTypeStubs]

PATIENCE = 15
"""Seconds for one answer."""
NOT_FOUND = 404


class ClusterError(Exception):
    """The cluster does not answer, or refuses; the text says what it said."""


class ClusterApi:
    """Reads objects as plain JSON, with the credentials of a kubeconfig."""

    def __init__(self, kubeconfig: str, context: str | None = None) -> None:
        """Connect with a kubeconfig's text.

        Raises:
            ClusterError: its credentials cannot be used.
        """
        loader = cast("Any", config)
        try:
            self._api: Any = loader.new_client_from_config_dict(
                yaml.safe_load(kubeconfig), context=context, client_configuration=_without_retries()
            )
        except (loader.ConfigException, yaml.YAMLError, OSError) as error:
            raise ClusterError(str(error)) from error
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}

    @staticmethod
    def of_file(kubeconfig: str, context: str) -> ClusterApi:
        """Connect with somebody's own kubeconfig, by its path.

        Raises:
            ClusterError: it cannot be read, or its credentials cannot be used.
        """
        try:
            return ClusterApi(Path(kubeconfig).expanduser().read_text(), context)
        except OSError as error:
            raise ClusterError(
                f"{kubeconfig}: {error.strerror}; get one from who runs the cluster, or correct `kubeconfig` in idp:cluster"
            ) from error

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """One object; nothing where it, or its kind, is not there.

        Raises:
            ClusterError: the cluster does not answer, or refuses.
        """
        known = self._known(api_version)
        if kind not in known:
            return None
        plural, namespaced = known[kind]
        scope = f"/namespaces/{namespace or 'default'}" if namespaced else ""
        return self._request("GET", f"{_root(api_version)}{scope}/{plural}/{name}")

    def every(self, api_version: str, kind: str, *, namespace: str = "", labels: str = "") -> list[dict[str, Any]]:
        """All objects of a kind, in one namespace or in all, that carry some labels.

        Raises:
            ClusterError: the cluster does not answer, or refuses.
        """
        known = self._known(api_version)
        if kind not in known:
            return []
        scope = f"/namespaces/{namespace}" if namespace else ""
        path = f"{_root(api_version)}{scope}/{known[kind][0]}"
        return (self._request("GET", path, [("labelSelector", labels)] if labels else []) or {}).get("items", [])

    def delete(self, api_version: str, kind: str, name: str, namespace: str) -> None:
        """Delete a namespaced object; one that is gone already is no error.

        Raises:
            ClusterError: the cluster does not answer, or refuses.
        """
        plural, _ = self._known(api_version)[kind]
        self._request("DELETE", f"{_root(api_version)}/namespaces/{namespace}/{plural}/{name}")

    def _known(self, api_version: str) -> dict[str, tuple[str, bool]]:
        """Kind -> its name in paths, and whether it lives in namespaces."""
        if api_version not in self._kinds:
            found = self._request("GET", _root(api_version)) or {"resources": []}
            self._kinds[api_version] = {
                item["kind"]: (item["name"], item["namespaced"])
                for item in found["resources"]
                if "/" not in item["name"]
            }
        return self._kinds[api_version]

    def _request(self, method: str, path: str, query: list[tuple[str, str]] | None = None) -> dict[str, Any] | None:
        try:
            answer: Any = self._api.call_api(
                path, method, query_params=query or [], header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"], _preload_content=False, _return_http_data_only=True,
                _request_timeout=PATIENCE,
            )  # fmt: skip
            return json.loads(answer.data)
        except ApiException as error:
            status, body = cast("Any", error).status, cast("Any", error).body
            if status == NOT_FOUND:
                return None
            raise ClusterError(f"{method} {path}: {status}: {str(body)[:300]}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ClusterError(f"the cluster does not answer: {error}") from error


def labels(live: dict[str, Any]) -> dict[str, str]:
    """The labels of an object; none where it has none."""
    return live["metadata"].get("labels") or {}


def notes(live: dict[str, Any]) -> dict[str, str]:
    """The annotations of an object; none where it has none."""
    return live["metadata"].get("annotations") or {}


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _without_retries() -> Any:
    """The library tries three times by itself, each until the time is over; once is enough to say that nobody is there."""
    settings: Any = cast("Any", client).Configuration()
    settings.retries = False
    return settings
