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


def test_code_that_only_the_start_needed_is_handed_back_and_comes_again_when_called() -> None:
    found = python(
        "import hashlib, ssl, sqlite3, zlib; from engine.adapters.host import memory\n"
        "def file(): return int(next(line.split()[1] for line in open('/proc/self/status')"
        " if line.startswith('RssFile')))\n"
        "before, size = file(), memory.resident(); memory.release()\n"
        "print(file() < before / 2, memory.resident() < size,"
        " hashlib.sha256(b'').hexdigest()[:8], sqlite3.connect(':memory:').execute('select 1').fetchone())"
    )
    assert found == "True True e3b0c442 (1,)"
