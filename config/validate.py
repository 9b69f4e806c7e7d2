"""Refuses settings that cannot be right, one clear line each, with dockerd's texts where it has one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from config.errors import ConfigError
from config.hosts import parse_host
from config.options import OPTIONS
from config.schema import KEYS, Settings
from config.units import ULIMIT_NAMES, check_ulimit
from config.validate_logs import check_log_options
from config.validate_network import NETWORK_CHECKS
from config.values import IP, check_runtime_name

_LEVELS = frozenset(["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"])
_NAMESPACE = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")
_SHIM = re.compile(r"io\.containerd\.[A-Za-z0-9_-]+\.v[0-9]+|/.+")
_CGROUP_DRIVER = "native.cgroupdriver="


def validate(settings: Settings) -> None:
    """Check every setting; raises ConfigError for the first that is wrong, with its key."""
    for check in _CHECKS:
        check(settings)


def resolve_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Each label once; two values for one key conflict."""
    seen: dict[str, str] = {}
    for label in labels:
        key = label.partition("=")[0]
        if seen.setdefault(key, label) != label:
            raise ConfigError(f"conflict labels for {label} and {seen[key]}", key="labels")
    return tuple(seen.values())


def cgroup_driver(settings: Settings) -> str:
    """The cgroup driver asked for with `native.cgroupdriver=`, or an empty string."""
    chosen = ""
    for option in settings.exec_opts:
        if option.lower().startswith(_CGROUP_DRIVER):
            chosen = option[len(_CGROUP_DRIVER) :]
    return chosen


def _values(settings: Settings) -> None:
    """Read every text again by its kind: settings may come from elsewhere than flags and file."""
    for option in OPTIONS:
        if option.key in KEYS:
            for text in _texts(getattr(settings, KEYS[option.key])):
                if option.kind.repeat == "append" or (option.kind is IP and text):
                    _with_key(option.key, option.kind.read, text)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)


def _with_key(key: str, check: Callable[[str], object], text: str) -> None:
    try:
        check(text)
    except ConfigError as error:
        raise ConfigError(error.message, key=key) from None


def _logging(settings: Settings) -> None:
    if settings.log_level not in _LEVELS:
        raise ConfigError(f"invalid logging level: {settings.log_level}", key="log-level")
    if settings.log_format not in ("text", "json"):
        raise ConfigError(f"invalid log format: {settings.log_format}", key="log-format")
    check_log_options(settings.log_driver, settings.log_opts)


def _labels(settings: Settings) -> None:
    resolve_labels(settings.labels)


def _hosts(settings: Settings) -> None:
    for host in settings.hosts:
        _with_key("hosts", lambda text: parse_host(text, tls=settings.uses_tls), host)


def _numbers(settings: Settings) -> None:
    if settings.max_concurrent_downloads < 0:
        key, value = "max-concurrent-downloads", settings.max_concurrent_downloads
        raise ConfigError(f"invalid max concurrent downloads: {value}", key=key)
    if settings.max_concurrent_uploads < 0:
        key, value = "max-concurrent-uploads", settings.max_concurrent_uploads
        raise ConfigError(f"invalid max concurrent uploads: {value}", key=key)
    if settings.max_download_attempts <= 0:
        key, value = "max-download-attempts", settings.max_download_attempts
        raise ConfigError(f"invalid max download attempts: {value}", key=key)
    if settings.default_shm_size < 0:
        raise ConfigError("SHM size can not be less than 0", key="default-shm-size")
    if settings.api_half_open < 1:
        raise ConfigError(f"invalid half-open limit: {settings.api_half_open}", key="api-half-open")
    if settings.api_header_timeout < 1:
        key, value = "api-header-timeout", settings.api_header_timeout
        raise ConfigError(f"invalid header timeout: {value}", key=key)
    if settings.timeline_retention < 0:
        raise ConfigError("timeline retention can not be less than 0", key="timeline-retention")
    retention = settings.events_retention
    if min(retention.count, retention.age, retention.bytes) < 0:
        raise ConfigError("events retention can not be less than 0", key="events-retention")


def _storage(settings: Settings) -> None:
    found, key = settings.storage_collection, "storage-collection"
    if min(found.grace, found.min_age, found.reserve) < 0:
        raise ConfigError("times and sizes can not be less than 0", key=key)
    if found.interval < 1:
        raise ConfigError("the interval can not be less than a second", key=key)
    if not 0 <= found.high <= 100:
        raise ConfigError(f"high is in percent: {found.high}", key=key)
    if found.high and not 0 < found.low <= found.high:
        raise ConfigError(
            f"low must be above 0 and not above high ({found.high}): {found.low}", key=key
        )


def _runtimes(settings: Settings) -> None:
    for name, runtime in settings.runtimes.items():
        _with_key("runtimes", check_runtime_name, name)
        wrong = ""
        if not runtime.path and not runtime.type:
            wrong = "either a runtimeType or a path must be configured"
        elif runtime.path and runtime.type:
            wrong = "cannot configure both path and runtimeType for the same runtime"
        elif runtime.path and runtime.options:
            wrong = "options cannot be used with a path runtime"
        elif runtime.type and runtime.args:
            wrong = "args cannot be used with a runtimeType runtime"
        if wrong:
            raise ConfigError(f"runtime {name}: {wrong}", key="runtimes")
    default = settings.default_runtime
    if default not in ("runc", *settings.runtimes) and not _SHIM.fullmatch(default):
        text = f"specified default runtime '{default}' does not exist"
        raise ConfigError(text, key="default-runtime")


def _modes(settings: Settings) -> None:
    if settings.default_ipc_mode not in ("private", "shareable"):
        mode = settings.default_ipc_mode
        text = f'default IPC mode setting ({mode}) is invalid; use "shareable" or "private"'
        raise ConfigError(text, key="default-ipc-mode")
    if settings.default_cgroupns_mode not in ("", "host", "private"):
        mode = settings.default_cgroupns_mode
        text = f'default cgroup namespace mode ({mode}) is invalid; use "host" or "private"'
        raise ConfigError(text, key="default-cgroupns-mode")
    if settings.min_api_version and not re.fullmatch(r"\d+\.\d+", settings.min_api_version):
        text = f"invalid minimum API version: {settings.min_api_version}"
        raise ConfigError(text, key="min-api-version")


def _ulimits(settings: Settings) -> None:
    for name, limit in settings.default_ulimits.items():
        if limit.name not in ULIMIT_NAMES or limit.name != name:
            wrong = limit.name if limit.name not in ULIMIT_NAMES else name
            raise ConfigError(f"invalid ulimit type: {wrong}", key="default-ulimits")
        try:
            check_ulimit(limit)
        except ConfigError as error:
            raise ConfigError(error.message, key="default-ulimits") from None


def _namespaces(settings: Settings) -> None:
    containers, plugins = settings.containerd_namespace, settings.containerd_plugin_namespace
    for key in ("containerd-namespace", "containerd-plugin-namespace"):
        name = getattr(settings, KEYS[key])
        if len(name) > 76 or not _NAMESPACE.fullmatch(name):
            raise ConfigError(f"invalid containerd namespace: {name!r}", key=key)
    if containers == plugins:
        text = "containers namespace and plugins namespace cannot be the same"
        raise ConfigError(text, key="containerd-plugin-namespace")


def _cgroups(settings: Settings) -> None:
    driver, parent = cgroup_driver(settings), settings.cgroup_parent
    if driver not in ("", "cgroupfs", "systemd"):
        raise ConfigError(f"native.cgroupdriver option {driver} not supported", key="exec-opts")
    if driver == "systemd" and parent and not (parent.endswith(".slice") and len(parent) > 6):
        text = 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'
        raise ConfigError(text, key="cgroup-parent")


_CHECKS: tuple[Callable[[Settings], None], ...] = (
    _values, _logging, _labels, _hosts, _numbers, _storage, _runtimes, _modes, _ulimits, _namespaces,
    _cgroups, *NETWORK_CHECKS,
)  # fmt: skip
