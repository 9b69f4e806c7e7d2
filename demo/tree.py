"""The supervision tree as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME_WIDTH = 34


def draw(node: dict[str, Any], names: Mapping[str, str]) -> list[str]:
    """A line for each service: its place in the tree, its state, its restarts, its mailboxes.

    `names` says more of a node: what a container's short ID is called.
    """
    return _lines(node, names, "", "")


def _lines(node: dict[str, Any], names: Mapping[str, str], lead: str, below: str) -> list[str]:
    called = names.get(node["name"])
    title = lead + node["name"] + (f" ({called})" if called else "")
    lines = [f"{title:<{NAME_WIDTH}} {_condition(node)}"]
    children = node["children"]
    for child in children:
        last = child is children[-1]
        branch, further = ("└ ", "  ") if last else ("├ ", "│ ")
        lines += _lines(child, names, below + branch, below + further)
    return lines


def _condition(node: dict[str, Any]) -> str:
    text = f"{node['state']}, {node['restarts']} restarts"
    for box in node.get("mailboxes") or ():
        text += f", mail {box['depth']}/{box['capacity']} (peak {box['peak']})"
    return text


def services(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The node and all below it."""
    return [node] + [each for child in node["children"] for each in services(child)]
