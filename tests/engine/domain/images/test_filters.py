from __future__ import annotations

import pytest

from engine.domain.images.catalogue import Catalogue
from engine.domain.images.filters import Filters, matched_names, select_images
from engine.errors import EngineError, InvalidParameter, NotFound
from tests.engine.domain.images.builders import catalogue, image_id, make

NOW = 1_704_067_200 * 10**9  # 2024-01-01T00:00:00Z
OLD = make(1, created="2023-01-01T00:00:00Z", labels={"a": "1"})
NEW = make(2, created="2023-12-31T23:00:00.5Z", labels={"a": "2", "b": ""})
BARE = make(3, created="2023-06-01T00:00:00Z")
PARENT = make(4, created="2022-06-01T00:00:00Z")
CHILD = make(5, created="2022-07-01T00:00:00Z", parent=image_id(4))


@pytest.fixture
def here() -> Catalogue:
    return catalogue(
        (OLD, ["old:1"]), (NEW, ["new:1", "lib/new:2"]), (BARE, []), (PARENT, []), (CHILD, ["c:1"])
    )


def chosen(here: Catalogue, filters: Filters, *, every: bool = False) -> list[int]:
    found = select_images(here, filters, every=every, now_ns=NOW)
    return [int(image.id[7:], 16) for image in found]


def test_list_is_newest_first_without_nameless_parents(here: Catalogue) -> None:
    assert chosen(here, {}) == [2, 3, 1, 5]
    assert chosen(here, {}, every=True) == [2, 3, 1, 5, 4]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"dangling": ["true"]}, [3]),
        ({"dangling": ["0"]}, [2, 1, 5]),
        ({"label": ["a"]}, [2, 1]),
        ({"label": ["a=2"]}, [2]),
        ({"label": ["a", "b"]}, [2]),
        ({"label!": ["a=2"]}, [3, 1, 5]),
        ({"before": ["new:1"]}, [3, 1, 5]),
        ({"since": ["old:1"]}, [2, 3]),
        ({"since": ["old:1"], "before": ["new:1"]}, [3]),
        ({"reference": ["old*"]}, [1]),
        ({"reference": ["*/new"]}, [2]),
        ({"reference": ["old:1", "c"]}, [1, 5]),
        ({"until": ["2h"]}, [3, 1, 5]),
        ({"until": ["2023-03-01T00:00:00Z"]}, [1, 5]),
        ({"until": ["1672531201"]}, [1, 5]),
    ],
)
def test_filters_choose(here: Catalogue, filters: Filters, expected: list[int]) -> None:
    assert chosen(here, filters) == expected


@pytest.mark.parametrize(
    ("filters", "error", "text"),
    [
        ({"foo": ["x"]}, InvalidParameter, "Invalid filter 'foo'"),
        ({"dangling": ["x"]}, InvalidParameter, "Invalid filter 'dangling=[x]'"),
        ({"before": ["nope"]}, NotFound, "No such image: nope:latest"),
        ({"until": ["x"]}, InvalidParameter, 'time: invalid duration "x"'),
        ({"reference": ["["]}, InvalidParameter, "syntax error in pattern"),
    ],
)
def test_bad_filter_is_refused(
    here: Catalogue, filters: Filters, error: type[EngineError], text: str
) -> None:
    with pytest.raises(error) as refused:
        chosen(here, filters)
    assert str(refused.value) == text


def test_reference_filter_leaves_other_names_out() -> None:
    names = ["new:1", "lib/new:2"]
    assert matched_names(names, {"reference": ["new"]}) == ["new:1"]
    assert matched_names(names, {}) == names
