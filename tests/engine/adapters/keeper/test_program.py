from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.keeper import program

LIMIT = 10.0


@contextmanager
def keeper(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-I", "-S", program.__file__, str(path)]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.kill()


def connect(path: Path) -> socket.socket:
    deadline = time.monotonic() + LIMIT
    while True:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            channel.connect(str(path))
            return channel
        except OSError:
            channel.close()
            assert time.monotonic() < deadline
            time.sleep(0.01)


def read_end(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def test_output_outlives_its_writer_and_its_reader(tmp_path: Path) -> None:
    fifo = tmp_path / "stdout"
    os.mkfifo(fifo)
    with keeper(tmp_path / "k") as process:
        channel, reader = connect(tmp_path / "k"), read_end(fifo)
        socket.send_fds(channel, [b"+one"], [reader])
        writer = os.open(fifo, os.O_WRONLY)
        os.write(writer, b"last words")
        os.close(reader)
        channel.close()  # the daemon has died
        os.close(writer)  # and then the container's shim
        channel = connect(tmp_path / "k")
        reader = read_end(fifo)
        assert os.read(reader, 100) == b"last words"
        os.close(reader)
        channel.send(b"-one")
        channel.close()
        assert process.wait(LIMIT) == 0, "with nothing to hold and nobody connected it ends"


def test_retaining_some_closes_all_others(tmp_path: Path) -> None:
    fifos = {name: tmp_path / name for name in ("kept", "closed")}
    with keeper(tmp_path / "k"):
        channel = connect(tmp_path / "k")
        for name, path in fifos.items():
            os.mkfifo(path)
            reader = read_end(path)
            socket.send_fds(channel, [b"+" + name.encode()], [reader])
            os.close(reader)
        channel.send(b"=kept,unknown")
        deadline = time.monotonic() + LIMIT
        while has_reader(fifos["closed"]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert has_reader(fifos["kept"])
        channel.close()


def has_reader(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
