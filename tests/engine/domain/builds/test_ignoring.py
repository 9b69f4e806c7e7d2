from __future__ import annotations

import pytest

from engine.domain.builds.ignoring import apply, excluded, read_patterns
from engine.errors import InvalidParameter
from tests.engine.domain.builds.rooms import FakeTree


def test_patterns_are_cleaned() -> None:
    assert read_patterns(b"# c\n\n /a/./b/ \n!c\r\n! d \n") == ["a/b", "!c", "!d"]


@pytest.mark.parametrize(
    ("patterns", "path", "out"),
    [
        (["*.md"], "a.md", True),
        (["*.md"], "d/a.md", False),
        (["**/*.md"], "d/e/a.md", True),
        (["**"], "x", True),
        (["d"], "d/a", True),
        (["d", "!d/a"], "d/a", False),
        (["!a", "a"], "a", True),
        (["a?[bc]"], "axb", True),
        (["a/**/z"], "a/z", True),
        (["\\*"], "x", False),
    ],
)
def test_the_last_that_matches_decides(patterns: list[str], path: str, out: bool) -> None:
    assert excluded(path, patterns) is out


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="syntax error in pattern"):
        excluded("x", ["["])
    with pytest.raises(InvalidParameter, match="illegal exclusion pattern"):
        excluded("x", ["x", "!"])


async def test_only_the_two_files_that_clients_always_send_are_taken_out() -> None:
    tree = FakeTree({".dockerignore": b"*\n!Dockerfile\n", "Dockerfile": b"x", "y": b"z"})
    await apply(tree, "Dockerfile")
    assert sorted(tree.files) == ["Dockerfile", "y"]
    await apply(tree, "Dockerfile")


async def test_many_patterns_are_read_in_time() -> None:
    lines = b"".join(b"some/pattern%d/**/x*\n" % number for number in range(45_000))
    tree = FakeTree({".dockerignore": lines, "Dockerfile": b"x"})
    await apply(tree, "Dockerfile")
    assert "Dockerfile" in tree.files


def test_a_line_without_an_end_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="token too long"):
        read_patterns(b"a" * (10 << 20))
