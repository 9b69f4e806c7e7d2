"""A case built by the docker CLI on any daemon, and what is to be compared of it, free of what differs by chance."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.clients.builds.cases import Build, Case, Entry
from tests.harness.daemon import UnixConnection

LIMIT = 120
_ID = re.compile(r"\b[0-9a-f]{12}\b|sha256:[0-9a-f]{64}\b")
_PATH = re.compile(r"/\S+/overlay2/(?:ID|[0-9a-f]+)/(?:merged|diff)")
OWN = {
    *(".dockerenv", "dev", "dev/console", "dev/pts", "dev/shm", "proc", "sys"),
    *("etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab"),
}
"""What every container's root gets, whatever its image has."""
_CHANCE = ("Image", "Hostname")


class Engine:
    """A daemon by its socket."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self._base: dict[str, Any] | None = None
        self._base_layers: list[str] = []

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = UnixConnection(self.socket)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            connection.request(method, f"/v1.41{path}", body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        status, answer = self.request(method, path, sent)
        assert status < 400, f"{method} {path}: {status} {answer!r}"
        return json.loads(answer) if answer.strip() else None

    def base(self) -> dict[str, Any]:
        if self._base is None:
            self._base = self.tree("busybox")
            self._base_layers = self.json("GET", "/images/busybox/json")["RootFS"]["Layers"]
        return self._base

    def tree(self, image: str) -> dict[str, Any]:
        """Path -> [kind, mode, owner, group, link target or hash] of an image's files."""
        made = self.json("POST", "/containers/create", {"Image": image, "Cmd": ["none"]})
        try:
            _, data = self.request("GET", f"/containers/{made['Id']}/export")
        finally:
            self.request("DELETE", f"/containers/{made['Id']}?force=1&v=1")
        found: dict[str, Any] = {}
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                name = member.name.strip("/")
                if name and name not in OWN:
                    found[name] = _described(archive, member)
        return found

    def build(self, case: Case, number: int, build: Build) -> dict[str, Any]:
        """The result of one build: exit code, output, and of the image config, history and files."""
        tag = f"case-{case.name}:{number}"
        with tempfile.TemporaryDirectory(prefix="case-") as directory:
            root = Path(directory)
            (root / "cli").mkdir()
            context = root / "context"
            context.mkdir()
            for path, entry in build.files.items():
                put(context / path, entry)
            if build.dockerfile is not None:
                put(context / "Dockerfile", build.dockerfile)
            arguments = [each.replace("CONTEXT", str(context)) for each in build.arguments]
            if not case.cached:
                arguments.insert(0, "--no-cache")
            place = "-" if build.stdin is not None else str(context)
            environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
            environment |= {
                "DOCKER_HOST": f"unix://{self.socket}",
                "DOCKER_CONFIG": str(root / "cli"),
                "DOCKER_BUILDKIT": "0",
                "DOCKER_API_VERSION": "1.41",
            }
            done = subprocess.run(
                ["docker", "build", "-t", tag, *arguments, place],
                input=build.stdin() if build.stdin is not None else None,
                stdin=subprocess.DEVNULL if build.stdin is None else None,
                capture_output=True,
                env=environment,
                timeout=LIMIT,
            )
        found: dict[str, Any] = {
            "code": done.returncode,
            "stdout": _lines(done.stdout),
            "stderr": _lines(done.stderr),
        }
        if done.returncode == 0:
            found |= self._image(tag)
        return found

    def _image(self, tag: str) -> dict[str, Any]:
        image = self.json("GET", f"/images/{tag}/json")
        history = self.json("GET", f"/images/{tag}/history")
        base = self.base()
        layers = image["RootFS"].get("Layers") or []
        tree = base if layers == self._base_layers else self.tree(tag)
        on_base = any(each in tree for each in ("bin/busybox",))
        return {
            "author": image.get("Author", ""),
            "config": _plain(image["Config"]),
            "made of": _plain(image.get("ContainerConfig") or {}),
            "layers": len(layers),
            "history": [each["CreatedBy"] for each in history],
            "files": {k: v for k, v in sorted(tree.items()) if not on_base or base.get(k) != v},
            "gone": sorted(base.keys() - tree.keys()) if on_base else [],
        }

    def run(self, case: Case) -> list[dict[str, Any]]:
        return [self.build(case, number, build) for number, build in enumerate(case.builds)]


def put(path: Path, entry: Entry) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(entry, str | bytes):
        path.write_bytes(entry.encode() if isinstance(entry, str) else entry)
        path.chmod(0o644)
        return
    kind, value, mode = entry
    if kind == "link":
        path.symlink_to(value)
    elif kind == "hard":
        os.link(path.parent / value, path)
    elif kind == "directory":
        path.mkdir(exist_ok=True)
        path.chmod(mode)
    elif kind == "touch":
        path.write_text(value)
        path.chmod(0o644)
        os.utime(path, (mode, mode))
    else:
        path.write_text(value)
        path.chmod(mode)


def _described(archive: tarfile.TarFile, member: tarfile.TarInfo) -> list[Any]:
    kind = {
        tarfile.DIRTYPE: "directory",
        tarfile.SYMTYPE: "link",
        tarfile.LNKTYPE: "hard link",
        tarfile.FIFOTYPE: "fifo",
    }.get(member.type, "file")
    content = member.linkname
    if kind == "file":
        file = archive.extractfile(member)
        data = file.read() if file else b""
        content = (
            data.decode() if len(data) < 60 and data.isascii() else hashlib.sha256(data).hexdigest()
        )
    return [kind, f"{member.mode & 0o7777:o}", member.uid, member.gid, content]


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {
        k: v
        for k, v in config.items()
        if v not in (None, "", [], {}, False, 0) and k not in _CHANCE
    }


def _lines(data: bytes) -> list[str]:
    return shown(data.decode(errors="replace").split("\n"))


def shown(lines: list[str]) -> list[str]:
    """Without IDs, a daemon's own paths, and how a command's errors were cut into pieces."""
    text = _ID.sub("ID", "\n".join(lines)).replace("\r", "").replace("\x1b[0m\x1b[91m", "")
    text = re.sub(r"dial tcp: .*", "dial tcp: ...", _PATH.sub("", text))
    return [
        line
        for line in text.split("\n")
        if line.strip()
        and not line.startswith(("Sending build context", "DEPRECATED: The legacy builder"))
        and "BuildKit is currently disabled" not in line
        and line.strip() != "environment-variable."
    ]


def remove_images(engine: Engine) -> None:
    """Every image of a case, for the next recording."""
    for image in engine.json("GET", "/images/json"):
        for name in image.get("RepoTags") or ():
            if name.startswith(("case-", "prep-")):
                engine.request("DELETE", f"/images/{name}?force=1")


def docker_is_there() -> bool:
    return shutil.which("docker") is not None
