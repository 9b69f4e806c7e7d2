"""trimaran: from the command line to the answer of a running daemon."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.command.client import Unreachable, fetch
from engine.command.tree import draw, services

DEFAULT_SOCKET = "/run/trimaran/status.sock"
DATA_ROOT = "/var/lib/trimaran"
HEALTHY = ("running", "stopped")
UNHEALTHY, UNREACHABLE = 1, 2


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="trimaran", description="Looks into a running Trimaran daemon."
    )
    commands = made.add_subparsers(dest="command", required=True)
    status = commands.add_parser(
        "status",
        help="show the supervision tree",
        description="Shows the supervision tree. The exit code is 0 when every service runs, "
        "1 when one does not, 2 when the daemon does not answer.",
    )
    status.add_argument("--json", action="store_true", help="print it as JSON")
    status.add_argument(
        "--socket",
        default=DEFAULT_SOCKET,
        metavar="PATH",
        help="the daemon's status socket, EXEC_ROOT/status.sock (default: %(default)s)",
    )
    doctor = commands.add_parser(
        "doctor",
        help="check a data root while no daemon runs on it",
        description="Checks the state of a data root while no daemon runs on it, and repairs it with --repair. "
        "The exit code is 0 when nothing is damaged (any more), 1 when something is, 2 when it cannot look.",
    )
    doctor.add_argument("--data-root", type=Path, default=Path(DATA_ROOT), metavar="PATH")
    doctor.add_argument("--repair", action="store_true", help="repair what is damaged")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script; an exit code."""
    asked = parser().parse_args(arguments)
    if asked.command == "doctor":
        from engine.command.doctor import run  # the other commands do without SQLite

        return run(asked.data_root, repair=asked.repair)
    try:
        tree = fetch(asked.socket, "/_trimaran/status")
    except Unreachable as error:
        print(f"trimaran: {error}", file=sys.stderr)
        return UNREACHABLE
    print(json.dumps(tree, indent=2) if asked.json else "\n".join(draw(tree)))
    healthy = all(each["state"] in HEALTHY for each in services(tree))
    return 0 if healthy else UNHEALTHY


if __name__ == "__main__":
    sys.exit(main())
