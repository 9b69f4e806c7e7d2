"""An example plugin: a program with a real socket that is a volume, network, address, authorization and log
driver, and collects metrics.

`python -m tests.harness.plugin DIRECTORY SOCKET KIND...`; its state and what it was asked are files of DIRECTORY.
DIRECTORY/mode changes how it answers: hang, garbage, huge, control, slow-mount, slow-endpoint, die; `deny` has a rule for authorization.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.harness.network_plugin import NetworkPlugin, Refused


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    directory: Path
    kinds: list[str]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def address_string(self) -> str:
        return "engine"

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        method = self.path[1:]
        asked = json.loads(body or b"{}") or {}
        self.note(method, asked)
        mode = self.mode()
        if mode == "hang":
            time.sleep(3600)
        if mode == "die" and not method.startswith("Plugin."):
            os._exit(9)
        if method == "Plugin.Activate":
            self.answer({"Implements": self.server.kinds})
        elif mode == "garbage":
            self.raw(b"\x00\xff not json")
        elif mode == "huge":
            self.huge()
        elif mode == "control":
            self.answer({"Err": "bad\x1b[31m thing\x07\nnext"}, 200)
        else:
            self.dispatch(method, asked, mode)

    def dispatch(self, method: str, asked: dict[str, Any], mode: str) -> None:
        kind, _, name = method.partition(".")
        if kind == "VolumeDriver":
            self.volume(name, asked, mode)
        elif kind == "AuthZPlugin":
            self.authorize(name, asked)
        elif kind == "LogDriver":
            self.log_driver(name, asked)
        elif kind in ("NetworkDriver", "IpamDriver"):
            self.network(method, asked, mode)
        elif kind == "MetricsCollector":
            self.answer({"Err": ""})
        else:
            self.answer({"Err": "no such call"}, 404)

    def volume(self, call: str, asked: dict[str, Any], mode: str) -> None:
        name = asked.get("Name", "")
        place = self.server.directory / "volumes" / name
        if call == "Create":
            if asked.get("Opts", {}).get("fail"):
                self.answer({"Err": asked["Opts"]["fail"]}, 200)
                return
            place.mkdir(parents=True, exist_ok=True)
            self.answer({"Err": ""})
        elif call == "Capabilities":
            self.answer({"Capabilities": {"Scope": "global"}})
        elif call == "List":
            found = sorted((self.server.directory / "volumes").glob("*"))
            self.answer({"Volumes": [{"Name": each.name} for each in found], "Err": ""})
        elif not place.is_dir():
            self.answer({"Err": f"no volume {name}"}, 200)
        elif call == "Remove":
            for each in place.iterdir():
                each.unlink()
            place.rmdir()
            self.answer({"Err": ""})
        elif call in ("Mount", "Path"):
            if mode == "slow-mount" and call == "Mount":
                time.sleep(6)
            self.answer({"Mountpoint": str(place), "Err": ""})
        elif call == "Unmount":
            self.answer({"Err": ""})
        elif call == "Get":
            found = {"Name": name, "Mountpoint": str(place), "Status": {"kept": "here"}}
            self.answer({"Volume": found, "Err": ""})

    def network(self, method: str, asked: dict[str, Any], mode: str) -> None:
        if method.endswith("ExternalConnectivity") and mode == "modest":
            self.answer({"Err": "no such call"}, 404)
            return
        try:
            self.answer(NetworkPlugin(self.server.directory, mode).answer(method, asked))
        except Refused as error:
            self.answer({"Err": str(error)})

    def log_driver(self, call: str, asked: dict[str, Any]) -> None:
        if call == "StartLogging":
            if "fail" in asked["Info"]["Config"]:
                self.answer({"Err": asked["Info"]["Config"]["fail"]})
                return
            reader = threading.Thread(target=self.read_log, args=(asked["File"],), daemon=True)
            reader.start()
        self.answer({"Err": ""})

    def read_log(self, path: str) -> None:
        """Each entry as a line of JSON: source, time, text, whether partial."""
        with open(path, "rb") as pipe, (self.server.directory / "log").open("a") as kept:
            while len(size := pipe.read(4)) == 4:
                fields = fields_of(pipe.read(int.from_bytes(size, "big")))
                text = bytes(fields[3]).decode()
                line = [bytes(fields[1]).decode(), fields[2], text, bool(fields.get(4))]
                kept.write(json.dumps(line) + "\n")
                kept.flush()

    def authorize(self, call: str, asked: dict[str, Any]) -> None:
        """`deny` holds {"call", "path", "body"}: texts that the request has to contain."""
        with contextlib.suppress(FileNotFoundError):
            rule = json.loads((self.server.directory / "deny").read_text())
            body = base64.b64decode(asked.get("RequestBody") or "").decode(errors="replace")
            said = base64.b64decode(asked.get("ResponseBody") or "").decode(errors="replace")
            if (
                call == rule.get("call", "AuthZReq")
                and rule.get("path", "") in asked["RequestUri"]
                and rule.get("body", "") in body
                and rule.get("answer", "") in said
            ):
                self.answer({"Allow": False, "Msg": rule.get("msg", "not for you"), "Err": ""})
                return
        self.answer({"Allow": True, "Msg": "", "Err": ""})

    def mode(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.server.directory / "mode").read_text()
        return ""

    def note(self, method: str, asked: dict[str, Any]) -> None:
        with (self.server.directory / "asked").open("a") as file:
            file.write(json.dumps([method, asked]) + "\n")

    def answer(self, found: dict[str, Any], status: int = 200) -> None:
        self.raw(json.dumps(found).encode(), status)

    def raw(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def huge(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(100 << 20))
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1600):
                self.wfile.write(b" " * 65536)


def fields_of(message: bytes) -> dict[int, Any]:
    """The fields of a protobuf message: numbers and bytes."""
    found: dict[int, Any] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            found[key >> 3] = varint()
        else:
            size = varint()
            found[key >> 3] = message[at : at + size]
            at += size
    return found


def main() -> None:
    directory, path, *kinds = sys.argv[1:]
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with Server(path, Handler) as server:
        server.directory, server.kinds = Path(directory), kinds
        (server.directory / "volumes").mkdir(parents=True, exist_ok=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
