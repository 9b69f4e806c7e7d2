"""A container's log, opened for a run: the driver's choice, its options and what each record carries."""

from __future__ import annotations

from pathlib import Path

from engine.domain.containers.records import Container
from engine.domain.logs.attributes import LogSubject, log_attributes
from engine.domain.logs.drivers import KEEPING
from engine.domain.logs.facade import Logs
from engine.domain.logs.jsonfile import LineAssembler
from engine.domain.logs.options import file_options, keeps_cache
from engine.domain.logs.ports import Destination
from engine.domain.logs.writer import JsonFileLog

LOCAL = Path("local-logs") / "container.log"
"""Where dockerd's driver `local` has its file, in the container's directory."""


def log_file(container: Container, directory: Path, logs: Logs) -> Path | None:
    """What `docker logs` reads; None if it can't be read."""
    config = container.host.log_config
    if config.type == "json-file":
        return directory / f"{container.id}-json.log"
    if config.type == "local":
        return directory / LOCAL
    if delivers(container) and keeps_cache(config.config):
        return logs.path(container.id)
    return None


def delivers(container: Container) -> bool:
    """Do its lines go to somebody else?"""
    return container.host.log_config.type not in KEEPING


def open_log(
    container: Container, directory: Path, logs: Logs
) -> tuple[JsonFileLog | None, dict[str, LineAssembler]]:
    """Blocks. (None, {}) for the driver `none`; SystemFailure for options that cannot be used."""
    config = container.host.log_config
    if config.type == "none":
        return None, {}
    subject = LogSubject(
        id=container.id,
        name=container.name,
        image_id=container.image_id,
        image_name=container.image,
        labels=container.config.labels,
        env=container.config.env or (),
        command=" ".join(container.argv),
        created_ns=container.created_ns,
    )
    attributes: dict[str, str] = {}
    if delivers(container):
        log = logs.open(Destination(config.type, config.config, subject))
    else:
        path = log_file(container, directory, logs)
        assert path is not None
        if config.type == "json-file":
            attributes = log_attributes(subject, config.config)
        options = file_options(config.type, config.config)
        path.parent.mkdir(mode=0o710, exist_ok=True)
        log = JsonFileLog(str(path), options)
    return log, {stream: LineAssembler(stream, attributes) for stream in ("stdout", "stderr")}
