"""What is done with each key is said."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.flags import parse
from config.honoured import REFUSED, REMOVED, REMOVED_FLAGS, STATUS, check_refused
from config.load import load
from config.options import BY_FLAG, BY_SHORT
from config.schema import KEYS, Settings


def test_every_key_has_a_status() -> None:
    assert STATUS.keys() == KEYS.keys()
    assert REFUSED.keys() <= KEYS.keys()
    assert not REMOVED.keys() & KEYS.keys()
    assert not REMOVED_FLAGS.keys() & (BY_FLAG.keys() | BY_SHORT.keys())


def test_accepted_key_that_does_nothing_yet_is_warned_of() -> None:
    loaded = load(
        parse(["--default-stop-timeout=7", "--mtu=1400"]), lambda path: b'{"raw-logs": true}'
    )
    assert loaded.warnings == (
        '"raw-logs" is accepted but not honoured yet (set in the configuration file)',
        '"default-stop-timeout" is accepted but not honoured yet (set by a flag)',
    )


def test_default_value_is_no_reason_to_warn() -> None:
    assert load(parse(["--raw-logs=false"]), lambda path: b"").warnings == ()


def test_lost_protection_is_refused() -> None:
    with pytest.raises(ConfigError, match="userns-remap is not supported"):
        check_refused(Settings(userns_remap="default"))
    check_refused(Settings())
