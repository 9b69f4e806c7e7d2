"""`python -m tests.clients.parity.record HOST [CASE...]`: ask the dockerd at HOST, and keep its answers.

It must have busybox:latest (tests.harness.images) and no containers; those that it has are removed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.clients.parity.cases import CASES
from tests.clients.parity.running import Answer, answer

GOLDEN = Path(__file__).with_name("golden.json")


def recorded() -> dict[str, Answer]:
    found: dict[str, Answer] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    return found


def main(host: str, chosen: list[str]) -> None:
    known = recorded()
    for name in chosen or CASES:
        known[name] = answer(CASES[name], host)
        print(name, known[name]["code"])
    kept = {name: known[name] for name in CASES if name in known}
    GOLDEN.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
