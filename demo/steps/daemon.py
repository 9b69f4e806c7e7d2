"""Starting the daemon, and the image that all the rest runs on."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from demo.checks import check, require
from demo.containers import IMAGE
from demo.rootfs import busybox_tar
from demo.scene import Scene, Step


def start_daemon(scene: Scene) -> str:
    seconds = scene.stage.start()
    scene.events.start()
    version = scene.api.json("GET", "/version")
    info = scene.api.json("GET", "/info")
    check("containers of a new daemon", 0, info["Containers"])
    return (
        f"answered its first _ping after {seconds * 1000:.0f} ms: "
        f"Trimaran {version['Version']}, API {version['ApiVersion']}"
    )


def make_image(scene: Scene) -> str:
    archive = busybox_tar()
    repository, _, tag = IMAGE.partition(":")
    query = urlencode({"fromSrc": "-", "repo": repository, "tag": tag, "changes": 'CMD ["sh"]'})
    answer = scene.api.call("POST", f"/images/create?{query}", archive)
    image_id = json.loads(answer.splitlines()[-1])["status"]
    image = scene.api.json("GET", f"/images/{IMAGE}/json")
    check("the image's ID", image_id, image["Id"])
    check("the image's command", ["sh"], image["Config"]["Cmd"])
    require("the image's size", "as large as busybox", image["Size"] > 500_000, image["Size"])
    return f"{IMAGE} is {image_id[:19]}, {image['Size'] / 1e6:.1f} MB"


STEPS = (
    Step("Start the daemon, with a containerd of its own", start_daemon),
    Step(
        "Make an image of this machine's busybox (no registry)",
        make_image,
        ("image import",),
    ),
)
