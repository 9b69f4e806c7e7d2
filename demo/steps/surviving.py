"""The daemon is killed while containers run, and started again: the containers must not notice."""

from __future__ import annotations

import time
from pathlib import Path

from demo.checks import check, eventually, require
from demo.containers import execute, inspect, launch
from demo.scene import Scene, Step
from demo.steps.running import logs, of
from demo.steps.serving import PAGE, fetch

TICKS = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.02; done"
AWAY_SECONDS = 0.3


def kill_daemon(scene: Scene) -> str:
    launch(scene.api, "clock", TICKS)
    before = process_of(scene, "clock")
    eventually("ticks", "some", lambda: ticks(scene), bool)
    daemon = scene.stage.pid
    scene.stage.kill()
    check("the page, while the daemon is dead", PAGE, fetch(scene))
    time.sleep(AWAY_SECONDS)
    seconds = scene.stage.start()
    scene.screen.say(
        f"        daemon {daemon} killed; daemon {scene.stage.pid} answered after {seconds * 1000:.0f} ms"
    )
    check("process of clock (pid, start time)", before, process_of(scene, "clock"))
    check("containers running", 2, scene.api.json("GET", "/info")["ContainersRunning"])
    return f"clock is the same process, pid {before[0]}; web served meanwhile"


def go_on(scene: Scene) -> str:
    known = len(ticks(scene))
    counted = eventually(
        "ticks", f"more than {known}", lambda: ticks(scene), lambda t: len(t) > known
    )
    check("ticks in the log", list(range(1, len(counted) + 1)), counted)
    outcome = execute(scene.api, "clock", "sh", "-c", "echo $((6 * 7)); exit 5")
    check("stdout of the command", b"42\n", outcome.stdout)
    check("exit code of the command", 5, outcome.exit_code)
    check("the page", PAGE, fetch(scene))
    require(
        "connections of the event reader",
        "2 or more",
        scene.events.connections > 1,
        scene.events.connections,
    )
    return f"{len(counted)} log lines without a gap, exec, web page, event stream"


def process_of(scene: Scene, name: str) -> tuple[int, str]:
    """Pid and start time: together they name a process for good."""
    state = inspect(scene.api, name)["State"]
    check(f"state of {name}", "running", state["Status"])
    return state["Pid"], start_time(state["Pid"])


def start_time(pid: int) -> str:
    """In clock ticks since boot; the command in the second field may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def ticks(scene: Scene) -> list[int]:
    return [int(line.split()[1]) for line in logs(scene, "clock", "stdout=1").splitlines()]


STEPS = (
    Step(
        "Kill the daemon with SIGKILL, and start it again",
        kill_daemon,
        of("clock", "create", "start"),
    ),
    Step(
        "See that everything goes on",
        go_on,
        of("clock", "exec_create", "exec_start", "exec_die"),
    ),
)
