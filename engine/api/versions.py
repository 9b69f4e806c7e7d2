"""API versions: reading them from paths, their limits, and stepping responses down."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from engine.errors import InvalidParameter

Version = tuple[int, ...]

MINIMUM: Version = (1, 24)
NEWEST: Version = (1, 51)

_PREFIX = re.compile(r"/v([0-9][0-9.]*)(?=/)")


def text_of(version: Version) -> str:
    """`(1, 51)` as `1.51`."""
    return ".".join(map(str, version))


def split_prefix(path: str) -> tuple[str | None, str]:
    """`/v1.41/info` is `("1.41", "/info")`; without a prefix the version is None."""
    found = _PREFIX.match(path)
    if found is None:
        return None, path
    return found.group(1), path[found.end() :]


def parse(text: str) -> Version:
    """A version as numbers; empty parts count as 0, as in moby."""
    return tuple(int(part or 0) for part in text.split("."))


def check(text: str, *, minimum: Version = MINIMUM, newest: Version = NEWEST) -> Version:
    """The client's version; raises InvalidParameter with dockerd's texts outside the limits."""
    version = parse(text)
    if version < minimum:
        raise InvalidParameter(
            f"client version {text} is too old. Minimum supported API version is "
            f"{text_of(minimum)}, please upgrade your client to a newer version"
        )
    if version > newest:
        raise InvalidParameter(
            f"client version {text} is too new. Maximum supported API version is {text_of(newest)}"
        )
    return version


Change = Callable[[dict[str, Any]], None]


class Step(msgspec.Struct, frozen=True):
    """Clients below `version` get a response of this kind with `change` made to it, in place."""

    kind: str
    version: Version
    change: Change


def down(kind: str, response: Any, version: Version) -> Any:
    """Step a response (a Struct, a dict, or a list of them) down from the newest version.

    Nothing is copied unless a step applies; steps run from the newest version down.
    """
    steps = [step for step in STEPS if step.kind == kind and version < step.version]
    if not steps:
        return response
    plain = msgspec.to_builtins(response)
    for step in sorted(steps, key=lambda step: step.version, reverse=True):
        for each in plain if isinstance(plain, list) else [plain]:
            step.change(each)
    return plain


def _without(*names: str) -> Change:
    def change(obj: dict[str, Any]) -> None:
        for name in names:
            obj.pop(name, None)

    return change


def _virtual_size(image: dict[str, Any]) -> None:
    image["VirtualSize"] = image.get("Size", 0)


def _disk_usage_virtual_size(usage: dict[str, Any]) -> None:
    for image in usage.get("Images") or ():
        _virtual_size(image)


def _endpoints(container: dict[str, Any]) -> list[dict[str, Any]]:
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return [endpoint for endpoint in networks.values() if endpoint is not None]


def _short_id_alias(container: dict[str, Any]) -> None:
    short = container.get("Id", "")[:12]
    mode = (container.get("HostConfig") or {}).get("NetworkMode")
    for endpoint in _endpoints(container) if mode not in {"default", "bridge"} else ():
        aliases = endpoint.get("Aliases") or []
        if short not in aliases:
            endpoint["Aliases"] = [*aliases, short]


def _without_endpoint_fields(*names: str) -> Change:
    strip = _without(*names)

    def change(container: dict[str, Any]) -> None:
        for endpoint in _endpoints(container):
            strip(endpoint)

    return change


def _kernel_memory(container: dict[str, Any]) -> None:
    host = container.setdefault("HostConfig", {})
    host["KernelMemory"] = host["KernelMemoryTCP"] = 0


def _info_kernel_memory(info: dict[str, Any]) -> None:
    info.setdefault("KernelMemory", False)
    info.setdefault("KernelMemoryTCP", False)


def _bridge_netfilter(info: dict[str, Any]) -> None:
    # Always false since dockerd 28: it no longer loads br_netfilter by itself.
    info.setdefault("BridgeNfIptables", False)
    info.setdefault("BridgeNfIp6tables", False)


def _plain_security_options(info: dict[str, Any]) -> None:
    options = info.get("SecurityOptions") or []
    info["SecurityOptions"] = [
        pair.removeprefix("name=")
        for option in options
        for pair in option.split(",")
        if pair.startswith("name=")
    ]
    info["ExecutionDriver"] = "<not supported>"


def _image_container(image: dict[str, Any]) -> None:
    image.setdefault("Container", "")
    image.setdefault("ContainerConfig", None)


def _volume_usage(usage: dict[str, Any]) -> None:
    for record in usage.get("BuildCache") or ():
        record.setdefault("Parent", next(iter(record.get("Parents") or ()), ""))


# From moby's router and its API version history.
STEPS: tuple[Step, ...] = (
    Step("info", (1, 50), _bridge_netfilter),
    Step("info", (1, 50), _without("DiscoveredDevices")),
    Step("info", (1, 49), _without("FirewallBackend")),
    Step("info", (1, 46), _without("Containerd")),
    Step("info", (1, 42), _info_kernel_memory),
    Step("info", (1, 25), _plain_security_options),
    Step("container", (1, 48), _without("ImageManifestDescriptor")),
    Step("container", (1, 48), _without_endpoint_fields("GwPriority")),
    Step("container", (1, 45), _short_id_alias),
    Step("container", (1, 44), _without_endpoint_fields("DNSNames")),
    Step("container", (1, 42), _kernel_memory),
    Step("container-summary", (1, 48), _without("ImageManifestDescriptor")),
    Step("container-summary", (1, 48), _without_endpoint_fields("GwPriority")),
    Step("container-summary", (1, 44), _without_endpoint_fields("DNSNames")),
    Step("image", (1, 48), _without("Descriptor", "Manifests")),
    Step("image", (1, 45), _image_container),
    Step("image", (1, 44), _virtual_size),
    Step("image-summary", (1, 48), _without("Descriptor")),
    Step("image-summary", (1, 47), _without("Manifests")),
    Step("image-summary", (1, 44), _virtual_size),
    Step("network", (1, 47), _without("EnableIPv4")),
    Step("disk-usage", (1, 44), _disk_usage_virtual_size),
    Step("disk-usage", (1, 42), _volume_usage),
)
