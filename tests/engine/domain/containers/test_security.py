from __future__ import annotations

import pytest

from engine.domain.containers.security import SecurityOptions, parse_security
from engine.errors import InvalidParameter


def test_options_are_taken_with_either_separator() -> None:
    assert parse_security(
        ["label=disable", "label:type:t", "apparmor=p", "seccomp:unconfined", "no-new-privileges"]
    ) == SecurityOptions(
        labels=("disable", "type:t"), apparmor="p", seccomp="unconfined", no_new_privileges=True
    )


def test_profile_may_hold_separators() -> None:
    assert parse_security(['seccomp={"a": "b=c"}']).seccomp == '{"a": "b=c"}'


def test_nothing_said_leaves_it_to_the_daemon() -> None:
    assert parse_security(None).no_new_privileges is None
    assert parse_security(["no-new-privileges=false"]).no_new_privileges is False


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("foo", 'invalid --security-opt 1: "foo"'),
        ("foo=bar", 'invalid --security-opt 2: "foo=bar"'),
        ("no-new-privileges:x", 'invalid --security-opt 2: "no-new-privileges:x"'),
    ],
)
def test_unknown_options_are_refused(option: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_security([option])
    assert str(caught.value) == text
