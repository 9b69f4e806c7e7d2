"""Checks of names and addresses in the configuration, with dockerd's texts; each returns its input."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from config.errors import ConfigError

_DOMAIN_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def check_ip(text: str) -> str:
    """An IPv4 or IPv6 address."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise ConfigError(f"{text} is not an ip address") from None


def check_cidr(text: str) -> str:
    """An address with a prefix length; host bits may be set (a bridge's own address)."""
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        raise ConfigError(f"invalid CIDR address: {text}") from None
    if "/" not in text:
        raise ConfigError(f"invalid CIDR address: {text}")
    return text


def check_search_domain(text: str) -> str:
    """A DNS search domain; `.` alone stands for none. Spaces around it are dropped."""
    domain = text.strip()
    if domain == ".":
        return domain
    labels = domain.removesuffix(".").split(".")
    if len(domain) > 255 or not all(_DOMAIN_LABEL.fullmatch(label) for label in labels):
        raise ConfigError(f"{text} is not a valid domain")
    return domain


def check_label(text: str) -> str:
    """A daemon label `key=value`."""
    if not text.partition("=")[0] or "=" not in text:
        raise ConfigError(f"bad attribute format: {text}")
    return text


def check_mirror(text: str) -> str:
    """A registry mirror: http or https, and nothing but a host; the result ends with `/`."""
    try:
        url = urlsplit(text)
        url.port  # noqa: B018  (reading it is the check)
    except ValueError as error:
        raise ConfigError(f'invalid mirror: "{text}" is not a valid URI: {error}') from None
    if url.scheme not in ("http", "https"):
        raise ConfigError(f'invalid mirror: unsupported scheme "{url.scheme}" in "{text}"')
    if not url.hostname:
        raise ConfigError(f'invalid mirror: no host in "{text}"')
    if url.path not in ("", "/") or url.query or url.fragment:
        raise ConfigError(f'invalid mirror: path, query, or fragment at end of the URI "{text}"')
    if "@" in url.netloc:
        hidden = _without_password(url)
        raise ConfigError(f'invalid mirror: username/password not allowed in URI "{hidden}"')
    return text if url.path else f"{text}/"


def _without_password(url: SplitResult) -> str:
    host = url.netloc.rpartition("@")[2]
    return url._replace(netloc=f"{url.username or ''}:xxxxx@{host}").geturl()


def check_insecure_registry(text: str) -> str:
    """A host with an optional port, or a CIDR; a scheme in front is dropped, as dockerd does."""
    entry = re.sub(r"^https?://", "", text, flags=re.IGNORECASE)
    if "://" in entry:
        raise ConfigError(f"insecure registry {text} should not contain '://'")
    if "/" in entry:
        return check_cidr(entry)
    if not re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9_.-]+)(:\d{1,5})?", entry):
        raise ConfigError(f'insecure registry {text} is not valid: invalid host "{entry}"')
    port = entry.rpartition(":")[2] if re.search(r":\d+$", entry) else "0"
    if int(port) > 65535:
        raise ConfigError(f'insecure registry {text} is not valid: invalid port "{port}"')
    return entry
