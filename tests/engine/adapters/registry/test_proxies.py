from __future__ import annotations

import pytest

from engine.adapters.registry.proxies import proxy_for
from engine.adapters.registry.settings import ProxySettings

PROXIES = ProxySettings(
    http="plain:3128",
    https="http://tls:3128",
    none="reg.test, .below.test, 10.0.0.0/8, 192.0.2.1, ported.test:5000, *.star.test",
)


def test_scheme_decides_which_proxy() -> None:
    assert proxy_for("http", "a.test", 80, PROXIES) == "http://plain:3128"
    assert proxy_for("https", "a.test", 443, PROXIES) == "http://tls:3128"
    assert proxy_for("https", "a.test", 443, ProxySettings(http="x")) == ""


@pytest.mark.parametrize(
    ("host", "port", "direct"),
    [
        ("reg.test", 443, True),
        ("a.reg.test", 443, True),
        ("oreg.test", 443, False),
        ("below.test", 443, False),
        ("a.below.test", 443, True),
        ("a.star.test", 443, True),
        ("10.9.8.7", 5000, True),
        ("11.9.8.7", 5000, False),
        ("192.0.2.1", 443, True),
        ("ported.test", 5000, True),
        ("ported.test", 5001, False),
        ("localhost", 5000, True),
        ("127.0.0.3", 5000, True),
        ("::1", 5000, True),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(host: str, port: int, direct: bool) -> None:
    assert (proxy_for("https", host, port, PROXIES) == "") is direct


def test_star_means_no_proxy_at_all() -> None:
    assert proxy_for("http", "a.test", 80, ProxySettings(http="p", none="*")) == ""
