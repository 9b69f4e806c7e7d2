"""`python -m tests.clients.builds.record SOCKET [NAME...]`: ask a dockerd for the results of the cases.

The daemon must be one to play with: its busybox:latest is replaced, and images named case-* are made.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.clients.builds.cases import CASES
from tests.clients.builds.running import Engine, remove_images
from tests.harness.images import busybox_tar

GOLDEN = Path(__file__).with_name("golden.json")


def load() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GOLDEN.read_text())
    return found


def main(arguments: list[str]) -> None:
    engine = Engine(arguments[0])
    wanted = set(arguments[1:])
    remove_images(engine)
    query = "fromSrc=-&repo=busybox&tag=latest&changes=CMD+%5B%22sh%22%5D"
    engine.request("POST", f"/images/create?{query}", busybox_tar())
    golden = load() if GOLDEN.exists() else {}
    for case in CASES:
        if (wanted and case.name not in wanted) or case.by_hand:
            continue
        golden[case.name] = engine.run(case)
        print(case.name, [each["code"] for each in golden[case.name]], flush=True)
    kept = {case.name: golden[case.name] for case in CASES if case.name in golden}
    GOLDEN.write_text(json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
