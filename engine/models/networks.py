"""The wire of the Network tag, and the parts of a container that are about networks."""

from __future__ import annotations

from msgspec import field

from engine.models.wire import Wire, flag, mapping, nested, null, number, text


class PortBinding(Wire, frozen=True):
    host_ip: str = text("HostIp")
    host_port: str = text()


class EndpointIPAMConfig(Wire, frozen=True):
    ipv4_address: str = field(default="", name="IPv4Address")
    ipv6_address: str = field(default="", name="IPv6Address")
    link_local_ips: list[str] = field(default_factory=list, name="LinkLocalIPs")


class EndpointSettings(Wire, frozen=True):
    """A container's place in one network: what the client asked for, then what came of it."""

    ipam_config: EndpointIPAMConfig | None = null("IPAMConfig")
    links: list[str] | None = null()
    aliases: list[str] | None = null()
    mac_address: str = text()
    driver_opts: dict[str, str] | None = null()
    gw_priority: int = number()
    network_id: str = text("NetworkID")
    endpoint_id: str = text("EndpointID")
    gateway: str = text()
    ip_address: str = text("IPAddress")
    ip_prefix_len: int = number("IPPrefixLen")
    ipv6_gateway: str = text("IPv6Gateway")
    global_ipv6_address: str = text("GlobalIPv6Address")
    global_ipv6_prefix_len: int = number("GlobalIPv6PrefixLen")
    dns_names: list[str] | None = null("DNSNames")


class NetworkingConfig(Wire, frozen=True):
    """The create request's networks: name or ID to settings (null is none)."""

    endpoints_config: dict[str, EndpointSettings | None] | None = null()


class Address(Wire, frozen=True):
    addr: str = text()
    prefix_len: int = number()


class NetworkSettings(Wire, frozen=True):
    """Inspect's NetworkSettings; the flat members repeat the default bridge's endpoint."""

    bridge: str = text()
    sandbox_id: str = text("SandboxID")
    sandbox_key: str = text()
    ports: dict[str, list[PortBinding] | None] = mapping()
    hairpin_mode: bool = flag()
    link_local_ipv6_address: str = text("LinkLocalIPv6Address")
    link_local_ipv6_prefix_len: int = number("LinkLocalIPv6PrefixLen")
    secondary_ip_addresses: list[Address] | None = null("SecondaryIPAddresses")
    secondary_ipv6_addresses: list[Address] | None = null("SecondaryIPv6Addresses")
    endpoint_id: str = text("EndpointID")
    gateway: str = text()
    global_ipv6_address: str = text("GlobalIPv6Address")
    global_ipv6_prefix_len: int = number("GlobalIPv6PrefixLen")
    ip_address: str = text("IPAddress")
    ip_prefix_len: int = number("IPPrefixLen")
    ipv6_gateway: str = text("IPv6Gateway")
    mac_address: str = text()
    networks: dict[str, EndpointSettings] = mapping()


class SummaryNetworkSettings(Wire, frozen=True):
    networks: dict[str, EndpointSettings] = mapping()


class IPAMConfig(Wire, frozen=True):
    """One pool of a network; empty members are left out."""

    subnet: str = ""
    ip_range: str = field(default="", name="IPRange")
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = field(default_factory=dict)


class IPAM(Wire, frozen=True):
    driver: str = text()
    options: dict[str, str] | None = null()
    config: list[IPAMConfig] | None = null()


class ConfigReference(Wire, frozen=True):
    network: str = text()


class NetworkCreateRequest(Wire, frozen=True):
    name: str = text()
    check_duplicate: bool = False
    driver: str = text()
    scope: str = text()
    enable_ipv4: bool | None = field(default=None, name="EnableIPv4")
    enable_ipv6: bool | None = field(default=None, name="EnableIPv6")
    internal: bool = flag()
    attachable: bool = flag()
    ingress: bool = flag()
    config_only: bool = flag()
    config_from: ConfigReference | None = null()
    ipam: IPAM | None = null("IPAM")
    options: dict[str, str] | None = null()
    labels: dict[str, str] | None = null()


class NetworkCreateResponse(Wire, frozen=True):
    id: str = text()
    warning: str = text()


class NetworkContainer(Wire, frozen=True):
    name: str = text()
    endpoint_id: str = text("EndpointID")
    mac_address: str = text()
    ipv4_address: str = text("IPv4Address")
    ipv6_address: str = text("IPv6Address")


class NetworkInspect(Wire, frozen=True):
    """An entry of GET /networks (there Containers is always {}) and GET /networks/{id}."""

    name: str = text()
    id: str = text()
    created: str = text()
    scope: str = text()
    driver: str = text()
    enable_ipv4: bool = flag("EnableIPv4")
    enable_ipv6: bool = flag("EnableIPv6")
    ipam: IPAM = nested(IPAM, "IPAM")
    internal: bool = flag()
    attachable: bool = flag()
    ingress: bool = flag()
    config_from: ConfigReference = nested(ConfigReference)
    config_only: bool = flag()
    containers: dict[str, NetworkContainer] = mapping()
    options: dict[str, str] = mapping()
    labels: dict[str, str] = mapping()


class NetworkConnectRequest(Wire, frozen=True):
    container: str = text()
    endpoint_config: EndpointSettings | None = None


class NetworkDisconnectRequest(Wire, frozen=True):
    container: str = text()
    force: bool = flag()


class NetworkPruneReport(Wire, frozen=True):
    networks_deleted: list[str] | None = null()
