"""Names and addresses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from config.addresses import (
    check_cidr,
    check_insecure_registry,
    check_ip,
    check_label,
    check_mirror,
    check_search_domain,
)
from config.errors import ConfigError


@pytest.mark.parametrize(
    ("check", "text", "result"),
    [
        (check_ip, " 1.2.3.4", "1.2.3.4"),
        (check_cidr, "10.0.0.1/8", "10.0.0.1/8"),
        (check_search_domain, ".", "."),
        (check_search_domain, " a-b.c_d.example. ", "a-b.c_d.example."),
        (check_label, "a=", "a="),
        (check_mirror, "http://h:5000", "http://h:5000/"),
        (check_mirror, "https://h/", "https://h/"),
        (check_insecure_registry, "HTTPS://h:1", "h:1"),
        (check_insecure_registry, "[::1]:5000", "[::1]:5000"),
        (check_insecure_registry, "fd00::/8", "fd00::/8"),
    ],
)
def test_good_values_pass(check: Callable[[str], str], text: str, result: str) -> None:
    assert check(text) == result


@pytest.mark.parametrize(
    ("check", "text", "error"),
    [
        (check_mirror, "ftp://foo", 'invalid mirror: unsupported scheme "ftp" in "ftp://foo"'),
        (check_mirror, "http://foo/bar", 'invalid mirror: path, query, or fragment at end of the URI "http://foo/bar"'),
        (check_mirror, "http://foo?x", 'invalid mirror: path, query, or fragment at end of the URI "http://foo?x"'),
        (check_mirror, "http://foo/#x", 'invalid mirror: path, query, or fragment at end of the URI "http://foo/#x"'),
        (check_mirror, "http://u:p@foo", 'invalid mirror: username/password not allowed in URI "http://u:xxxxx@foo"'),
        (check_mirror, "http://", 'invalid mirror: no host in "http://"'),
        (check_insecure_registry, "h:99999", 'insecure registry h:99999 is not valid: invalid port "99999"'),
        (check_insecure_registry, "a b", 'insecure registry a b is not valid: invalid host "a b"'),
        (check_insecure_registry, "10.0.0.0/99", "invalid CIDR address: 10.0.0.0/99"),
        (check_label, "=x", "bad attribute format: =x"),
        (check_search_domain, "a..b", "a..b is not a valid domain"),
        (check_search_domain, "-a", "-a is not a valid domain"),
    ],
)  # fmt: skip
def test_bad_values_have_a_text(check: Callable[[str], str], text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(text)
    assert str(caught.value) == error
