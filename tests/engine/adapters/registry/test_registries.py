from __future__ import annotations

import subprocess
import sys


def test_idle_daemon_does_without_httpx() -> None:
    code = "import sys; import engine.daemon; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
