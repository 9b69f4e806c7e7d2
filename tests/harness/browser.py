"""Headless Chromium in a daemon's network namespace, told what to do over the DevTools protocol through pipes."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ANSWER_LIMIT = 60.0
END_LIMIT = 20.0


class Browser:
    """`with Browser(netns) as browser`; the end removes its profile and all its processes."""

    def __init__(self, netns: str, *flags: str) -> None:
        self._netns = netns
        self._flags = flags
        self._profile = tempfile.mkdtemp(prefix="trimaran-browser-")
        self._next = 0
        self._buffer = b""

    def __enter__(self) -> Self:
        program = shutil.which("chromium")
        assert program is not None
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        command = [
            *("nsenter", f"--net=/run/netns/{self._netns}", "bash", "-c"),
            f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}',
            *("bash", program, "--headless=new", "--no-sandbox", "--disable-gpu"),
            *("--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"),
            *("--disable-extensions", "--disable-sync", "--remote-debugging-pipe"),
            f"--user-data-dir={self._profile}",
            *self._flags,
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs_in, theirs_out),
            start_new_session=True,
            env={**os.environ, "HOME": self._profile},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._out)  # the pipe's end is the browser's
        try:
            self._process.wait(END_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._in)
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, session: str = "", **params: Any) -> Any:
        """The command's result; AssertionError with what the browser says instead."""
        self._next += 1
        message: dict[str, Any] = {"id": self._next, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_LIMIT
        while True:
            answer = self._message(deadline)
            if answer.get("id") == self._next:
                assert "error" not in answer, (method, answer)
                return answer["result"]

    def _message(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            data = os.read(self._in, 1 << 16)
            assert data, "the browser has ended"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found

    def page(self, url: str) -> Page:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        page = Page(self, attached["sessionId"], target)
        page.go(url)
        return page


class Page:
    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target

    def call(self, method: str, **params: Any) -> Any:
        return self._browser.call(method, self._session, **params)

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)

    def go(self, url: str) -> Any:
        return self.call("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression (or what it promises) comes to."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 30.0) -> float:
        """Until it is true; the seconds that it took."""
        began = time.monotonic()
        while True:
            try:
                if self.value(f"Boolean({expression})"):
                    return time.monotonic() - began
            except AssertionError:
                pass  # the page is just being put up
            if time.monotonic() - began > seconds:
                raise AssertionError(f"never true: {expression}\n{self.text()}")
            time.sleep(0.02)

    def text(self) -> str:
        return str(self.value("document.body ? document.body.innerText : ''"))[:3000]

    def look(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """The size of the window, and the scheme that its user prefers."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            code = {"Enter": 13, "Tab": 9, "Escape": 27}[key]
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **text,
            )

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
