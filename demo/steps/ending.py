"""The end: events compared with the log, containers removed, the daemon stopped, nothing left behind."""

from __future__ import annotations

from demo.checks import check, eventually
from demo.containers import remove
from demo.scene import Scene, Step
from demo.steps.running import of
from demo.watch import label_of


def remove_containers(scene: Scene) -> str:
    scene.api.json("POST", "/containers/web/stop?t=0")
    for name in ("web", "clock"):
        remove(scene.api, name, force=True)
    check("containers left", [], scene.api.json("GET", "/containers/json?all=1"))
    return "web stopped and removed, clock removed by force"


def compare_events(scene: Scene) -> str:
    seen = scene.events.seen()
    replayed = scene.events.replay()
    check(
        "the log's events", [label_of(each) for each in seen], [label_of(each) for each in replayed]
    )
    check("the log's events, in full", seen, replayed)
    scene.events.close()
    return f"{len(seen)} events came live, in order; the log replays the same"


def stop_daemon(scene: Scene) -> str:
    check("the daemon's exit code", 0, scene.stage.stop())
    left = eventually("left by the daemon", "nothing", scene.stage.left, lambda left: not left)
    check("left by the daemon", [], left)
    scene.stage.strike()
    check("scratch directories and network namespace are gone", True, scene.stage.gone())
    return "no process, mount, cgroup, namespace or directory is left"


STEPS = (
    Step(
        "Remove the containers",
        remove_containers,
        (*of("web", "die", "destroy"), *of("clock", "die", "destroy")),
    ),
    Step("Compare the events with the daemon's log of them", compare_events),
    Step("Stop the daemon, and look for anything left behind", stop_daemon),
)
