from __future__ import annotations

import pytest

from config.schema import KEYS, Settings


def test_file_keys_are_the_attributes_with_dashes() -> None:
    assert KEYS["data-root"] == "data_root"
    assert all(key == name.replace("_", "-") for key, name in KEYS.items())


def test_paths_follow_the_exec_root_unless_they_are_said() -> None:
    settings = Settings(exec_root="/x")
    assert settings.pid_path.startswith("/x/")
    assert settings.socket_path.startswith("/x/")
    assert Settings(exec_root="/x", pidfile="/p").pid_path == "/p"
    assert Settings(pidfile="").pid_path == ""


@pytest.mark.parametrize(
    ("said", "uses"),
    [
        ({}, False),
        ({"tls": True}, True),
        ({"tls": False}, False),
        ({"tlsverify": True}, True),
        ({"tlsverify": False}, True),
    ],
)
def test_tlsverify_said_at_all_implies_tls(said: dict[str, bool], uses: bool) -> None:
    assert Settings(**said).uses_tls is uses  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("masq", "iptables", "masquerades"),
    [(True, True, True), (False, True, False), (True, False, False)],
)
def test_masquerading_needs_the_firewall(masq: bool, iptables: bool, masquerades: bool) -> None:
    assert Settings(ip_masq=masq, iptables=iptables).masquerades is masquerades
