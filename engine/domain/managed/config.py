"""The configuration of a managed plugin: config.json in moby's terms, privileges, and what `set` may change. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from engine.domain.managed.records import Settings
from engine.errors import InvalidParameter, SystemFailure
from engine.version import VERSION

Config = dict[str, Any]
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Privilege(msgspec.Struct, frozen=True):
    """What an installation's user agrees to."""

    name: str = msgspec.field(default="", name="Name")
    value: list[str] | None = msgspec.field(default=None, name="Value")


_EMPTY: Config = {
    "Args": {"Description": "", "Name": "", "Settable": None, "Value": None},
    "Description": "",
    "DockerVersion": "",
    "Documentation": "",
    "Entrypoint": None,
    "Env": None,
    "Interface": {"Socket": "", "Types": None},
    "IpcHost": False,
    "Linux": {"AllowAllDevices": False, "Capabilities": None, "Devices": None},
    "Mounts": None,
    "Network": {"Type": ""},
    "PidHost": False,
    "PropagatedMount": "",
    "User": {},
    "WorkDir": "",
}


class _Interface(msgspec.Struct, rename="pascal"):
    socket: str
    types: list[str] | None


class _Args(msgspec.Struct, rename="pascal"):
    name: str
    settable: list[str] | None
    value: list[str] | None


class _Linux(msgspec.Struct, rename="pascal"):
    allow_all_devices: bool
    capabilities: list[str] | None
    devices: list[_Part] | None


class _Part(msgspec.Struct, rename="pascal"):
    """An entry of Env, Mounts or Devices."""

    settable: list[str] | None = None
    value: str | None = None
    source: str | None = None
    destination: str | None = None
    type: str | None = None
    options: list[str] | None = None
    path: str | None = None


class _Network(msgspec.Struct, rename="pascal"):
    type: str


class _Typed(msgspec.Struct, rename="pascal"):
    """Of what type each part has to be, once names are as Go writes them."""

    args: _Args
    docker_version: str
    entrypoint: list[str] | None
    env: list[_Part] | None
    interface: _Interface
    ipc_host: bool
    linux: _Linux
    mounts: list[_Part] | None
    network: _Network
    pid_host: bool
    propagated_mount: str
    user: dict[str, int | None]
    work_dir: str


_PARTS = {
    "Env": ("Name", "Description", "Settable", "Value"),
    "Mounts": ("Name", "Description", "Settable", "Source", "Destination", "Type", "Options"),
    "Devices": ("Name", "Description", "Settable", "Path"),
}
_FIELD = {"Env": "value", "Mounts": "source", "Devices": "path"}
"""What `NAME=...` sets where no field is named."""


def read_config(data: bytes) -> Config:
    """Names of any case, as Go reads them; InvalidParameter for what is no configuration."""
    try:
        found = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidParameter(f"error unmarshalling plugin config: {error}") from None
    config = _like(_EMPTY, found)
    for name, place in (("Env", config), ("Mounts", config), ("Devices", config["Linux"])):
        entries = place[name] if isinstance(place[name], list) else []
        place[name] = [_picked(each, _PARTS[name], name) for each in entries]
    _check_types(config)
    if not config["Interface"]["Types"] or not config["Interface"]["Socket"]:
        raise InvalidParameter("invalid plugin config: no interface with types and a socket")
    if "/" in config["Interface"]["Socket"]:
        raise InvalidParameter("invalid plugin config: the socket's name is no path")
    if not config["Entrypoint"]:
        raise InvalidParameter("invalid plugin config: no entrypoint")
    if (root := found.get("rootfs")) is not None:
        config["rootfs"] = root
    return config


def packed(data: bytes, diff_id: str) -> bytes:
    """The configuration of a created plugin as it is stored and pushed: with its layer. InvalidParameter."""
    config = read_config(data)
    config["rootfs"] = {"type": "layers", "diff_ids": [diff_id]}
    config["DockerVersion"] = VERSION
    return msgspec.json.encode(config)


def diff_id_of(config: Config) -> str:
    """Of the one layer; InvalidParameter for any other number of them."""
    root = config.get("rootfs")
    found = root.get("diff_ids") if isinstance(root, dict) else None
    if not isinstance(found, list) or len(found) != 1:
        raise InvalidParameter("invalid plugin config: a plugin has one layer in its rootfs")
    if not isinstance(found[0], str) or not _DIGEST.fullmatch(found[0]):
        raise InvalidParameter(f"invalid plugin config: invalid digest {found[0]!r}")
    return found[0]


def _check_types(config: Config) -> None:
    try:
        msgspec.convert(config, _Typed)
    except msgspec.ValidationError as error:
        raise InvalidParameter(f"error unmarshalling plugin config: {error}") from None


def default_settings(config: Config) -> Settings:
    env = tuple(
        f"{each['Name']}={each['Value']}" for each in config["Env"] if each["Value"] is not None
    )
    return Settings(
        args=tuple(config["Args"]["Value"] or ()),
        devices=tuple(config["Linux"]["Devices"]),
        env=env,
        mounts=tuple(config["Mounts"]),
    )


def privileges(config: Config) -> list[dict[str, Any]]:
    """What an installation asks its user for, as moby computes it."""
    found: list[tuple[str, str, list[str]]] = []
    network = config["Network"]["Type"]
    if network not in ("", "null", "bridge"):
        found.append(("network", "permissions to access a network", [network]))
    for key, name in (("IpcHost", "host ipc namespace"), ("PidHost", "host pid namespace")):
        if config[key]:
            found.append((name, f"allow access to {name}", ["true"]))
    mounts = [each["Source"] for each in config["Mounts"] if each["Source"] is not None]
    found += [("mount", "host path to mount", [each]) for each in mounts]
    devices = [each["Path"] for each in config["Linux"]["Devices"] if each["Path"] is not None]
    found += [("device", "host device to access", [each]) for each in devices]
    if config["Linux"]["AllowAllDevices"]:
        found.append(("allow-all-devices", "allow 'rwm' access to all devices", ["true"]))
    if config["Linux"]["Capabilities"]:
        text = "list of additional capabilities required"
        found.append(("capabilities", text, list(config["Linux"]["Capabilities"])))
    return [{"Name": name, "Description": text, "Value": value} for name, text, value in found]


def check_privileges(config: Config, granted: Sequence[Privilege]) -> None:
    """What was agreed to has to be what it wants, in any order; InvalidParameter."""
    needed = sorted((each["Name"], each["Value"]) for each in privileges(config))
    if needed != sorted((each.name, list(each.value or ())) for each in granted):
        raise InvalidParameter("incorrect privileges")


def carried(config: Config, before: Settings) -> Settings:
    """The settings after an upgrade to this configuration: what may be set stays as it was set."""
    fresh = default_settings(config)
    args = config["Args"]
    return Settings(
        args=before.args if "value" in _settable(args) else fresh.args,
        env=_carried_env(config, before, fresh),
        mounts=_carried(config["Mounts"], before.mounts),
        devices=_carried(config["Linux"]["Devices"], before.devices),
    )


def _carried_env(config: Config, before: Settings, fresh: Settings) -> tuple[str, ...]:
    names = {each["Name"] for each in config["Env"] if "value" in _settable(each)}
    kept = {each.partition("=")[0]: each for each in before.env}
    kept = {name: each for name, each in kept.items() if name in names}
    known = {each.partition("=")[0]: each for each in fresh.env}
    return tuple({**known, **kept}.values())


def _carried(entries: Sequence[Config], before: Sequence[Config]) -> tuple[Config, ...]:
    was = {each["Name"]: each for each in before if each.get("Name")}
    found = []
    for entry in entries:
        fields = [each.capitalize() for each in _settable(entry)]
        old = was.get(entry["Name"], {})
        found.append({**entry, **{each: old[each] for each in fields if each in old}})
    return tuple(found)


def _settable(entry: Config) -> list[str]:
    return [each.lower() for each in entry["Settable"] or ()]


def changed(config: Config, settings: Settings, arguments: Sequence[str]) -> Settings:
    """The settings after `docker plugin set`; SystemFailure for what is not there or not settable."""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise InvalidParameter(f"invalid setting {argument!r}: expected NAME=VALUE")
        settings = _set(config, settings, name, value)
    return settings


def _set(config: Config, settings: Settings, name: str, value: str) -> Settings:
    name, _, field = name.partition(".")
    for kind, entries in (
        ("Env", config["Env"]),
        ("Mounts", config["Mounts"]),
        ("Devices", config["Linux"]["Devices"]),
    ):
        entry = next((each for each in entries if each["Name"] == name), None)
        if entry is None:
            continue
        wanted = field or _FIELD[kind]
        if wanted not in _settable(entry):
            raise SystemFailure(f'"{name}" is not settable')
        if kind == "Env":
            kept = [each for each in settings.env if not each.startswith(f"{name}=")]
            return msgspec.structs.replace(settings, env=(*kept, f"{name}={value}"))
        known = settings.mounts if kind == "Mounts" else settings.devices
        now = tuple(
            {**each, wanted.capitalize(): value.split(",") if wanted == "options" else value}
            if each["Name"] == name
            else each
            for each in known
        )
        return msgspec.structs.replace(settings, **{kind.lower(): now})
    if name == config["Args"]["Name"] and name:
        if "value" not in _settable(config["Args"]):
            raise SystemFailure(f'"{name}" is not settable')
        return msgspec.structs.replace(settings, args=tuple(value.split(" ")))
    raise SystemFailure(f'setting "{name}" not found in the plugin configuration')


def _like(shape: Config, found: Config) -> Config:
    given = {name.lower(): value for name, value in found.items()}
    result: Config = {}
    for name, default in shape.items():
        value = given.get(name.lower())
        if isinstance(default, dict) and default:
            result[name] = _like(default, value if isinstance(value, dict) else {})
        else:
            result[name] = default if value is None else value
    return result


def _picked(entry: object, names: Sequence[str], kind: str) -> Config:
    if not isinstance(entry, dict):
        raise InvalidParameter(f"invalid plugin config: an entry of {kind} is no object")
    given = {name.lower(): value for name, value in entry.items()}
    found = {name: given.get(name.lower()) for name in names}
    found["Name"] = str(found["Name"] or "")
    found["Description"] = str(found["Description"] or "")
    return found
