"""A stand-alone client that keeps published ports under load, run inside a network namespace.

`network_load.py HOST RATE PATIENCE PORT...` asks the ports in turns until its stdin ends; a request that takes longer
than the patience has failed, and the next one is made. Then it prints a line of JSON:
`asked`, `failed` (how many), `gap` (the longest time in seconds from the first failure in a row to the next success).
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

NEVER = 1e6
MOST = 40.0
"""Seconds of failures after which it is given up."""


def ask(host: str, port: int, patience: float) -> bool:
    try:
        with socket.create_connection((host, port), patience) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            data = b""
            while more := client.recv(4096):
                data += more
    except OSError:
        return False
    return data.endswith(b"hello\n")


def main(host: str, rate: str, patience: str, *ports: str) -> None:
    asked = failed = 0
    gap, since = 0.0, None
    print("ready", flush=True)
    # What failed last is asked again after the end, or nobody would know when it came back.
    while not select.select([sys.stdin], [], [], 1 / float(rate))[0] or (
        since is not None and time.monotonic() - since < MOST
    ):
        began = time.monotonic()
        good = ask(host, int(ports[asked % len(ports)]), float(patience))
        asked += 1
        if not good:
            failed += 1
            since = began if since is None else since
        elif since is not None:
            gap, since = max(gap, time.monotonic() - since), None
    if since is not None:
        gap = NEVER
    print(json.dumps({"asked": asked, "failed": failed, "gap": gap}))


if __name__ == "__main__":
    main(*sys.argv[1:])
