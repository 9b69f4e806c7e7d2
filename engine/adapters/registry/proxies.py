"""Which proxy a request goes through: Go's rules for HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from engine.adapters.registry.settings import ProxySettings

__all__ = ["proxy_for"]


def proxy_for(scheme: str, host: str, port: int, proxies: ProxySettings) -> str:
    """The proxy's URL, "" for none. Loopback is never proxied."""
    proxy = proxies.https if scheme == "https" else proxies.http
    if not proxy or _is_direct(host.lower().rstrip("."), port, proxies.none):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_direct(host: str, port: int, none: str) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(
        _excludes(each.strip().lower(), host, address, port)
        for each in none.split(",")
        if each.strip()
    )


def _excludes(entry: str, host: str, address: IPv4Address | IPv6Address | None, port: int) -> bool:
    """`*`, an address, a network, a domain (with all below it), `.domain` (only what is below it)."""
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, suffix = entry.rpartition(":")
    if colon and suffix.isdigit() and (":" not in name or name.startswith("[")):
        if int(suffix) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    if address is not None:
        return _address(entry) == address
    entry = entry.removeprefix("*")
    return host.endswith(entry) if entry.startswith(".") else _within(host, entry)


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
