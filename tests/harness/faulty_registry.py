"""A registry that fails as it is told: run inside a test daemon's namespace, on a real loopback socket.

`python -m tests.harness.faulty_registry PORT DIRECTORY` serves the blobs and manifests that lie there (as
`blobs/HEX`, `manifests/TAG`). `fault.json` says what goes wrong, `requests` has a line for each request.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.fakes.image_archives import digest_of
from tests.harness.daemon import ROOT, Daemon

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
START_LIMIT = 15.0


class FaultyRegistry:
    """The test's side. `with FaultyRegistry(daemon) as registry:`"""

    def __init__(self, daemon: Daemon, port: int = 5099) -> None:
        self.daemon = daemon
        self.host = f"127.0.0.1:{port}"
        self.root = daemon.root / "faulty-registry"
        self._port = port

    def __enter__(self) -> Self:
        for name in ("blobs", "manifests"):
            (self.root / name).mkdir(parents=True)
        self.fail()
        self._process = subprocess.Popen(
            [
                "nsenter",
                f"--net=/run/netns/{self.daemon.name}",
                sys.executable,
                "-m",
                "tests.harness.faulty_registry",
                str(self._port),
                str(self.root),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_LIMIT
        while not (self.root / "ready").exists():
            assert time.monotonic() < deadline, "the faulty registry does not start"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def publish(
        self,
        tag: str,
        config: bytes,
        layers: list[bytes],
        media_type: str,
        config_type: str = "application/vnd.oci.image.config.v1+json",
    ) -> None:
        """An image, or what `config_type` says, named `HOST/image:TAG`."""
        for blob in (config, *layers):
            (self.root / "blobs" / digest_of(blob)[7:]).write_bytes(blob)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(config, config_type),
            "layers": [described(layer, media_type) for layer in layers],
        }
        (self.root / "manifests" / tag).write_text(json.dumps(manifest))

    def fail(self, digest: str = "", **fault: Any) -> None:
        """What goes wrong with this blob: `cut_after`, `status`, `retry_after`, `other`, `longer`; `times` (0: always)."""
        fresh = self.root / "fault.new"
        fresh.write_text(json.dumps({"digest": digest, **fault} if digest else {}))
        fresh.rename(self.root / "fault.json")

    def requests(self) -> list[str]:
        """Method, path and Range of each request so far."""
        path = self.root / "requests"
        return path.read_text().splitlines() if path.exists() else []


def described(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = Path()
    met: ClassVar[dict[str, int]] = {}

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        with (self.root / "requests").open("a") as log:
            log.write(f"{self.command} {self.path} {self.headers.get('Range', '-')}\n")
        kind, name = self.path.rstrip("/").split("/")[-2:] if self.path.count("/") > 2 else ("", "")
        name = name.removeprefix("sha256:")
        if not kind:
            self._answer(200, b"{}", "application/json")
        elif kind == "manifests":
            self._manifest(name)
        else:
            self._blob(name, (self.root / "blobs" / name).read_bytes())

    def _manifest(self, name: str) -> None:
        for path in (self.root / "manifests").iterdir():
            data = path.read_bytes()
            if name in (path.name, digest_of(data)[7:]):
                self._answer(200, data, MANIFEST, {"Docker-Content-Digest": digest_of(data)})
                return
        self._answer(
            404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}', "application/json"
        )

    def _blob(self, name: str, data: bytes) -> None:
        fault = self._fault(name)
        if status := fault.get("status"):
            wait = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
            self._answer(status, b"", "text/plain", wait)
            return
        if fault.get("other"):
            data = bytes(len(data))
        if fault.get("longer"):
            data += bytes(1000)
        asked = self.headers.get("Range", "")
        begin = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        headers = {}
        if asked:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self._answer(
            206 if asked else 200, data[begin:], "application/octet-stream", headers, fault
        )

    def _fault(self, name: str) -> dict[str, Any]:
        fault: dict[str, Any] = json.loads((self.root / "fault.json").read_text())
        if fault.get("digest", "")[7:] != name:
            return {}
        key = json.dumps(fault)
        self.met[key] = self.met.get(key, 0) + 1
        return {} if fault.get("times") and self.met[key] > fault["times"] else fault

    def _answer(
        self,
        status: int,
        body: bytes,
        media_type: str,
        headers: dict[str, str] | None = None,
        fault: dict[str, Any] | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": media_type, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = (fault or {}).get("cut_after")
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


def main() -> None:
    port, root = int(sys.argv[1]), Path(sys.argv[2])
    Handler.root = root
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    (root / "ready").write_text("")
    server.serve_forever()


if __name__ == "__main__":
    main()
