from __future__ import annotations

import pytest

from engine.adapters.volumes.options import (
    BIND,
    NOEXEC,
    NOSUID,
    RDONLY,
    REC,
    SHARED,
    host_to_resolve,
    parse_options,
    without_password,
)


@pytest.mark.parametrize(
    ("text", "flags", "data"),
    [
        ("", 0, ""),
        ("bind", BIND, ""),
        ("rbind,ro,rshared", BIND | REC | RDONLY | SHARED, ""),
        ("ro,rw", 0, ""),
        ("noexec,nosuid,suid,size=1m,uid=1000", NOEXEC, "size=1m,uid=1000"),
        ("defaults,nosuid", NOSUID, ""),
        ("addr=10.0.0.1,,vers=4", 0, "addr=10.0.0.1,vers=4"),
    ],
)
def test_words_become_flags_and_the_rest_is_the_file_systems(
    text: str, flags: int, data: str
) -> None:
    assert parse_options(text) == (flags, data)


@pytest.mark.parametrize(
    ("kind", "text", "host"),
    [
        ("nfs", "addr=server.example,rw", "server.example"),
        ("cifs", "username=x,addr=nas", "nas"),
        ("nfs", "addr=10.0.0.1", ""),
        ("nfs", "addr=fd00::1", ""),
        ("tmpfs", "addr=server.example", ""),
        ("nfs", "rw", ""),
    ],
)
def test_only_names_of_network_file_systems_are_resolved(kind: str, text: str, host: str) -> None:
    assert host_to_resolve(kind, text) == host


def test_password_is_blotted_out() -> None:
    options = "username=x,password=secret"
    text = f"mount //nas/share:/v, data: {options}: permission denied"
    assert "secret" not in without_password(text, options)
    assert without_password(text, "username=x") == text
