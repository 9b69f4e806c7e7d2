from __future__ import annotations

from engine.resolver.sockets import redirect


def test_redirect_replaces_what_an_earlier_resolver_left() -> None:
    text = redirect(40001, 40002)
    assert text.startswith("add table ip trimaran-resolver\ndelete table ip trimaran-resolver\n")
    assert "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:40001\n" in text
    assert "ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:40002\n" in text
