"""The configuration of a managed plugin: config.json in moby's terms, privileges, and what `set` may change. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.domain.managed.records import Settings
from engine.errors import InvalidParameter, SystemFailure

Config = dict[str, Any]

_EMPTY: Config = {
    "Args": {"Description": "", "Name": "", "Settable": None, "Value": None},
    "Description": "",
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
        place[name] = [_picked(each, _PARTS[name], name) for each in place[name] or ()]
    if not config["Interface"]["Types"] or not config["Interface"]["Socket"]:
        raise InvalidParameter("invalid plugin config: no interface with types and a socket")
    if "/" in config["Interface"]["Socket"]:
        raise InvalidParameter("invalid plugin config: the socket's name is no path")
    if not config["Entrypoint"]:
        raise InvalidParameter("invalid plugin config: no entrypoint")
    return config


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
        if wanted not in [each.lower() for each in entry["Settable"] or ()]:
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
        if "value" not in [each.lower() for each in config["Args"]["Settable"] or ()]:
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
