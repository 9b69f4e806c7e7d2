from __future__ import annotations

import pytest

from engine.domain.networks.resolvconf import HOST_FILE, SYSTEMD_FILE, host_file, parse, render

HOST = "search lan\nnameserver 10.0.0.53\noptions edns0\n"


def test_hosts_settings_are_taken_over() -> None:
    assert render(HOST) == HOST


def test_wishes_replace_the_hosts_lines_of_their_kind() -> None:
    text = render(HOST, dns=["1.1.1.1"], search=["foo.com", "bar"], options=["ndots:3"])
    assert text == "search foo.com bar\nnameserver 1.1.1.1\noptions ndots:3\n"
    assert render(HOST, dns=["1.1.1.1"]) == "search lan\nnameserver 1.1.1.1\noptions edns0\n"


def test_dot_means_no_search() -> None:
    assert "search" not in render(HOST, search=["."])


def test_loopback_servers_are_left_out() -> None:
    text = render("nameserver 127.0.0.1\nnameserver ::1\nnameserver 10.0.0.53\n")
    assert text == "nameserver 10.0.0.53\n"


def test_without_reachable_servers_there_are_googles() -> None:
    assert render("nameserver 127.0.0.53\n") == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    assert "2001:4860:4860::8888" in render("", ipv6=True)


def test_ipv6_servers_need_an_ipv6_network() -> None:
    text = "nameserver fe80::1\nnameserver 10.0.0.53\n"
    assert render(text) == "nameserver 10.0.0.53\n"
    assert render(text, ipv6=True) == text


def test_host_network_keeps_the_file_as_it_is() -> None:
    text = "# mine\nnameserver 127.0.0.1\n"
    assert render(text, host_network=True) == text
    assert render(text, host_network=True, options=["ndots:2"]) == (
        "nameserver 127.0.0.1\noptions ndots:2\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nameserver 127.0.0.53\n", SYSTEMD_FILE),
        ("nameserver 127.0.0.53\nnameserver 1.1.1.1\n", HOST_FILE),
        ("", HOST_FILE),
    ],
)
def test_systemds_stub_points_to_the_real_servers(text: str, expected: str) -> None:
    assert host_file(text) == expected


def test_comments_and_repeated_lines_are_read_as_the_resolver_does() -> None:
    found = parse("; c\nsearch a\nsearch b c # x\nnameserver 1.1.1.1;y\nnonsense\n")
    assert (found.search, found.nameservers) == (("b", "c"), ("1.1.1.1",))
