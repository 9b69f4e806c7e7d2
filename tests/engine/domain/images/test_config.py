from __future__ import annotations

import pytest

from engine.domain.images.config import chain_ids, digest_of, parse_config
from engine.errors import InvalidParameter


def test_chain_id_of_one_layer_is_its_diff_id() -> None:
    assert chain_ids(["sha256:aa"]) == ("sha256:aa",)
    assert chain_ids([]) == ()


def test_chain_ids_name_each_layer_with_all_below_it() -> None:
    first, second = digest_of(b"1"), digest_of(b"2")
    assert chain_ids([first, second]) == (first, digest_of(f"{first} {second}".encode()))


def test_nulls_in_a_config_are_zero_values() -> None:
    config = parse_config(
        b'{"os":"linux","config":{"Env":null,"Labels":null,"Cmd":"sh"},"history":null,'
        b'"rootfs":{"type":"layers","diff_ids":null},"created":null,"os.version":"1"}'
    )
    assert (config.config.env, config.config.cmd, config.os_version) == (None, ["sh"], "1")
    assert config.rootfs.diff_ids == []


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"rootfs":null}', b'{"rootfs":{},"os":3}'])
def test_config_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidParameter):
        parse_config(data)
