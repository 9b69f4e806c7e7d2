from __future__ import annotations

from engine.adapters.registry.settings import ProxySettings


def test_configured_proxy_stands_before_the_environments() -> None:
    environment = {"HTTP_PROXY": "env", "https_proxy": "lower", "NO_PROXY": "a"}
    found = ProxySettings.found(http="own", https="", none="", environment=environment)
    assert found == ProxySettings(http="own", https="lower", none="a")
