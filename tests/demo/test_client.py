from __future__ import annotations

from io import BytesIO

import pytest

from demo.client import STDERR, STDOUT, ApiError, Frame, demultiplex, read_head


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def test_frames_keep_their_streams_and_their_order() -> None:
    wire = frame(1, b"out") + frame(2, b"err") + frame(1, b"") + frame(1, b"more")
    assert list(demultiplex(BytesIO(wire))) == [
        Frame(STDOUT, b"out"),
        Frame(STDERR, b"err"),
        Frame(STDOUT, b""),
        Frame(STDOUT, b"more"),
    ]


@pytest.mark.parametrize("size", [3, 8, 10])
def test_a_stream_that_ends_inside_a_frame_is_an_error(size: int) -> None:
    with pytest.raises(ConnectionError, match="inside a frame"):
        list(demultiplex(BytesIO(frame(1, b"out")[:size])))


def test_reading_a_head_leaves_the_bytes_after_it() -> None:
    reader = BytesIO(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nraw bytes")
    assert read_head(reader) == 101
    assert reader.read() == b"raw bytes"


@pytest.mark.parametrize("wire", [b"", b"SSH-2.0-x\r\n\r\n"])
def test_anything_but_an_http_answer_is_an_error(wire: bytes) -> None:
    with pytest.raises(ConnectionError, match="no HTTP answer"):
        read_head(BytesIO(wire))


@pytest.mark.parametrize(
    ("body", "text"),
    [(b'{"message":"No such container: x"}\n', "No such container: x"), (b"plain\n", "plain")],
)
def test_an_api_error_has_the_daemons_message(body: bytes, text: str) -> None:
    assert str(ApiError("GET /x", 404, body)) == f"GET /x: 404 {text}"
