"""The attributes that a log record carries, chosen by the options labels, env and tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.errors import SystemFailure

_FIELD = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")


@dataclass(frozen=True)
class LogSubject:
    """What a log knows of its container."""

    id: str
    name: str
    image_id: str = ""
    image_name: str = ""
    labels: Mapping[str, str] | None = None
    env: Iterable[str] = ()
    command: str = ""
    daemon_name: str = "docker"


def log_attributes(subject: LogSubject, options: Mapping[str, str]) -> dict[str, str]:
    """SystemFailure if a pattern or the tag's template is wrong, as dockerd's start fails."""
    env = dict(entry.split("=", 1) for entry in subject.env if "=" in entry)
    chosen = _choose(subject.labels or {}, options, "labels") | _choose(env, options, "env")
    if tag := render_tag(subject, options.get("tag", "")):
        chosen["tag"] = tag
    return chosen


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
    """Go's template with plain fields ({{.Name}}); functions and pipelines are not there."""
    fields = {
        "ID": subject.id[:12],
        "FullID": subject.id,
        "Name": subject.name.removeprefix("/"),
        "ImageID": subject.image_id.removeprefix("sha256:")[:12],
        "ImageFullID": subject.image_id,
        "ImageName": subject.image_name,
        "Command": subject.command,
        "DaemonName": subject.daemon_name,
    }

    def value(match: re.Match[str]) -> str:
        if match[1] not in fields:
            raise _failure(
                f'template: log-tag:1:{match.start(1) - 1}: executing "log-tag" at <.{match[1]}>: '
                f"can't evaluate field {match[1]} in type *logger.Info"
            )
        return fields[match[1]]

    return _FIELD.sub(value, template)


def _failure(text: str) -> SystemFailure:
    return SystemFailure(f"failed to initialize logging driver: {text}")
