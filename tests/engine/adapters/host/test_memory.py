from __future__ import annotations

import subprocess
import sys

from engine.adapters.host.memory import YOUNGEST
from tests.harness.daemon import ROOT


def python(program: str) -> str:
    """In a process of its own: these are settings of the whole process."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_what_is_there_is_no_longer_walked_by_the_collector() -> None:
    found = python(
        "import gc; from engine.adapters.host import memory; memory.economize(); memory.settle();"
        "print(gc.get_freeze_count() > 1000, gc.get_threshold()[0], gc.isenabled())"
    )
    assert found == f"True {YOUNGEST} True"


def test_what_comes_later_is_still_collected() -> None:
    found = python(
        "import gc, weakref; from engine.adapters.host import memory; memory.settle()\n"
        "class Node: pass\n"
        "node = Node(); node.me = node; seen = weakref.ref(node); del node\n"
        "gc.collect(); print(seen())"
    )
    assert found == "None"
