from __future__ import annotations

from collections import Counter

import pytest

from config.options import GROUPS, OPTIONS, Option
from config.schema import KEYS
from config.values import STRING


def test_error_texts_name_a_flag_with_its_short_form() -> None:
    assert Option("host", "hosts", STRING, "", "H").shown == "-H, --host"
    assert Option("mtu", "mtu", STRING, "").shown == "--mtu"


@pytest.mark.parametrize("part", ["flag", "short"])
def test_every_flag_is_there_once(part: str) -> None:
    names = Counter(getattr(each, part) for each in OPTIONS if getattr(each, part))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_key_is_one_of_the_file() -> None:
    unknown = [each.key for each in OPTIONS if each.key and each.key.split(".")[0] not in KEYS]
    assert unknown == []


def test_groups_hold_all_options_and_each_says_what_it_is_for() -> None:
    assert sum(len(each) for each in GROUPS.values()) == len(OPTIONS)
    assert all(each.help for each in OPTIONS)
