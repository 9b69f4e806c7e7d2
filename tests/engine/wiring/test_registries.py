from __future__ import annotations

from config.schema import Settings
from config.sections import Proxies
from engine.wiring.registries import (
    registry_config,
    registry_settings,
    shown_proxies,
    transfer_limits,
)


def test_list_of_mirrors_is_docker_hubs() -> None:
    settings = Settings(registry_mirrors=("https://m.test/",))
    assert registry_settings(settings, {}).mirrors == {"docker.io": ("https://m.test/",)}
    assert registry_config(settings).mirrors == ["https://m.test/"]


def test_map_of_mirrors_is_by_host() -> None:
    mirrors = {"quay.io": ("https://q.test/",), "*": ("https://all.test/",)}
    settings = Settings(registry_mirrors=mirrors, insecure_registries=("own:5000", "10.0.0.0/8"))
    assert registry_settings(settings, {}).mirrors == mirrors
    info = registry_config(settings)
    assert info.mirrors == []
    assert info.insecure_registry_cidrs == ["127.0.0.0/8", "::1/128", "10.0.0.0/8"]
    assert {name: each.secure for name, each in info.index_configs.items()} == {
        "docker.io": True,
        "own:5000": False,
        "quay.io": True,
    }


def test_proxies_of_the_configuration_stand_before_the_environments() -> None:
    settings = Settings(proxies=Proxies(http_proxy="http://own"))
    proxies = registry_settings(settings, {"HTTP_PROXY": "e", "HTTPS_PROXY": "s"}).proxies
    assert (proxies.http, proxies.https) == ("http://own", "s")


def test_info_shows_no_passwords() -> None:
    settings = Settings(proxies=Proxies(https_proxy="http://u:p@proxy:3128", no_proxy="a"))
    shown = shown_proxies(settings, {"HTTP_PROXY": "http://plain"})
    assert (shown.http, shown.https, shown.none) == (
        "http://plain",
        "http://xxxxx:xxxxx@proxy:3128",
        "a",
    )


def test_limits_are_dockerds() -> None:
    limits = transfer_limits(Settings())
    assert (limits.downloads, limits.uploads, limits.attempts) == (3, 5, 5)
