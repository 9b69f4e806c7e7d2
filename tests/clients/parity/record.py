"""`python -m tests.clients.parity.record HOST [CASE...]`: ask the dockerd at HOST, and keep its answers.

The case `terminal` stands for the sessions on a terminal. It must have busybox:latest (tests.harness.images) and no containers; those that it has are removed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.clients.parity.cases import CASES
from tests.clients.parity.running import Answer, answer
from tests.clients.parity.terminal import Shown, session

GOLDEN = Path(__file__).with_name("golden.json")
TERMINAL = Path(__file__).with_name("terminal.json")


def recorded() -> dict[str, Answer]:
    found: dict[str, Answer] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    return found


def recorded_sessions() -> list[Shown]:
    found: list[Shown] = json.loads(TERMINAL.read_text())
    return found


def main(host: str, chosen: list[str]) -> None:
    if not chosen or "terminal" in chosen:
        TERMINAL.write_text(json.dumps(session(host), indent=1) + "\n")
    known = recorded()
    for name in [each for each in chosen if each != "terminal"] if chosen else CASES:
        known[name] = answer(CASES[name], host)
        print(name, known[name]["code"])
    kept = {name: known[name] for name in CASES if name in known}
    GOLDEN.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
