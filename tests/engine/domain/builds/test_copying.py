from __future__ import annotations

import pytest

from engine.domain.builds.copying import is_url
from engine.errors import InvalidParameter, NotFound
from tests.engine.domain.builds.rooms import House


def house(**files: bytes) -> House:
    made = House()
    made.workshop.tree.files.update(files)
    return made


async def test_the_target_is_below_the_working_directory() -> None:
    made = house(x=b"1")
    await made.build("FROM busybox\nWORKDIR /w\nCOPY x y/\nCOPY x .\nCOPY x /z\nCOPY x z\n")
    assert [order.target for _, order in made.workshop.copies] == ["/w/y/", "/w/", "/z", "/w/z"]


async def test_the_history_names_hash_and_owner() -> None:
    made = house(x=b"1")
    await made.build("FROM busybox\nENV o=5\nCOPY --chown=$o x /y\n")
    comment = made.bench.steps[-1].created_by
    assert "#(nop) COPY --chown=5file:" in comment
    assert comment.endswith(" in /y ")


async def test_several_sources_have_one_hash_and_need_a_slash() -> None:
    made = house(x=b"1", y=b"2")
    await made.build("FROM busybox\nADD x y /d/\n")
    assert "ADD multi:" in made.bench.steps[-1].created_by
    assert made.workshop.copies[0][0] == ["x", "y"]
    assert made.workshop.copies[0][1].unpack
    with pytest.raises(InvalidParameter, match="When using COPY with more than one source file"):
        await house(x=b"1", y=b"2").build("FROM busybox\nCOPY x y /d\n")


async def test_what_is_missing_is_named() -> None:
    with pytest.raises(NotFound, match="COPY failed: no nope"):
        await House().build("FROM busybox\nCOPY nope /x\n")


async def test_copy_takes_no_url() -> None:
    assert is_url("https://x/y")
    with pytest.raises(InvalidParameter, match="COPY failed: source can't be a URL for COPY"):
        await House().build("FROM busybox\nCOPY http://x/y /x\n")


async def test_here_documents_are_files_with_variables_filled_in() -> None:
    made = House()
    await made.build(
        "FROM busybox\nENV v=1\nCOPY <<one <<'two' /d/\na=$v ${n:-x}\none\na=$v\ntwo\n"
    )
    assert [each for each, _ in made.workshop.copies] == [["one"], ["two"]]
