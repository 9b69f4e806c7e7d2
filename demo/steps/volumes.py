"""A named volume that outlives its container."""

from __future__ import annotations

from demo.checks import check
from demo.containers import remove, run
from demo.scene import Scene, Step
from demo.steps.running import of

VOLUME = "logbook"
ENTRY = "day 1: calm sea"


def keep_data(scene: Scene) -> str:
    host = {"Binds": [f"{VOLUME}:/data"]}
    written = run(scene.api, "writer", f"echo '{ENTRY}' >/data/entry", HostConfig=host)
    check("exit code of writer", 0, written.exit_code)
    remove(scene.api, "writer")
    read = run(scene.api, "reader", "cat /data/entry", HostConfig=host)
    check("what reader found", f"{ENTRY}\n".encode(), read.stdout)
    remove(scene.api, "reader")
    return f"volume {VOLUME}: written by one container, read by the next"


STEPS = (
    Step(
        "Keep data in a named volume",
        keep_data,
        (*of("writer", "die", "destroy"), *of("reader", "create", "die", "destroy")),
    ),
)
