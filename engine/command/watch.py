"""`trimaran status --watch`: the supervision tree in the terminal, drawn anew each second until it is interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from engine.command.client import Unreachable, fetch

PERIOD = 1.0
COLOURS = {
    "running": "green",
    "stopped": "dim",
    "starting": "yellow",
    "restarting": "yellow",
    "stopping": "yellow",
    "ok": "green",
    "degraded": "yellow",
}


def watch(
    path: str,
    console: Console | None = None,
    *,
    rounds: int | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Until interrupted, or so many rounds. A daemon that does not answer is shown as one."""
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while rounds is None or rounds > 0:
            live.update(picture(path), refresh=True)
            rounds = None if rounds is None else rounds - 1
            sleep(PERIOD)


def picture(path: str) -> Group | Text:
    """What is not well, and the tree, of which a small terminal shows the beginning."""
    try:
        tree = fetch(path, "/_trimaran/status")
        health = fetch(path, "/_trimaran/health", statuses=(200, 503))
    except Unreachable as error:
        return Text(str(error), style="red")
    return Group(verdict(health), branch(tree))


def branch(node: dict[str, Any]) -> Tree:
    """A service with all below it."""
    drawn = Tree(label(node))
    for child in node["children"]:
        drawn.children.append(branch(child))
    return drawn


def label(node: dict[str, Any]) -> Text:
    """Its name, its state in colour, and whatever is out of the ordinary."""
    text = Text(node["name"] + " ")
    text.append(node["state"], style=COLOURS.get(node["state"], "red"))
    if node["restarts"]:
        text.append(f" {node['restarts']} restarts", style="yellow")
    for box in node.get("mailboxes") or ():
        if box["depth"]:
            text.append(f" mail {box['depth']}/{box['capacity']}")
    if node.get("last_error"):
        text.append(f" {node['last_error']}", style="red")
    return text


def verdict(health: dict[str, Any]) -> Table:
    """The engine's state, how far a restore is, and the reasons of what is not well."""
    table = Table.grid(padding=(0, 2))
    table.add_row("health", Text(health["state"], style=COLOURS.get(health["state"], "red")))
    restore = health["restore"]
    if restore["done"] < restore["total"]:
        table.add_row("restored", f"{restore['done']} of {restore['total']} containers")
    for each in health["subsystems"]:
        if each["state"] != "ok":
            state = Text(each["state"], style=COLOURS.get(each["state"], "red"))
            table.add_row(each["name"], Text.assemble(state, f" {each['reason']}"))
    return table
