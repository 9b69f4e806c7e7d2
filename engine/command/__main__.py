"""trimaran: from the command line to the answer of a running daemon."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.command.client import Unreachable, fetch
from engine.command.tree import draw, services

DEFAULT_SOCKET = "/run/trimaran/status.sock"
DATA_ROOT = "/var/lib/trimaran"
HEALTHY = ("running", "stopped")
UNHEALTHY, FAILED, UNREACHABLE, INTERRUPTED = 1, 1, 2, 130


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
    how = status.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print it as JSON")
    how.add_argument(
        "--watch", action="store_true", help="draw it anew each second, with the health"
    )
    doctor = commands.add_parser(
        "doctor",
        help="check a data root while no daemon runs on it",
        description="Checks the state of a data root while no daemon runs on it, and repairs it with --repair. "
        "The exit code is 0 when nothing is damaged (any more), 1 when something is, 2 when it cannot look.",
    )
    doctor.add_argument("--data-root", type=Path, default=Path(DATA_ROOT), metavar="PATH")
    doctor.add_argument("--repair", action="store_true", help="repair what is damaged")
    events = commands.add_parser(
        "events",
        help="print events, and go on over restarts of the daemon",
        description="Prints events, a JSON object with its number on each line. The exit code is 1 when "
        "they cannot be gone on with (another engine answers, or an older log), 2 when nobody answers.",
    )
    events.add_argument("-f", "--follow", action="store_true", help="go on with what happens")
    events.add_argument(
        "--since",
        default="",
        metavar="seq:N|TIME",
        help="after event number N, or from a time on (default: now with --follow, else the beginning)",
    )
    events.add_argument("--until", default="", metavar="TIME", help="up to a time")
    events.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="as docker events has it",
    )
    for each in (status, events):
        each.add_argument(
            "--socket",
            default=DEFAULT_SOCKET,
            metavar="PATH",
            help="the daemon's status socket, EXEC_ROOT/status.sock (default: %(default)s)",
        )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script; an exit code."""
    asked = parser().parse_args(arguments)
    if asked.command == "doctor":
        from engine.command.doctor import run  # the other commands do without SQLite

        return run(asked.data_root, repair=asked.repair)
    try:
        return show_events(asked) if asked.command == "events" else show_status(asked)
    except Unreachable as error:
        print(f"trimaran: {error}", file=sys.stderr)
        return UNREACHABLE


def show_status(asked: argparse.Namespace) -> int:
    if asked.watch:
        from engine.command.watch import watch  # rich takes longer to import than all the rest

        try:
            watch(asked.socket)
        except KeyboardInterrupt:
            return INTERRUPTED
    tree = fetch(asked.socket, "/_trimaran/status")
    print(json.dumps(tree, indent=2) if asked.json else "\n".join(draw(tree)))
    healthy = all(each["state"] in HEALTHY for each in services(tree))
    return 0 if healthy else UNHEALTHY


def show_events(asked: argparse.Namespace) -> int:
    from engine.command import events  # trio takes longer to import than a status takes to print

    try:
        wanted = events.query(asked.since, asked.until, asked.filter, follow=asked.follow)
        events.run(asked.socket, wanted)
    except (ValueError, events.Discontinued) as error:
        print(f"trimaran: {error}", file=sys.stderr)
        return FAILED
    except events.Unread:
        # The interpreter would complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except BaseExceptionGroup as group:
        if group.split(KeyboardInterrupt)[1] is not None:
            raise
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
