"""A container's log, opened for a run: the driver's choice, its options and what each record carries."""

from __future__ import annotations

from pathlib import Path

from engine.domain.containers.records import Container
from engine.domain.logs.attributes import LogSubject, log_attributes
from engine.domain.logs.jsonfile import LineAssembler
from engine.domain.logs.options import json_file_options
from engine.domain.logs.writer import JsonFileLog


def log_file(container_id: str, directory: Path) -> Path:
    return directory / f"{container_id}-json.log"


def open_log(
    container: Container, directory: Path
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
    )
    attributes = log_attributes(subject, config.config)
    log = JsonFileLog(str(log_file(container.id, directory)), json_file_options(config.config))
    return log, {stream: LineAssembler(stream, attributes) for stream in ("stdout", "stderr")}
