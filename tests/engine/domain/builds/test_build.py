from __future__ import annotations

import pytest
import trio

from engine.domain.builds.output import BuildFailed
from engine.errors import InvalidParameter
from tests.engine.domain.builds.rooms import House


async def test_stages_titles_and_the_end() -> None:
    house = House()
    made = await house.build("ARG V=busybox\nFROM $V AS one\nENV a=b\nFROM one\nENV c=d\n")
    assert "Step 1/5 : ARG V=busybox\nStep 2/5 : FROM $V AS one\n ---> bbbbbbbbbbbb\n" in house.text
    assert [each["aux"]["ID"][-1] for each in house.said if "aux" in each] == ["1", "2"]
    assert made.config.config.env is not None
    assert made.config.config.env[-2:] == ["a=b", "c=d"]


async def test_copy_from_names_an_earlier_stage_or_an_image() -> None:
    house = House()
    house.workshop.tree.files["/x"] = b"x"
    await house.build(
        "FROM busybox AS one\nFROM scratch\nCOPY --from=ONE /x /y\nCOPY --from=0 /x /z\nCOPY --from=busybox /x /w\n"
    )
    assert [order.keep for _, order in house.workshop.copies] == [True, True, True]


async def test_copy_from_itself_and_from_beyond_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="flag value 0: refers to current build stage"):
        await House().build("FROM busybox\nCOPY --from=0 /x /y\n")
    with pytest.raises(InvalidParameter, match="index out of bounds"):
        await House().build("FROM busybox\nCOPY --from=3 /x /y\n")


async def test_a_stage_name_is_taken_once() -> None:
    with pytest.raises(InvalidParameter, match="x stage name already used"):
        await House().build("FROM busybox AS x\nFROM busybox AS x\n")


async def test_nothing_from_scratch_is_no_image() -> None:
    with pytest.raises(InvalidParameter, match="No image was generated"):
        await House().build("FROM scratch\n")


async def test_what_is_not_here_is_pulled() -> None:
    house = House()
    await house.build("FROM elsewhere\nENV a=b\n")
    assert {"status": "Pulling elsewhere"} in house.said


async def test_triggers_run_at_the_from() -> None:
    house = House()
    await house.build("FROM busybox AS x\nONBUILD ENV a=b\nONBUILD USER u\nFROM x\n")
    assert "# Executing 2 build triggers\n" in house.text
    assert house.bench.steps[-1].config.user == "u"
    assert house.bench.steps[-1].config.on_build is None


async def test_unused_arguments_and_gaps_are_warned_of() -> None:
    house = House()
    await house.build("FROM busybox\nENV a=b \\\n\n c=d\n", arguments={"x": "1", "y": None})
    assert "[Warning] One or more build-args [x y] were not consumed\n" in house.text
    assert house.text.startswith("\x1b[91m[WARNING]: Empty continuation line found in:\n")


async def test_cache_from_what_is_not_here_is_no_error() -> None:
    house = House()
    await house.build("FROM busybox\nENV a=b\n", cache_from=("nosuch",))
    assert "Using cache" not in house.text


async def test_independent_stages_run_at_the_same_time_and_speak_in_order() -> None:
    house = House()
    meeting = [trio.Event(), trio.Event()]

    async def start(reference: str) -> None:
        """Each command waits for the other's: one after the other, they would never end."""
        mine = int(reference) - 1
        meeting[mine].set()
        await meeting[1 - mine].wait()

    house.containers.start = start  # type: ignore[method-assign]
    with trio.fail_after(10):
        await house.build(
            "FROM busybox AS a\nRUN x\nFROM busybox AS b\nRUN y\nFROM scratch\nENV z=1\n"
        )
    titles = [each for each in house.text.splitlines() if each.startswith("Step")]
    assert titles == [
        "Step 1/6 : FROM busybox AS a",
        "Step 2/6 : RUN x",
        "Step 3/6 : FROM busybox AS b",
        "Step 4/6 : RUN y",
        "Step 5/6 : FROM scratch",
        "Step 6/6 : ENV z=1",
    ]


async def test_the_first_failure_in_the_files_order_is_told() -> None:
    house = House()

    async def start(reference: str) -> None:
        await trio.sleep(0.05)

    house.containers.start = start  # type: ignore[method-assign]
    house.containers.code = 5
    with pytest.raises(BuildFailed, match="'/bin/sh -c x' returned a non-zero code: 5"):
        await house.build("FROM busybox\nRUN x\nFROM busybox AS b\nSTOPSIGNAL nope\n")
    assert "STOPSIGNAL" not in house.text


async def test_squash_makes_one_layer_of_the_last_stage() -> None:
    house = House()
    image = await house.build("FROM busybox AS a\nRUN x\nFROM a\nRUN y\nENV b=c\n", squash=True)
    ((base, top, comment),) = house.bench.flattened
    assert base is not None
    assert base.id == f"sha256:{1:064d}"
    assert top.id == f"sha256:{3:064d}"
    assert comment == f"merge {top.id} to {base.id}"
    assert house.said[-1] == {"aux": {"ID": image.id}}


async def test_squash_on_nothing() -> None:
    house = House()
    house.workshop.tree.files["f"] = b""
    await house.build("FROM scratch\nCOPY f /\n", squash=True)
    ((base, top, comment),) = house.bench.flattened
    assert (base, comment) == (None, f"create new from {top.id}")
