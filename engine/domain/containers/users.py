"""Resolving a container's user in its own passwd and group files, as runc's libcontainer/user does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from engine.errors import InvalidParameter

MAX_ID = (1 << 31) - 1


class User(msgspec.Struct, frozen=True):
    """Numbers as the OCI spec wants them; `groups` are the supplementary ones."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/"


def resolve(spec: str, passwd: bytes, group: bytes, extra_groups: Sequence[str] = ()) -> User:
    """`user[:group]`, each a name or a number ("" is root). InvalidParameter for a name that is not there."""
    user_name, _, group_name = spec.partition(":")
    uid, gid, home, account = 0, 0, "/", ""
    entry = next(_matching(passwd, user_name or "0"), None)
    if entry is not None:
        account, uid, gid, home = (
            entry[0],
            _number(entry[2]),
            _number(entry[3]),
            (entry[5] if len(entry) > 5 else "/"),
        )
    elif user_name and not user_name.isdecimal():
        raise InvalidParameter(
            f"unable to find user {user_name}: no matching entries in passwd file"
        )
    elif user_name:
        uid = _in_range(user_name)
    groups: tuple[int, ...] = ()
    if group_name:
        gid = _group(group_name, group)
    elif account:
        groups = tuple(_number(row[2]) for row in _rows(group, 4) if account in row[3].split(","))
    extra = tuple(_group(name, group) for name in extra_groups)
    return User(uid, gid, tuple(dict.fromkeys((*groups, *extra))), home or "/")


def _rows(text: bytes, fields: int) -> Iterator[list[str]]:
    for line in text.decode("utf-8", "replace").splitlines():
        row = line.strip().split(":")
        if len(row) >= fields and not line.startswith("#"):
            yield row


def _matching(passwd: bytes, wanted: str) -> Iterator[list[str]]:
    for row in _rows(passwd, 4):
        if row[0] == wanted or (wanted.isdecimal() and row[2] == wanted):
            yield row


def _group(name: str, group: bytes) -> int:
    for row in _rows(group, 3):
        if row[0] == name or (name.isdecimal() and row[2] == name):
            return _number(row[2])
    if name.isdecimal():
        return _in_range(name)
    raise InvalidParameter(f"unable to find group {name}: no matching entries in group file")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _in_range(text: str) -> int:
    number = int(text)
    if number > MAX_ID:
        raise InvalidParameter("uids and gids must be in range 0-2147483647")
    return number
