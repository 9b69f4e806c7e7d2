"""Frames go together and apart, however they are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.streams.frames import Demultiplexer, frame


def test_frame_has_dockers_header() -> None:
    assert frame("stderr", b"abc") == b"\2\0\0\0\0\0\0\3abc"


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary())), st.integers(1, 9))
def test_frames_survive_any_cut(frames: list[tuple[str, bytes]], step: int) -> None:
    wire = b"".join(frame(*each) for each in frames)
    demultiplexer = Demultiplexer()
    pieces = [wire[i : i + step] for i in range(0, len(wire), step)]
    assert [each for piece in pieces for each in demultiplexer.feed(piece)] == frames
    assert not demultiplexer.incomplete
