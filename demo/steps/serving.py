"""A container that stays: a published web page, a command inside, and its place in the tree."""

from __future__ import annotations

from typing import Any

from demo.checks import check, eventually
from demo.containers import execute, inspect, launch, remove, run
from demo.rootfs import busybox
from demo.scene import Scene, Step
from demo.stage import StageError
from demo.steps.running import RUN_EVENTS, of

PAGE = "served from a container\n"
PORT = 8080


def publish(scene: Scene) -> str:
    script = f"printf '{PAGE[:-1]}\\n' >/www/index.html; exec httpd -f -p 80 -h /www"
    host = {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(PORT)}]}}
    launch(scene.api, "web", script, ExposedPorts={"80/tcp": {}}, HostConfig=host)
    eventually("the page", PAGE, lambda: fetch(scene), lambda page: page == PAGE)
    address = web_address(scene)
    outcome = run(scene.api, "browser", f"wget -qO- http://{address}/")
    check("the page, from another container", PAGE.encode(), outcome.stdout)
    remove(scene.api, "browser")
    return f"fetched at 127.0.0.1:{PORT}, and by another container at {address}:80"


def fetch(scene: Scene) -> str:
    """The page as the daemon's host gets it; the complaint when it does not."""
    url = f"http://127.0.0.1:{PORT}/"
    try:
        return scene.stage.inside(busybox(), "wget", "-Y", "off", "-qO-", url)
    except StageError as error:
        return str(error)


def web_address(scene: Scene) -> str:
    networks = inspect(scene.api, "web")["NetworkSettings"]["Networks"]
    return str(networks["bridge"]["IPAddress"])


def execute_inside(scene: Scene) -> str:
    outcome = execute(scene.api, "web", "sh", "-c", "cat /www/index.html; exit 3")
    check("stdout of the command", PAGE.encode(), outcome.stdout)
    check("exit code of the command", 3, outcome.exit_code)
    return "exec: it saw the container's files, exit code 3"


def show_tree(scene: Scene) -> str:
    root = scene.api.json("GET", "/_trimaran/status")
    web = inspect(scene.api, "web")["Id"][:12]
    scene.screen.detail(scene.stage.command("status").rstrip())
    found = services(root)
    check(
        "services not running", [], [each["name"] for each in found if each["state"] != "running"]
    )
    check("services restarted", [], [each["name"] for each in found if each["restarts"]])
    check(f"supervisors of web ({web})", 1, [each["name"] for each in found].count(web))
    return f"{len(found)} services, all running, none restarted; web is {web}"


def services(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The node and all below it."""
    return [node] + [each for child in node["children"] for each in services(child)]


STEPS = (
    Step(
        "Publish a web page and fetch it",
        publish,
        (*of("web", "create", "start"), *of("browser", *RUN_EVENTS, "destroy")),
    ),
    Step(
        "Run a command inside the running container",
        execute_inside,
        of("web", "exec_create", "exec_start", "exec_die"),
    ),
    Step("Look at the daemon's supervision tree", show_tree),
)
