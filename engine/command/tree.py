"""The supervision tree as text."""

from __future__ import annotations

from typing import Any

NAME_WIDTH = 34


def draw(node: dict[str, Any]) -> list[str]:
    """A line for each service: its place in the tree, its state, its restarts, its mailboxes."""
    return _lines(node, "", "")


def _lines(node: dict[str, Any], lead: str, below: str) -> list[str]:
    lines = [f"{lead + node['name']:<{NAME_WIDTH}} {_condition(node)}"]
    children = node["children"]
    for child in children:
        last = child is children[-1]
        branch, further = ("└ ", "  ") if last else ("├ ", "│ ")
        lines += _lines(child, below + branch, below + further)
    return lines


def _condition(node: dict[str, Any]) -> str:
    text = f"{node['state']}, {node['restarts']} restarts"
    for box in node.get("mailboxes") or ():
        text += f", mail {box['depth']}/{box['capacity']} (peak {box['peak']})"
    if node.get("last_error"):
        text += f", last error: {node['last_error']}"
    return text


def services(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The node and all below it."""
    return [node] + [each for child in node["children"] for each in services(child)]
