"""Keeps the one comment of a pull request up to date, with what the run of its own code left as an artifact.

It runs none of that code, and believes nothing of what it left: the text is text, and the number counts only if that pull
request is open and its head is the commit that ran.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from typing import Any

MARKER = "<!-- idp preview -->"
NAME = "preview"
"""Of the artifact."""
BOT = "github-actions[bot]"
LARGEST = 1_000_000
"""Bytes of the artifact and of each file in it."""
LONGEST = 60_000
"""Characters; GitHub takes 65,536."""
PAGES = 20
"""Of a hundred comments each."""
HEAD = "_Made by the pull request's own code, at {sha}._"


class CommentError(Exception):
    """There is nothing that may be written; the text says why."""


class WithoutToken(urllib.request.HTTPRedirectHandler):
    """Follows a redirect without our token: the artifacts' store is somebody else, and refuses it."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """The next request."""
        found = super().redirect_request(req, fp, code, msg, headers, newurl)
        if found is not None:
            found.remove_header("Authorization")
        return found


class Api:
    """GitHub's REST API for one repository."""

    def __init__(self, base: str, repository: str, token: str) -> None:
        """Nothing is asked yet."""
        self._base, self._token = f"{base}/repos/{repository}", token
        self._opener = urllib.request.build_opener(WithoutToken)

    def raw(self, method: str, url: str, body: dict[str, str] | None = None) -> bytes:
        """Ask; no more than the largest artifact is read.

        Raises:
            CommentError: GitHub refuses.
        """
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(url, data=data, method=method)  # noqa: S310  GitHub's own addresses
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Accept", "application/vnd.github+json")
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.read(LARGEST)
        except urllib.error.URLError as error:
            raise CommentError(f"{method} {urllib.parse.urlsplit(url).path}: {error}") from error

    def ask(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        """Ask for JSON below the repository."""
        return json.loads(self.raw(method, f"{self._base}{path}", body))


def artifact(api: Api, run: str) -> dict[str, str]:
    """The files of a run's artifact, as text.

    Raises:
        CommentError: there is none, or it is none of ours.
    """
    listed = api.ask("GET", f"/actions/runs/{run}/artifacts?per_page=100")["artifacts"]
    found = [each for each in listed if each["name"] == NAME and not each["expired"]]
    if not found:
        raise CommentError(f"run {run} left no artifact `{NAME}`")
    if found[0]["size_in_bytes"] > LARGEST:
        raise CommentError(f"its artifact has {found[0]['size_in_bytes']} bytes, which is no comment")
    with zipfile.ZipFile(io.BytesIO(api.raw("GET", found[0]["archive_download_url"]))) as packed:
        wanted = [each for each in packed.infolist() if each.filename in {"comment.md", "number"}]
        if any(each.file_size > LARGEST for each in wanted):
            raise CommentError("a file of its artifact is too large for a comment")
        return {each.filename: packed.read(each).decode(errors="replace") for each in wanted}


def pull_request(api: Api, number: str, sha: str, repository: str) -> str:
    """The number, where it belongs to an open pull request whose head is what ran.

    Raises:
        CommentError: it does not.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,9}", number):
        raise CommentError("the artifact names no pull request")
    found = api.ask("GET", f"/pulls/{number}")
    head = found["head"]
    ran = (head["sha"], (head["repo"] or {}).get("full_name"))
    if ran != (sha, repository) or found["state"] != "open":
        raise CommentError(f"pull request {number} is not the one that ran, has moved on, or is closed")
    return number


def body(text: str, sha: str) -> str:
    """The comment: mentions nobody, as the text is somebody's whom we do not know."""
    harmless = text.replace("@", "@\N{ZERO WIDTH SPACE}").replace(MARKER, "")
    cut = harmless if len(harmless) <= LONGEST else f"{harmless[:LONGEST]}\n\n… cut; the run's summary has it all"
    return f"{MARKER}\n{cut}\n{HEAD.format(sha=sha[:12])}\n"


def ours(api: Api, number: str) -> int | None:
    """The comment that an earlier run made; somebody else's with the same beginning is not ours."""
    for page in range(1, PAGES + 1):
        comments = api.ask("GET", f"/issues/{number}/comments?per_page=100&page={page}")
        for each in comments:
            if each["user"]["login"] == BOT and each["body"].startswith(MARKER):
                return int(each["id"])
        if not comments:
            break
    return None


def main(environment: dict[str, str]) -> str:
    """Write the comment; says what was done.

    Raises:
        CommentError: nothing may be written.
    """
    api = Api(environment["GITHUB_API_URL"], environment["GITHUB_REPOSITORY"], environment["GITHUB_TOKEN"])
    files = artifact(api, environment["RUN_ID"])
    number = pull_request(api, files.get("number", "").strip(), environment["HEAD_SHA"], environment["HEAD_REPOSITORY"])
    text = {"body": body(files.get("comment.md", ""), environment["HEAD_SHA"])}
    if known := ours(api, number):
        api.ask("PATCH", f"/issues/comments/{known}", text)
        return f"comment {known} of pull request {number} is up to date"
    api.ask("POST", f"/issues/{number}/comments", text)
    return f"pull request {number} has its comment"


if __name__ == "__main__":
    try:
        sys.stdout.write(main(dict(os.environ)) + "\n")
    except CommentError as error:
        sys.exit(f"comment: {error}")
