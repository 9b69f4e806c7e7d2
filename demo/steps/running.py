"""Containers that run to their end: output, exit code, standard input, logs."""

from __future__ import annotations

import re
from io import BytesIO

from demo.checks import check, require
from demo.client import STDOUT, demultiplex
from demo.containers import part, remove, run
from demo.scene import Scene, Step

RUN_EVENTS = ("create", "attach", "start", "die")
MEGABYTE = 1 << 20
# RFC 3339 with nanoseconds, as `docker logs -t` prints it.
STAMPED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (.*)")


def of(name: str, *actions: str) -> tuple[str, ...]:
    """The labels of a container's events."""
    return tuple(f"container {action} {name}" for action in actions)


def run_and_exit(scene: Scene) -> str:
    script = "echo hello; echo 'oh dear' >&2; exit 7"
    outcome = run(scene.api, "greeter", script)
    check("stdout of greeter", b"hello\n", outcome.stdout)
    check("stderr of greeter", b"oh dear\n", outcome.stderr)
    check("exit code of greeter", 7, outcome.exit_code)
    remove(scene.api, "greeter")
    return "stdout and stderr came apart, exit code 7"


def pipe(scene: Scene) -> str:
    script = 'while read -r line; do echo "heard: $line"; done; echo end of input'
    outcome = run(scene.api, "listener", script, stdin=b"ahoy\nland in sight\n")
    check("echo", b"heard: ahoy\nheard: land in sight\nend of input\n", outcome.stdout)
    data = bytes(range(256)) * (MEGABYTE // 256)
    outcome = run(scene.api, "cat", "exec cat", stdin=data)
    require("1 MiB through cat", "unchanged", outcome.stdout == data, len(outcome.stdout))
    check("exit code of cat", 0, outcome.exit_code)
    remove(scene.api, "cat")
    return "two lines echoed back, then 1 MiB through cat unchanged"


def read_logs(scene: Scene) -> str:
    text = logs(scene, "listener", "stdout=1&timestamps=1&tail=2")
    scene.screen.detail(text)
    lines = [STAMPED.fullmatch(line) for line in text.splitlines()]
    check(
        "the last two lines",
        ["heard: land in sight", "end of input"],
        [line and line[1] for line in lines],
    )
    remove(scene.api, "listener")
    return "logs -t --tail 2: both lines, with their times"


def logs(scene: Scene, name: str, query: str) -> str:
    """A container's stdout from its log."""
    answer = scene.api.call("GET", f"/containers/{name}/logs?{query}")
    return part(list(demultiplex(BytesIO(answer))), STDOUT).decode()


STEPS = (
    Step(
        "Run a container: output and exit code",
        run_and_exit,
        of("greeter", *RUN_EVENTS, "destroy"),
    ),
    Step(
        "Pipe into containers, and get it echoed back",
        pipe,
        (*of("listener", *RUN_EVENTS), *of("cat", *RUN_EVENTS, "destroy")),
    ),
    Step("Read the logs of a container that has ended", read_logs, of("listener", "destroy")),
)
