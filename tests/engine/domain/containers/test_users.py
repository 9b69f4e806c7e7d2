from __future__ import annotations

import pytest

from engine.domain.containers.users import User, resolve
from engine.errors import InvalidParameter

PASSWD = b"""\
root:x:0:0:root:/root:/bin/sh
# comment:x:1:1::/:
app:x:1000:1001:App:/home/app:/bin/sh
short:x:7:8
nohome:x:9:9::
broken
"""
GROUP = b"""\
root:x:0:
app:x:1001:
audio:x:29:app,root
video:x:44:app
audio2:x:29:app
#hidden:x:55:app
"""


@pytest.mark.parametrize(
    ("spec", "user"),
    [
        ("", User(0, 0, (29,), "/root")),
        ("app", User(1000, 1001, (29, 44), "/home/app")),
        ("1000", User(1000, 1001, (29, 44), "/home/app")),
        ("1000:44", User(1000, 44, (), "/home/app")),
        ("app:audio", User(1000, 29, (), "/home/app")),
        ("4242", User(4242, 0, (), "/")),
        ("4242:4343", User(4242, 4343, (), "/")),
        (":44", User(0, 44, (), "/root")),
        ("short", User(7, 8, (), "/")),
        ("nohome", User(9, 9, (), "/")),
    ],
)
def test_user_is_resolved_as_runc_does(spec: str, user: User) -> None:
    assert resolve(spec, PASSWD, GROUP) == user


def test_extra_groups_come_by_name_or_number_and_once() -> None:
    found = resolve("app", PASSWD, GROUP, ["video", "29", "1234"])
    assert found.groups == (29, 44, 1234)


def test_without_files_numbers_are_taken_as_they_are() -> None:
    assert resolve("", b"", b"") == User()
    assert resolve("12:34", b"", b"") == User(12, 34)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("nobody", "unable to find user nobody: no matching entries in passwd file"),
        ("app:nogroup", "unable to find group nogroup: no matching entries in group file"),
        ("2147483648", "uids and gids must be in range 0-2147483647"),
        ("1:2147483648", "uids and gids must be in range 0-2147483647"),
        ("²", "unable to find user ²: no matching entries in passwd file"),
        ("1:²", "unable to find group ²: no matching entries in group file"),
    ],
)
def test_what_is_not_there_is_refused(spec: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        resolve(spec, PASSWD, GROUP)
    assert str(refusal.value) == text


def test_unknown_extra_group_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="unable to find group nogroup"):
        resolve("", PASSWD, GROUP, ["nogroup"])
