"""Pure rules of a container's life: what each state refuses, exit codes of failed starts, status texts."""

from __future__ import annotations

from signal import SIGKILL

from engine.domain.containers.records import Container, State, Status
from engine.domain.containers.signals import parse_signal
from engine.errors import Conflict, EngineError, InvalidParameter, NotModified, SystemFailure

DEFAULT_STOP_TIMEOUT = 10
MINUTE, HOUR, DAY = 60, 3600, 86400


def check_start(container: Container) -> None:
    """Row 56: running is 304, paused and removing are 409."""
    match container.state.status:
        case Status.RUNNING | Status.RESTARTING:
            raise NotModified("container is already running")
        case Status.PAUSED:
            raise Conflict("cannot start a paused container, try unpause instead")
        case Status.REMOVING | Status.DEAD:
            raise Conflict("container is marked for removal and cannot be started")


def check_remove(container: Container, *, force: bool) -> None:
    """Row 60: a running container goes by force alone."""
    if force:
        return
    status, id_ = container.state.status, container.id
    if status is Status.PAUSED:
        raise Conflict(
            f"You cannot remove a paused container {id_}. Unpause and then stop the container before attempting removal or force remove"
        )
    if status in (Status.RUNNING, Status.RESTARTING):
        verb = "running" if status is Status.RUNNING else "restarting"
        raise Conflict(
            f"You cannot remove a {verb} container {id_}. Stop the container before attempting removal or force remove"
        )


def check_pause(container: Container) -> None:
    """Row 69."""
    status, id_ = container.state.status, container.id
    if status is Status.PAUSED:
        raise Conflict(f"Container {id_} is already paused")
    check_running(container)


def check_unpause(container: Container) -> None:
    if container.state.status is not Status.PAUSED:
        raise Conflict(f"Container {container.id} is not paused")


def check_running(container: Container) -> None:
    """For what needs processes: top, update of the freezer and the like. A paused container has them."""
    if container.state.status is Status.RESTARTING:
        raise Conflict(
            f"Container {container.id} is restarting, wait until the container is running"
        )
    if not container.state.alive:
        raise Conflict(f"Container {container.id} is not running")


def check_rename(container: Container, name: str) -> None:
    """Row 68; `name` with or without its slash."""
    if not name:
        raise InvalidParameter("Neither old nor new names may be empty")
    if name.removeprefix("/") == container.name:
        raise InvalidParameter("Renaming a container with the same name as its current name")


def check_exec(container: Container, called: str = "") -> None:
    status = container.state.status
    if status is Status.PAUSED:
        raise Conflict(
            f"Container {called or container.id} is paused, unpause the container before exec"
        )
    if status is Status.RESTARTING:
        raise Conflict(
            f"Container {container.id} is restarting, wait until the container is running"
        )
    if status is not Status.RUNNING:
        raise Conflict(f"Container {container.id} is not running")


def check_attach(container: Container) -> None:
    status = container.state.status
    if status is Status.PAUSED:
        raise Conflict(
            "container " + container.id + " is paused, unpause the container before attach"
        )
    if status is Status.RESTARTING:
        raise Conflict(
            "container " + container.id + " is restarting, wait until the container is running"
        )


def stop_signal(container: Container) -> int:
    return parse_signal(container.config.stop_signal or "SIGTERM")


def ends(container: Container, signal: int) -> bool:
    """Whether who sends this signal surely wants the end."""
    return signal in (SIGKILL, stop_signal(container))


def stop_timeout(container: Container) -> int:
    """Seconds before SIGKILL; below 0 means for ever."""
    asked = container.config.stop_timeout
    return DEFAULT_STOP_TIMEOUT if asked is None else asked


def start_failure(text: str, command: str) -> tuple[EngineError, int]:
    """The answer and the exit code for what the runtime said (127 not found, 126 not executable, 128 else)."""
    missing = (
        "executable file not found",
        "no such file or directory",
        "failed to run runc create/exec call",
    )
    lowered = text.lower()
    if "permission denied" in lowered or "is a directory" in lowered:
        suffix = "" if "permission denied" in lowered else ": permission denied"
        return InvalidParameter(text + suffix), 126
    if command in text and any(part in lowered for part in missing):
        return InvalidParameter(text), 127
    if "not a directory" in lowered:
        hint = ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
        return InvalidParameter(text + hint), 127
    return SystemFailure(text), 128


def status_text(state: State, now_ns: int) -> str:
    """The STATUS column of `docker ps` (row 63)."""
    match state.status:
        case Status.RUNNING:
            return f"Up {human(now_ns - state.started_ns)}{health_suffix(state)}"
        case Status.PAUSED:
            return f"Up {human(now_ns - state.started_ns)} (Paused)"
        case Status.RESTARTING:
            return f"Restarting ({state.exit_code}) {human(now_ns - state.finished_ns)} ago"
        case Status.REMOVING:
            return "Removal In Progress"
        case Status.DEAD:
            return "Dead"
        case Status.EXITED if state.finished_ns:
            return f"Exited ({state.exit_code}) {human(now_ns - state.finished_ns)} ago"
        case _:
            return "Created"


def health_suffix(state: State) -> str:
    if not state.health:
        return ""
    return " (health: starting)" if state.health == "starting" else f" ({state.health})"


def human(duration_ns: int) -> str:
    """A duration in docker's words (go-units' HumanDuration)."""
    seconds = int(duration_ns / 1e9)
    minutes, hours = int(duration_ns / 6e10), int(duration_ns / 3.6e12 + 0.5)
    if seconds < 1:
        return "Less than a second"
    if seconds == 1:
        return "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{int(duration_ns / 3.6e12) // 24 // 365} years"
