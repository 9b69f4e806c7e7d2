from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_resolver_listens_where_it_is_told_and_ends_with_its_signal(tmp_path: Path) -> None:
    path = tmp_path / "resolver.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.resolver", str(path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not path.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(str(path))
            line.sendall(b'{"number":1}\n')
            assert b'"number":1' in line.recv(4096)
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(10)
