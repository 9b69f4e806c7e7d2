"""Downloads for builds: over HTTP, and with git over HTTP; no other transport, and no option from an URL."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.message import Message
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

import trio

from engine.domain.builds.ports import Fetched
from engine.errors import DeadlineExceeded, InvalidParameter

__all__ = ["HttpFetcher"]

CONNECT, SILENCE = 15.0, 60.0
"""Seconds for a connection, and without a byte."""
GIT_LIMIT = 1800.0
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@+-]*\Z")


class HttpFetcher:
    """`silence` is how long a server may say nothing."""

    def __init__(self, *, silence: float = SILENCE) -> None:
        self._silence = silence

    @asynccontextmanager
    async def http(self, url: str) -> AsyncIterator[Fetched]:
        import httpx  # at the first download

        timeout = httpx.Timeout(self._silence, connect=min(CONNECT, self._silence), pool=None)
        try:
            async with (
                httpx.AsyncClient(timeout=timeout, follow_redirects=True) as client,
                client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
            ):
                if response.status_code >= 400:
                    raise InvalidParameter(
                        f"failed to GET {url} with status {response.status_code}"
                        f" {response.reason_phrase}"
                    )
                yield Fetched(
                    _name(url, response.headers),
                    response.headers.get("Content-Type", ""),
                    _modified(response.headers),
                    response.aiter_raw(1 << 16),
                )
        except httpx.TimeoutException as error:
            raise DeadlineExceeded(f"failed to GET {url}: no answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise InvalidParameter(f"failed to GET {url}: {error}") from error

    async def git(self, url: str, directory: str) -> str:
        """`URL#REF:DIRECTORY`; hooks, prompts and the machine's own configuration stay out of it."""
        place, _, fragment = url.partition("#")
        ref, _, below = fragment.partition(":")
        if urlsplit(place).scheme not in ("http", "https"):
            raise InvalidParameter(f"{url}: git is taken over http and https only")
        if ref and not _REF.match(ref):
            raise InvalidParameter(f"{url}: invalid reference {ref!r}")
        await self._run(directory, "init", "--quiet")
        wanted = ("--", place, ref or "HEAD")
        try:
            await self._run(directory, "fetch", "--quiet", "--depth", "1", *wanted)
        except InvalidParameter as error:  # a server of plain files has no shallow history
            if "shallow" not in str(error):
                raise
            await self._run(directory, "fetch", "--quiet", *wanted)
        await self._run(directory, "checkout", "--quiet", "FETCH_HEAD")
        submodules = ("submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1")
        await self._run(directory, *submodules)
        return below

    async def _run(self, directory: str, *words: str) -> None:
        settings = {
            "protocol.allow": "never",
            "protocol.http.allow": "always",
            "protocol.https.allow": "always",
            "core.hooksPath": "/dev/null",
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(max(1, int(self._silence))),
            "safe.directory": "*",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with trio.move_on_after(GIT_LIMIT) as limit:
            try:
                done = await trio.run_process(
                    ["git", "-C", directory, *options, *words],
                    capture_stdout=True,
                    capture_stderr=True,
                    check=False,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                )
            except FileNotFoundError as error:
                raise InvalidParameter("git is not installed on the daemon's host") from error
        if limit.cancelled_caught:
            raise DeadlineExceeded(f"git {words[0]}: no end in time")
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise InvalidParameter(f"git {words[0]} failed: {said}")


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k == "PATH" or k.lower().endswith("_proxy")}
    return {
        **kept,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http:https",
        "HOME": "/nonexistent",
    }


def _name(url: str, headers: Mapping[str, str]) -> str:
    """The path's last part, or what the server calls it; "" for neither, and never a path."""
    found = unquote(urlsplit(url).path).rpartition("/")[2]
    if not found and (stated := headers.get("Content-Disposition")):
        message = Message()
        message["Content-Disposition"] = stated
        found = (message.get_filename() or "").rpartition("/")[2]
    return "" if found in (".", "..") or "\0" in found else found


def _modified(headers: Mapping[str, str]) -> int:
    try:
        return max(0, int(parsedate_to_datetime(headers.get("Last-Modified", "")).timestamp()))
    except (ValueError, TypeError):
        return 0
