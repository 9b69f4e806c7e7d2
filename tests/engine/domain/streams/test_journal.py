"""The journal: what is found again after a kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.logs.jsonfile import Held
from engine.domain.streams.journal import CHUNK, Journal, Phase


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "stdout.journal")


def test_fresh_journal_takes_one_page_of_memory(path: str) -> None:
    Journal(path).close()
    assert Path(path).stat().st_blocks * 512 <= 8192
    journal = Journal(path)
    assert journal.recover() is None
    assert journal.held() == Held()
    journal.close()


def test_taken_chunk_is_found_again_with_its_progress(path: str) -> None:
    journal = Journal(path)
    journal.space[:3] = b"abc"
    assert journal.take(3, 42) == b"abc"
    journal.writing(0, 1000)
    journal.close()
    found = Journal(path).recover()
    assert found == (b"abc", 42, False, Phase.WRITING, 0, 1000)


def test_read_whose_length_was_never_learned_is_found_again(path: str) -> None:
    journal = Journal(path)
    journal.space[:4] = b"a\0b\n"
    journal.close()
    found = Journal(path).recover()
    assert found is not None
    assert found[:2] == (b"a\0b\n", 0)


def test_commit_leaves_the_held_line_and_a_clean_buffer(path: str) -> None:
    journal = Journal(path)
    for number in range(3):
        journal.space[:CHUNK] = b"x" * CHUNK
        journal.take(CHUNK, 42)
        journal.commit(Held(b"tail%d" % number, number))
        assert not any(journal.space)
    journal.close()
    journal = Journal(path)
    assert journal.held() == Held(b"tail2", 2)
    assert journal.recover() is None
    journal.close()
