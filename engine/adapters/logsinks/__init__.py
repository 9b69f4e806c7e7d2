"""The receivers of logs: syslog, journald, fluentd and gelf, each imported at its first use."""

from __future__ import annotations

import importlib

from engine.domain.logs.ports import Destination, Sink


def open_sink(destination: Destination) -> Sink:
    """Blocks. OSError if a file that the options name can't be used; see `SinkFactory`."""
    module = importlib.import_module(f"engine.adapters.logsinks.{destination.driver}")
    sink: Sink = module.make(destination)
    return sink
