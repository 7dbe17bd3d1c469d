"""A strict GitHub for tests: REST API, git over HTTP, rulesets, rate limits and faults on demand."""

from .log import Exchange
from .server import DEFAULT_TOKEN, GitHubServer
from .state import PERMISSIONS, Token

__all__ = ["DEFAULT_TOKEN", "PERMISSIONS", "Exchange", "GitHubServer", "Token"]
