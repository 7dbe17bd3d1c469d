"""The lab's stand-in plugins, closer to the real ones where changes from outside make the difference.

    refined.py path/to/standin.py kubernetes | github

The stand-ins' `read` sees whether an object is there; the real plugins' sees what is in it, as far as the program asked for
it. The Kubernetes plugin's `update` applies without force, so that it fails where somebody else than kubectl has changed a
field of ours; and team access is sent to GitHub. Whatever else they do is the stand-ins' own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import live

sys.path.append(str(Path(sys.argv.pop(1)).resolve().parent))

import standin

Json = dict[str, Any]
GONE = 404
UNSAID = {
    "homepageUrl": "", "hasWiki": False, "hasProjects": False, "hasDiscussions": False, "hasDownloads": False,
    "isTemplate": False, "allowMergeCommit": True, "allowSquashMerge": True, "allowRebaseMerge": True,
    "allowAutoMerge": False, "allowUpdateBranch": False, "deleteBranchOnMerge": False, "webCommitSignoffRequired": False,
}  # fmt: skip
"""What the GitHub plugin sends of a repository's settings where the program says nothing."""
LOST_WHEN_ARCHIVED = ("allowMergeCommit", "allowSquashMerge", "allowRebaseMerge", "deleteBranchOnMerge")
"""Settings that the GitHub plugin does not read from an archived repository."""
CHECKS = "required_status_checks"
ROLES = {"read": "pull", "write": "push"}
TEAM_MEDIA_TYPE = "application/vnd.github.v3.repository+json"


def there(api: standin.Http, path: str) -> Json | None:
    """What is at an address; nothing where nothing is."""
    status, found = api("GET", path)
    if status == GONE:
        return None
    if status >= 300:
        raise standin.Failure(f"GET {path}: {status} {found.get('message')}")
    return found


class Kubernetes(standin.Kubernetes):
    """Reads whole objects; applies without force."""

    def __init__(self, config: Json) -> None:
        super().__init__(config)
        self.force = str(config.get("enablePatchForce", "")).lower() == "true"

    def path(self, obj: Json) -> str:
        """With more patience than six seconds: a busy machine serves the kinds of a new CRD later than that."""
        for _ in range(5):
            try:
                return super().path(obj)
            except standin.Failure as failure:
                failed = failure
        raise failed

    def now(self, token: str, identity: str, inputs: Json) -> Json | None:
        """The recorded inputs as they are in the cluster; a release's are not looked at, by the real plugin neither."""
        if "helm.sh/v3:Release" in token:
            return inputs if self.read(token, identity, inputs) else None
        found = there(self.api_or_fail(), f"{self.path(inputs)}/{inputs['metadata']['name']}")
        return found and live.of_object(found, standin.whole(inputs))

    def update(self, token: str, identity: str, olds: Json, news: Json) -> Json:
        """A server-side apply; what kubectl changed becomes ours first, and what others changed is a conflict."""
        if "helm.sh/v3:Release" in token:
            return super().update(token, identity, olds, news)
        news = standin.whole(news)
        name, api = news["metadata"]["name"], self.api_or_fail()
        path = f"{self.path(news)}/{name}"
        if not token.endswith("Patch"):
            self.take_over(path)
        annotations = news["metadata"].get("annotations") or {}
        force = self.force or annotations.get("pulumi.com/patchForce") == "true"
        query = f"?fieldManager={live.OURS}&force={str(force).lower()}"
        status, found = api("PATCH", path + query, news, "application/apply-patch+yaml")
        if status >= 300:
            raise standin.Failure(f"{news['kind']} {name}: {found.get('message')}")
        return {**news, "metadata": {**news["metadata"], "uid": found["metadata"]["uid"]}}

    def take_over(self, path: str) -> None:
        """Make fields ours that kubectl, or an earlier create, has set."""
        found = there(self.api_or_fail(), path)
        before = (found or {}).get("metadata", {}).get("managedFields", [])
        after = live.taken_over(before)
        if after != before:
            change = [{"op": "replace", "path": "/metadata/managedFields", "value": after}]
            self.api_or_fail()("PATCH", path, change, "application/json-patch+json")


class GitHub(standin.GitHub):
    """Reads settings and rules, sends all settings; gives teams their access."""

    SETTINGS = (
        standin.GitHub.SETTINGS
        | {name: re.sub(r"([A-Z])", r"_\1", name).lower() for name in UNSAID}
        | {"homepageUrl": "homepage"}
    )

    def settings(self, props: Json) -> Json:
        """Of a repository: every one, whether the program names it or not."""
        return super().settings({**UNSAID, **props})

    def imported(self, token: str, identity: str) -> Json | None:
        """A repository's settings too, as far as they are not what is sent anyway."""
        found = super().imported(token, identity)
        if not found or "/repository:" not in token or self.api is None:
            return found
        return found | self.beside(token, identity)

    def beside(self, token: str, identity: str) -> Json:
        """A repository's settings that are not what is sent anyway: the state knows them from a refresh or an import on."""
        found = there(self.api, f"/repos/{self.owner}/{identity}") if self.api and "/repository:" in token else None
        if not found:
            return {}
        read = [ours for ours in UNSAID if not (found["archived"] and ours in LOST_WHEN_ARCHIVED)]
        settings = {ours: found[self.SETTINGS[ours]] for ours in read}
        return {ours: value for ours, value in settings.items() if value not in (None, UNSAID[ours])}

    def now(self, token: str, identity: str, inputs: Json) -> Json | None:
        """The recorded inputs as they are on GitHub, as far as the real plugin reads them."""
        if self.api is None:
            return inputs
        if "/teamRepository:" in token:
            asking = standin.Http(self.api.base, {**self.api.headers, "Accept": TEAM_MEDIA_TYPE})
            found = there(asking, self.team_path(inputs))
            return found and {**inputs, "permission": ROLES.get(found["role_name"], found["role_name"])}
        if "/repositoryRuleset:" in token:
            found = there(self.api, f"/repos/{self.owner}/{inputs['repository']}/rulesets/{identity}")
            return found and {**inputs, **self.rules_now(inputs, found)}
        found = there(self.api, f"/repos/{self.owner}/{identity}")
        return found and {**inputs, **self.settings_now(inputs, found)}

    @staticmethod
    def ruleset(props: Json) -> Json:
        """As the stand-in sends it; status checks under GitHub's own name."""
        sent = standin.GitHub.ruleset(props)
        for rule in sent["rules"]:
            if "required_checks" in rule.get("parameters", {}):
                rule["parameters"][CHECKS] = rule["parameters"].pop("required_checks")
        return sent

    @staticmethod
    def ruleset_inputs(live: Json) -> Json:
        """The way back."""
        found = standin.GitHub.ruleset_inputs(live)
        for rule in found["rules"].values():
            if isinstance(rule, dict) and "requiredStatusChecks" in rule:
                rule["requiredChecks"] = rule.pop("requiredStatusChecks")
        return found

    def settings_now(self, inputs: Json, found: Json) -> Json:
        """A repository's settings, those of the inputs only; whether it was born with a commit is not to be seen."""
        unread = {"autoInit", *(LOST_WHEN_ARCHIVED if found["archived"] else ())}
        names = {ours: theirs for ours, theirs in self.SETTINGS.items() if ours in inputs and ours not in unread}
        settings = {ours: "" if found[theirs] is None else found[theirs] for ours, theirs in names.items()}
        if "topics" in inputs:
            settings["topics"] = live.same_set(found["topics"], inputs["topics"])
        return settings

    def rules_now(self, inputs: Json, found: Json) -> Json:
        """A ruleset with rules and actors that somebody added; of a rule's parameters those of the inputs only."""
        ruleset = self.ruleset_inputs(found)
        rules = {kind: live.pruned(rule, inputs["rules"].get(kind, rule)) for kind, rule in ruleset["rules"].items()}
        return {**ruleset, "rules": rules}

    def team_path(self, props: Json) -> str:
        """Where a team's access to a repository is."""
        return f"/orgs/{self.owner}/teams/{props['teamId']}/repos/{self.owner}/{props['repository']}"

    def check(self, token: str, name: str, news: Json, olds: Json) -> Json:
        """Team access has no name to be made up."""
        return news if "/teamRepository:" in token else super().check(token, name, news, olds)

    def create(self, token: str, name: str, props: Json) -> tuple[str, Json]:
        """As the stand-in does; team access is sent."""
        if "/teamRepository:" not in token or self.api is None:
            return super().create(token, name, props)
        return f"{props['teamId']}:{props['repository']}", self.update(token, "", {}, props)

    def update(self, token: str, identity: str, olds: Json, news: Json) -> Json:
        """As the stand-in does; team access is sent."""
        if "/teamRepository:" not in token or self.api is None:
            return super().update(token, identity, olds, news)
        self.call("PUT", self.team_path(news), {"permission": news["permission"]})
        return {**news}


class Provider(standin.Provider):
    """Answers a refresh with inputs as they are now; all else, imports too, as the stand-in."""

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802  the protocol's name
        """The engine's question at a refresh, with the state's inputs, or at an import, without."""
        inputs, props = standin.plain(request.inputs), standin.plain(request.properties)
        if not props or not inputs:
            return super().Read(request, context)
        token = request.urn.split("::")[2].split("$")[-1]
        found = self.attempt(context, lambda: self.impl.now(token, request.id, inputs))
        if found is None:
            return standin.provider_pb2.ReadResponse()
        state = live.state(props, inputs, found)
        if isinstance(self.impl, GitHub):
            state |= self.attempt(context, lambda: self.impl.beside(token, request.id))
        return standin.provider_pb2.ReadResponse(
            id=request.id, properties=standin.packed(state), inputs=standin.packed(found)
        )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802  the protocol's name
        """The engine's order; what the program says nothing of, a repository has as the state has it."""
        token = request.urn.split("::")[2].split("$")[-1]
        if request.preview or "/repository:" not in token:
            return super().Update(request, context)
        olds, state, news = (standin.plain(each) for each in (request.old_inputs, request.olds, request.news))
        news = {ours: state[ours] for ours in UNSAID if ours in state} | news
        outputs = self.attempt(context, lambda: self.impl.update(token, request.id, olds, news))
        return standin.provider_pb2.UpdateResponse(properties=standin.packed(outputs))


standin.PACKAGES |= {"kubernetes": Kubernetes, "github": GitHub}
standin.Provider = Provider
standin.main()
