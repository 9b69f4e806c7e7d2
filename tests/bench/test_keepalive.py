from __future__ import annotations

import pytest

from bench.keepalive import complete


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nO", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True),
    ],
)
def test_a_response_ends_with_its_length_or_its_last_chunk(answer: bytes, whole: bool) -> None:
    assert complete(answer) is whole
