"""Build arguments: which ARGs are known where, what they are worth, and which were never asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["PREDEFINED", "Arguments"]

PREDEFINED = (
    *("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"),
    *("FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy"),
)
"""Allowed without an ARG, and kept out of the history unless one names them."""


class Arguments:
    """`given` are the client's; one without a value leaves the Dockerfile's default."""

    def __init__(self, given: Mapping[str, str | None]) -> None:
        self._given = dict(given)
        self._meta: dict[str, str | None] = {}
        self._allowed: dict[str, str | None] = {}
        self._referenced: set[str] = set()

    def stage(self) -> Arguments:
        """Those of a fresh stage, which knows the same of what stands before the first FROM."""
        made = Arguments(self._given)
        made._meta, made._referenced = self._meta, self._referenced
        return made

    def add_meta(self, name: str, default: str | None) -> None:
        self._meta[name] = default

    def add(self, name: str, default: str | None) -> None:
        self._allowed[name] = default
        self._referenced.add(name)

    def meta(self) -> dict[str, str]:
        """What FROM lines may use."""
        return self._all(self._meta)

    def allowed(self, environment: Iterable[str]) -> list[str]:
        """`name=value` of what a step sees, without the names that its environment has."""
        known = {each.partition("=")[0] for each in environment}
        found = self._all(self._allowed)
        return [f"{name}={value}" for name, value in found.items() if name not in known]

    def shown(self, environment: Iterable[str]) -> list[str]:
        """Those of `environment` that belong into the history, sorted."""
        return sorted(each for each in environment if self._is_shown(each.partition("=")[0]))

    def unused(self) -> list[str]:
        """Given by the client, and asked for by no ARG."""
        known = {*self._referenced, *self._meta, *PREDEFINED}
        return sorted(name for name in self._given if name not in known)

    def _is_shown(self, name: str) -> bool:
        return name in self._allowed or name not in PREDEFINED

    def _all(self, source: Mapping[str, str | None]) -> dict[str, str]:
        found = {name: self._value(name, source) for name in (*source, *PREDEFINED)}
        return {name: value for name, value in found.items() if value is not None}

    def _value(self, name: str, source: Mapping[str, str | None]) -> str | None:
        given = self._given.get(name)
        if given is not None:
            return given
        default = source.get(name)
        return self._meta.get(name) if default is None else default
