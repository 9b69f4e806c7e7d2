"""A stand-alone client, run inside a container's network: `name_flood.py NAME SECONDS`.

Keeps 32 questions under way to 127.0.0.11, then prints JSON: `answers`, `wrong` (without an address).
"""

from __future__ import annotations

import json
import socket
import sys
import time

WINDOW = 32


def question(number: int, name: str) -> bytes:
    head = (number & 0xFFFF).to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0"
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return head + labels + b"\0\0\1\0\1"


def main(name: str, seconds: str) -> None:
    answers = wrong = sent = 0
    end = time.monotonic() + float(seconds)
    with socket.socket(type=socket.SOCK_DGRAM) as channel:
        channel.connect(("127.0.0.11", 53))
        channel.settimeout(0.5)
        for _ in range(WINDOW):
            channel.send(question(sent, name))
            sent += 1
        while time.monotonic() < end:
            try:
                reply = channel.recv(4096)
            except TimeoutError:  # datagrams were lost: begin anew
                for _ in range(WINDOW):
                    channel.send(question(sent, name))
                    sent += 1
                continue
            answers += 1
            wrong += reply[6:8] == b"\0\0"
            channel.send(question(sent, name))
            sent += 1
    print(json.dumps({"answers": answers, "wrong": wrong}))


if __name__ == "__main__":
    main(*sys.argv[1:])
