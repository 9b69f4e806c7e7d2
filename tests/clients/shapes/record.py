"""`python -m tests.clients.shapes.record SOCKET [VERSION...]`: ask the dockerd at SOCKET, and keep its answers' shapes.

It must have busybox:latest (tests.harness.images). Its stopped containers are pruned.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.clients.shapes.scenario import Answer, asked

VERSIONS = ("1.24", "1.41")


def golden(version: str) -> Path:
    return Path(__file__).with_name(f"golden_{version}.json")


def recorded(version: str) -> dict[str, Answer]:
    found: dict[str, Answer] = json.loads(golden(version).read_text())
    return found


def main(socket: str, versions: list[str]) -> None:
    for version in versions or VERSIONS:
        answers = asked(socket, version).answers
        golden(version).write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")
        print(version, len(answers))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
