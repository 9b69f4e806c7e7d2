"""A registry in memory behind httpx: it serves, takes uploads, asks for credentials, and misbehaves on request."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx

from engine.adapters.registry import sessions
from engine.adapters.registry.registries import SESSIONS, RemoteRegistries
from engine.adapters.registry.settings import RegistrySettings

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

# Looks at a request before the registry does; an answer takes the place of the registry's.
Fault = Callable[[httpx.Request], httpx.Response | None]


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Cut(httpx.AsyncByteStream):
    """A body whose connection breaks after some bytes."""

    data: bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.data
        raise httpx.RemoteProtocolError("peer closed connection")


@dataclass
class FakeRegistry(httpx.AsyncBaseTransport):
    """`hosts` are the origins that answer; others refuse the connection."""

    hosts: tuple[str, ...] = ("https://reg.test",)
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    held: set[tuple[str, str]] = field(default_factory=set)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    user: str = ""  # "name:password" to ask for them
    bearer: bool = False  # by tokens of auth.test
    issued: int = 0
    revoked: set[str] = field(default_factory=set)

    # What there is.

    def put(self, path: str, data: bytes) -> str:
        digest = digest_of(data)
        self.blobs[digest] = data
        self.held.add((path, digest))
        return digest

    def tag(self, path: str, tag: str, data: bytes, media_type: str = MANIFEST) -> str:
        digest = digest_of(data)
        self.manifests[path, tag] = self.manifests[path, digest] = (media_type, data)
        return digest

    def image(
        self, path: str, tag: str, config: bytes, layers: list[bytes], media_type: str = LAYER
    ) -> str:
        """Put a whole image there; its manifest's digest."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._entry(path, CONFIG, config),
            "layers": [self._entry(path, media_type, each) for each in layers],
        }
        return self.tag(path, tag, json.dumps(manifest, indent=3).encode())

    def _entry(self, path: str, media_type: str, data: bytes) -> dict[str, object]:
        return {"mediaType": media_type, "size": len(data), "digest": self.put(path, data)}

    def asked(self, method: str, part: str) -> list[httpx.Request]:
        return [each for each in self.requests if each.method == method and part in str(each.url)]

    # The wire.

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._answer(request)
        if answer.is_stream_consumed:  # made from bytes, which httpx reads at once
            return streamed(answer.status_code, answer.content, dict(answer.headers))
        return answer

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.requests.append(request)
        for fault in list(self.faults):
            if (answer := fault(request)) is not None:
                return answer
        url = urlsplit(str(request.url))
        if url.netloc == "auth.test":
            return self._token(request)
        if f"{url.scheme}://{url.netloc}" not in self.hosts:
            raise httpx.ConnectError("refused") from ConnectionRefusedError(111, "refused")
        if self.user and (refusal := self._refusal(request)) is not None:
            return refusal
        return self._serve(request, url.path, parse_qs(url.query), body)

    def _refusal(self, request: httpx.Request) -> httpx.Response | None:
        given = request.headers.get("Authorization", "")
        if self.bearer:
            good = given.startswith("Bearer t") and given[7:] not in self.revoked
            ask = 'Bearer realm="https://auth.test/token",service="reg.test"'
        else:
            good = given == f"Basic {base64.b64encode(self.user.encode()).decode()}"
            ask = 'Basic realm="r"'
        if good:
            return None
        return error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": ask})

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        basic = f"Basic {base64.b64encode(self.user.encode()).decode()}"
        if (
            form.get("refresh_token") != ["identity"]
            and request.headers.get("Authorization") != basic
        ):
            return httpx.Response(401, json={"details": "incorrect username or password"})
        self.issued += 1
        answer = {"token": f"t{self.issued}", "expires_in": 300}
        if request.url.params.get("offline_token"):
            answer["refresh_token"] = "identity"
        return httpx.Response(200, json=answer)

    def _serve(
        self, request: httpx.Request, path: str, query: dict[str, list[str]], body: bytes
    ) -> httpx.Response:
        if path == "/v2/":
            return httpx.Response(200, json={})
        name, kind, rest = split(path.removeprefix("/v2/"))
        if kind == "manifests":
            return self._manifest(request, name, rest, body)
        if kind == "tags":
            tags = sorted(tag for repo, tag in self.manifests if repo == name and ":" not in tag)
            return httpx.Response(200, json={"name": name, "tags": tags})
        if rest.startswith("uploads/"):
            return self._upload(request, name, rest.removeprefix("uploads/"), query, body)
        return self._blob(request, name, rest)

    def _manifest(
        self, request: httpx.Request, name: str, reference: str, body: bytes
    ) -> httpx.Response:
        if request.method == "PUT":
            self.tag(name, reference, body, request.headers["Content-Type"])
            return httpx.Response(201)
        if (name, reference) not in self.manifests:
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        media_type, data = self.manifests[name, reference]
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest_of(data)}
        if request.method == "HEAD":
            return httpx.Response(200, headers={**headers, "Content-Length": str(len(data))})
        return streamed(200, data, headers)

    def _blob(self, request: httpx.Request, name: str, digest: str) -> httpx.Response:
        if (name, digest) not in self.held:
            return error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        data = self.blobs[digest]
        if request.method == "HEAD":
            return httpx.Response(200, headers={"Content-Length": str(len(data))})
        if (wanted := request.headers.get("Range")) is not None:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            return streamed(206, data[start:], span)
        return streamed(200, data)

    def _upload(
        self, request: httpx.Request, name: str, id: str, query: dict[str, list[str]], body: bytes
    ) -> httpx.Response:
        if request.method == "POST":
            source = query.get("from", [""])[0]
            digest = query.get("mount", [""])[0]
            if (source, digest) in self.held:
                self.held.add((name, digest))
                return httpx.Response(201)
            id = str(len(self.requests))
            self.uploads[id] = bytearray()
        elif id not in self.uploads:
            return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        elif request.method == "DELETE":
            del self.uploads[id]
            return httpx.Response(204)
        elif request.method == "PUT":
            data = bytes(self.uploads.pop(id)) + body
            if digest_of(data) != query["digest"][0]:
                return error(400, "DIGEST_INVALID", "provided digest did not match")
            self.put(name, data)
            return httpx.Response(201)
        elif request.method == "PATCH":
            self.uploads[id] += body
        done = max(0, len(self.uploads[id]) - 1)
        headers = {"Location": f"/v2/{name}/blobs/uploads/{id}?state=s", "Range": f"0-{done}"}
        return httpx.Response(204 if request.method == "GET" else 202, headers=headers)


def split(path: str) -> tuple[str, str, str]:
    for kind in ("manifests", "blobs", "tags"):
        name, found, rest = path.partition(f"/{kind}/")
        if found:
            return name, kind, rest
    raise AssertionError(f"no such path: {path}")


def streamed(
    status: int, data: bytes, headers: dict[str, str] | None = None, *, length: int | None = None
) -> httpx.Response:
    class Whole(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for start in range(0, len(data), 1000):
                yield data[start : start + 1000]

    size = len(data) if length is None else length
    merged = httpx.Headers({"Content-Length": str(size)})
    merged.update(headers or {})
    return httpx.Response(status, stream=Whole(), headers=merged)


def error(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    body = {"errors": [{"code": code, "message": message, "detail": {}}]}
    return httpx.Response(status, json=body, headers=headers)


def once(part: str, answer: Callable[[httpx.Request], httpx.Response], times: int = 1) -> Fault:
    """Answer the first `times` requests for it in this way."""
    left = times

    def fault(request: httpx.Request) -> httpx.Response | None:
        nonlocal left
        if left and request.method == "GET" and part in str(request.url):
            left -= 1
            return answer(request)
        return None

    return fault


async def no_address(name: str) -> list[str]:
    return []


def registries(
    fake: httpx.AsyncBaseTransport, settings: RegistrySettings | None = None
) -> RemoteRegistries:
    """The real client, on the fake wire."""
    assert sessions.__name__ == SESSIONS  # loaded: a thread would let a fake clock run
    return RemoteRegistries(settings or RegistrySettings(cert_dirs=()), no_address, lambda *_: fake)
