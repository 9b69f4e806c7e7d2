"""trimarand: from the command line to a running tree, and down again."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import trio

from config.errors import ConfigError
from config.flags import parse
from config.load import Loaded, load
from config.usage import usage
from engine.adapters.host import memory
from engine.adapters.host.identity import DataRoot
from engine.adapters.host.pidfile import PidFile
from engine.api.handover import Handover
from engine.api.listeners import ListenError
from engine.api.problems import only_error
from engine.daemon import Engine
from engine.errors import EngineError
from engine.signals import obey_signals
from engine.version import VERSION
from engine.wiring.logs import set_up_logging
from engine.wiring.signalled import Signalled, extending
from supervisors import IntensityExceeded

log = logging.getLogger("trimarand")

FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script; an exit code."""
    try:
        line = parse(sys.argv[1:] if arguments is None else list(arguments))
        if line.action == "help":
            print(usage())
            return 0
        if line.action == "version":
            print(f"Trimaran version {VERSION}")
            return 0
        loaded = load(line)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    if line.action == "validate":
        print("configuration OK")
        return 0
    return serve(loaded, partial(load, line))


def serve(loaded: Loaded, reread: Callable[[], Loaded]) -> int:
    """Run the daemon until a signal ends it."""
    settings = loaded.settings
    set_up_logging(settings)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    if os.geteuid() != 0:
        print("trimarand needs to be started with root privileges", file=sys.stderr)
        return FAILED
    os.umask(0o022)
    environment = dict(os.environ)
    handover = Handover.taken_from(os.environ, os.getpid())
    memory.economize()
    pid_file = PidFile(Path(settings.pid_path))
    data = DataRoot(Path(settings.data_root))
    try:
        pid_file.write()
        data.claim()
        status = trio.run(run, loaded, data, reread, handover)
    except (EngineError, ListenError, OSError) as error:
        print(f"failed to start daemon: {error}", file=sys.stderr)
        return FAILED
    finally:
        data.release()
        if not handover.wanted:
            pid_file.remove()
    if handover.wanted and status == 0:
        become_successor(environment, handover)
    return status


def become_successor(environment: Mapping[str, str], handover: Handover) -> None:
    """The program as it is installed now, in this process: its pid, its parent and its sockets stay."""
    program = [sys.executable, *sys.orig_argv[1:]]
    os.execve(program[0], program, {**environment, **handover.environment()})


async def run(
    loaded: Loaded, data: DataRoot, reread: Callable[[], Loaded], handover: Handover
) -> int:
    """The tree under its signals."""
    engine = Engine(loaded.settings, data, loaded.origins, reread, handover)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(obey_signals, Signalled(engine))
            async with trio.open_nursery() as meanwhile:
                meanwhile.start_soon(extending, engine.notifier)
                await nursery.start(serve_tree, engine, nursery.cancel_scope)
                meanwhile.cancel_scope.cancel()
            handover.close_rest()
            engine.notifier.ready()
            memory.settle()
            log.info("Daemon has completed initialization")
    except BaseExceptionGroup as group:
        error = only_error(group)
        if isinstance(error, IntensityExceeded):
            log.critical("%s", error)
            return FAILED
        raise error from None
    finally:
        engine.close()
    log.info("Daemon shutdown complete")
    return 0


async def serve_tree(
    engine: Engine, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]
) -> None:
    await engine.run(task_status=task_status)
    scope.cancel()


if __name__ == "__main__":
    sys.exit(main())
