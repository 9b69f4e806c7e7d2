from __future__ import annotations

from typing import Any

import pytest

from engine.domain.builds.steps import quoted_list
from engine.errors import InvalidParameter
from tests.engine.domain.builds.rooms import House


@pytest.mark.parametrize(
    ("line", "comment"),
    [
        ("ENV a=b c='d e'", "#(nop)  ENV a=b c=d e"),
        ("LABEL x=y", "#(nop)  LABEL x=y"),
        ("ARG a=1 b", "#(nop)  ARG a=1 b"),
        ("CMD echo hi", '#(nop)  CMD ["/bin/sh" "-c" "echo hi"]'),
        ('ENTRYPOINT ["a", "b"]', '#(nop)  ENTRYPOINT ["a" "b"]'),
        ("ENTRYPOINT []", "#(nop)  ENTRYPOINT []"),
        ('SHELL ["a", "b"]', "#(nop)  SHELL [a b]"),
        ("MAINTAINER me", "#(nop)  MAINTAINER me"),
        ("ONBUILD RUN x", "#(nop)  ONBUILD RUN x"),
        ("USER 1", "#(nop)  USER 1"),
        ("STOPSIGNAL 9", "#(nop)  STOPSIGNAL 9"),
        ("VOLUME /a /b", "#(nop)  VOLUME [/a /b]"),
        ("EXPOSE 80 443", "#(nop)  EXPOSE 443 80"),
        ("WORKDIR w", "#(nop) WORKDIR /w"),
        (
            "HEALTHCHECK --interval=90s --timeout=5ms --retries=3 CMD x",
            '#(nop)  HEALTHCHECK &{["CMD-SHELL" "x"] "1m30s" "5ms" "0s" \'\\x03\'}',
        ),
    ],
)
async def test_history_has_dockerds_words(line: str, comment: str) -> None:
    house = House()
    await house.build(f"FROM busybox\n{line}\n")
    assert house.bench.steps[0].created_by.endswith(comment)


async def test_the_same_again_is_found_in_the_cache() -> None:
    house = House()
    text = "FROM busybox\nENV a=b\nRUN true\nWORKDIR /x\n"
    await house.build(text)
    made = len(house.bench.steps)
    house.said.clear()
    await house.build(text)
    assert len(house.bench.steps) == made
    assert house.text.count(" ---> Using cache\n") == 3


async def test_after_a_miss_nothing_is_looked_for() -> None:
    house = House()
    await house.build("FROM busybox\nENV a=b\nENV c=d\n")
    house.said.clear()
    await house.build("FROM busybox\nENV a=x\nENV c=d\n")
    assert "Using cache" not in house.text


async def test_without_cache_nothing_is_looked_for() -> None:
    house = House()
    await house.build("FROM busybox\nENV a=b\n")
    await house.build("FROM busybox\nENV a=b\n", no_cache=True)
    assert "Using cache" not in house.text


async def test_arguments_stand_before_the_command_in_the_history() -> None:
    house = House()
    await house.build("FROM busybox\nARG b=2\nARG a=1\nRUN x\n")
    assert house.bench.steps[-1].created_by == "|2 a=1 b=2 /bin/sh -c x"
    (request,) = house.containers.created
    assert request.env[-2:] == ["b=2", "a=1"]
    assert request.entrypoint == [""]
    assert request.healthcheck.test == ["NONE"]


async def test_here_documents() -> None:
    house = House()
    await house.build("FROM busybox\nRUN <<EOF\necho a\necho b\nEOF\nRUN cat <<EOF\nhi\nEOF\n")
    first, second = [each.cmd[-1] for each in house.containers.created]
    assert first == "echo a\necho b\n"
    assert second == "cat <<EOF\nhi\nEOF"


async def test_a_here_document_with_an_interpreter_is_a_program() -> None:
    house = House()
    text = "FROM busybox\nRUN <<EOF\n#!/bin/awk -f\nBEGIN { print 1 }\nEOF\n"
    await house.build(text)
    (request,) = house.containers.created
    assert request.cmd == ["/dev/pipes/EOF"]
    assert request.host_config.binds == ["/made/script-1:/dev/pipes:ro"]
    assert house.workshop.programs == [("EOF", b"#!/bin/awk -f\nBEGIN { print 1 }\n")]
    await house.build(text)
    assert house.text.count("Using cache") == 1
    await house.build(text.replace("print 1", "print 2"))
    assert house.text.count("Using cache") == 1


async def test_containers_are_kept_for_who_asks() -> None:
    house = House()
    await house.build("FROM busybox\nENV a=b\n", remove=False)
    assert len(house.containers.created) == 1
    assert "Removing intermediate" not in house.text


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("STOPSIGNAL FOO", "invalid signal"),
        ("EXPOSE x", "Invalid containerPort"),
        ("ENV $x=1", "ENV names can not be blank"),
        ("COPY --from=scratchy$ x y", "no x"),
    ],
)
async def test_what_is_wrong_is_refused(line: str, error: str) -> None:
    with pytest.raises((InvalidParameter, Exception), match=error):
        await House().build(f"FROM busybox\n{line}\n")


def test_lists_are_quoted_as_go_does() -> None:
    assert quoted_list(["a b", 'c"d', "\t", "é"]) == '["a b" "c\\"d" "\\t" "é"]'


async def test_stages_share_no_arguments() -> None:
    house = House()
    await house.build("FROM busybox\nARG a=1\nFROM busybox\nRUN x\n")
    requests: list[Any] = house.containers.created
    assert not any(each.startswith("a=") for each in requests[0].env)
