"""The plan: what a program declares, as a value, and its views."""

from idp.plan.model import SECRET, UNKNOWN, Mark, Node, Plan

__all__ = ["SECRET", "UNKNOWN", "Mark", "Node", "Plan"]
