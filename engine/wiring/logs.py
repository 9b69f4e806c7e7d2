"""The daemon's own log: its levels under dockerd's names."""

from __future__ import annotations

import logging
import sys

from config.schema import Settings

NAMES = {"warn": "WARNING", "fatal": "CRITICAL", "trace": "DEBUG"}
NOISY = ("hpack", "asyncio", "urllib3", "httpx", "httpcore")


def level_number(settings: Settings) -> int:
    """Of the logging module; `debug` wins, as in dockerd."""
    name = "debug" if settings.debug else settings.log_level
    return int(getattr(logging, NAMES.get(name, name.upper())))


def set_up_logging(settings: Settings) -> None:
    """To standard error, where systemd takes it from."""
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.basicConfig(
        level=level_number(settings),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
