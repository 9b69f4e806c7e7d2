"""The wire of the Exec tag."""

from __future__ import annotations

from engine.models.wire import Wire, flag, items, null, number, text


class ExecConfig(Wire, frozen=True):
    """The body of POST /containers/{id}/exec; `console_size` is [height, width]."""

    user: str = text()
    privileged: bool = flag()
    tty: bool = flag()
    console_size: tuple[int, int] | None = None
    attach_stdin: bool = flag()
    attach_stderr: bool = flag()
    attach_stdout: bool = flag()
    detach: bool = False
    detach_keys: str = text()
    env: list[str] | None = null()
    working_dir: str = text()
    cmd: list[str] | None = null()


class ExecCreateResponse(Wire, frozen=True):
    id: str = text()


class ExecStartRequest(Wire, frozen=True):
    detach: bool = flag()
    tty: bool = flag()
    console_size: tuple[int, int] | None = None


class ProcessConfig(Wire, frozen=True, rename="lower"):
    tty: bool = flag()
    entrypoint: str = text()
    arguments: list[str] = items()
    privileged: bool | None = None
    user: str = ""


class ExecInspect(Wire, frozen=True):
    id: str = text("ID")
    running: bool = flag()
    exit_code: int | None = null()
    process_config: ProcessConfig | None = null()
    open_stdin: bool = flag()
    open_stderr: bool = flag()
    open_stdout: bool = flag()
    can_remove: bool = flag()
    container_id: str = text("ContainerID")
    detach_keys: str = text()
    pid: int = number()
