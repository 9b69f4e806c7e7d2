from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from bench.lines import LAST, LENGTHS, LINES, Attached, Lines, printing
from bench.samples import Limit
from bench.works import SMOKE


def made() -> list[Lines]:
    works = [each(SMOKE) for each in LINES]
    assert all(isinstance(each, Lines) for each in works)
    return [each for each in works if isinstance(each, Lines)]


def test_every_length_is_measured_alone_and_in_a_crowd() -> None:
    works = made()
    found = {(type(each).__mro__[1].__name__, each.length, each.crowd) for each in works}
    kinds, crowds = ("LogsOfLength", "AttachedToLength"), (0, SMOKE.crowd)
    assert found == {
        (kind, length, crowd) for kind in kinds for length in LENGTHS for crowd in crowds
    }
    assert len({each.name for each in works}) == len(works)


def test_limit_holds_for_lines_of_forty_bytes() -> None:
    for each in made():
        assert each.limit == (Limit(0.3) if each.length == 40 else None)


@pytest.mark.parametrize("length", LENGTHS)
def test_command_prints_lines_of_that_length(length: int) -> None:
    done = subprocess.run(
        ["busybox", "sh", "-c", printing(length, 100)], stdout=subprocess.PIPE, check=True
    )
    assert [len(each) for each in done.stdout.splitlines(keepends=True)] == [length] * 100


def test_client_waits_for_the_last_line_over_its_pieces(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def work() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(b"HTTP/1.1 101 UPGRADED\r\n\r\n")
                assert client.recv(10) == b"\n"
                for piece in (b"x" * 50, LAST[:5], LAST[5:]):
                    client.sendall(piece)

        thread = threading.Thread(target=work)
        thread.start()
        with Attached(path, "any") as client:
            client.go()
            assert client.wait() == 50 + len(LAST)
        thread.join(30)
