"""The attributes that a log record carries, chosen by the options labels, env and tag."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from engine.domain.logs.templates import TemplateError, Value, render
from engine.errors import SystemFailure


class LogSubject(msgspec.Struct, frozen=True):
    """What a log knows of its container."""

    id: str
    name: str
    image_id: str = ""
    image_name: str = ""
    labels: dict[str, str] | None = None
    env: Sequence[str] = ()
    command: str = ""
    daemon_name: str = "docker"
    created_ns: int = 0


def log_attributes(subject: LogSubject, options: Mapping[str, str]) -> dict[str, str]:
    """SystemFailure if a pattern or the tag's template is wrong, as dockerd's start fails."""
    chosen = extra_attributes(subject, options)
    if tag := render_tag(subject, options.get("tag", "")):
        chosen["tag"] = tag
    return chosen


def extra_attributes(subject: LogSubject, options: Mapping[str, str]) -> dict[str, str]:
    """The labels and variables that the options ask for; SystemFailure if a pattern is wrong."""
    env = dict(entry.split("=", 1) for entry in subject.env if "=" in entry)
    return _choose(subject.labels or {}, options, "labels") | _choose(env, options, "env")


def _choose(values: Mapping[str, str], options: Mapping[str, str], name: str) -> dict[str, str]:
    chosen = {key: values[key] for key in options.get(name, "").split(",") if key in values}
    if pattern := options.get(f"{name}-regex"):
        try:
            matches = re.compile(pattern).search
        except re.error as error:
            raise _failure(f"error parsing regexp: {error}: `{pattern}`") from None
        chosen |= {key: value for key, value in values.items() if matches(key)}
    return chosen


def render_tag(subject: LogSubject, template: str) -> str:
    """SystemFailure with Go's words for a template that cannot be used."""
    name = subject.name.removeprefix("/")
    fields: dict[str, Value] = {
        "ID": subject.id[:12],
        "FullID": subject.id,
        "Name": name,
        "ImageID": subject.image_id.removeprefix("sha256:")[:12],
        "ImageFullID": subject.image_id,
        "ImageName": subject.image_name,
        "Command": subject.command,
        "DaemonName": subject.daemon_name,
        "ContainerID": subject.id,
        "ContainerName": f"/{name}",
        "ContainerImageID": subject.image_id,
        "ContainerImageName": subject.image_name,
        "ContainerLabels": subject.labels or {},
    }
    try:
        return render(template, fields)
    except TemplateError as error:
        raise _failure(str(error)) from None


def _failure(text: str) -> SystemFailure:
    return SystemFailure(f"failed to initialize logging driver: {text}")
