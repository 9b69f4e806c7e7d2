"""The operators' page in a real browser."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest

from tests.harness.browser import Browser, Page
from tests.harness.faulting import FaultyDaemon
from tests.integration.test_operators import containerd, standing_still

pytestmark = pytest.mark.client

PORT = 2374
FOREIGN = "page.attacker.example"
SEQS = "[...document.querySelectorAll('#events li')].map(li => Number(li.dataset.seq))"


@pytest.fixture(scope="module")
def daemon() -> Iterator[FaultyDaemon]:
    if os.geteuid() != 0:
        pytest.skip("needs root, containerd and runc")
    for program, name in (("docker", "the docker CLI"), ("chromium", "Chromium")):
        if shutil.which(program) is None:
            pytest.skip(f"{name} is not installed")
    with FaultyDaemon("--live-restore", f"--host=tcp://127.0.0.1:{PORT + 1}") as daemon:
        daemon.load_busybox()
        yield daemon


@pytest.fixture(scope="module")
def browser(daemon: FaultyDaemon) -> Iterator[Browser]:
    with Browser(daemon.name, f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1") as browser:
        yield browser


def address(daemon: FaultyDaemon, host: str = "127.0.0.1") -> str:
    token = (daemon.root / "exec" / "operator-token").read_text().strip()
    return f"http://{host}:{PORT}/_trimaran/?token={token}"


@pytest.fixture(scope="module")
def page(daemon: FaultyDaemon, browser: Browser) -> Page:
    page = browser.page(address(daemon))
    page.wait("document.getElementById('link')?.dataset.state === 'open'")
    page.wait("document.querySelectorAll('#tree li').length > 10")
    return page


def row(name: str) -> str:
    return f"[...document.querySelectorAll('#containers-rows tr')].find(r => r.querySelector('button').textContent === '{name}')"


def service(path: str) -> str:
    return f"document.querySelector('#tree li[data-path=\"{path}\"]')"


def test_token_is_taken_from_the_address_line(page: Page) -> None:
    assert page.value("location.href") == f"http://127.0.0.1:{PORT}/_trimaran/"
    assert page.value("document.cookie") == ""


def test_container_of_the_cli_appears_within_a_second_and_shows_its_use(
    daemon: FaultyDaemon, page: Page
) -> None:
    for name in ("first", "second", "third"):  # the best of three: others use the machine too
        daemon.docker("run", "-d", "--name", name, "busybox", "sleep", "1000", check=True)
        if page.wait(f"{row(name)}?.dataset.state === 'running'") < 1.0:
            break
    else:
        raise AssertionError("it took longer than a second, three times")
    page.wait(f"{row('first')}.cells[3].textContent.endsWith('%')")
    page.wait(f"/[KM]iB/.test({row('first')}.cells[4].textContent)")
    page.wait(f"{row('first')}.cells[6].textContent === 'bridge'")
    page.wait(
        "[...document.querySelectorAll('#networks tr')].some(r => /^bridge/.test(r.textContent) && r.cells[3].textContent > 0)"
    )


def test_log_is_opened_followed_and_closed_by_the_keyboard(
    daemon: FaultyDaemon, page: Page
) -> None:
    script = "n=0; while :; do n=$((n+1)); echo line $n; [ $n = 1 ] && echo '<b>odd</b>' >&2; sleep 0.2; done"
    daemon.docker("run", "-d", "--name", "talker", "busybox", "sh", "-c", script, check=True)
    page.wait(row("talker"))
    page.value(f"{row('talker')}.querySelector('button').focus()")
    page.press("Enter")
    lines = "document.getElementById('log-lines')"
    page.wait(f"/line 3\\n/.test({lines}.textContent)")
    assert page.value(f"{lines}.querySelector('.err').textContent") == "<b>odd</b>\n"
    assert page.value(f"document.activeElement === {lines}")
    page.press("Escape")
    page.wait("document.getElementById('log').hidden")
    assert page.value(f"document.activeElement === {row('talker')}.querySelector('button')")
    daemon.docker("rm", "-f", "talker", check=True)
    page.wait(f"!{row('talker')}")


def test_crashed_service_turns_red_and_green_again(daemon: FaultyDaemon, page: Page) -> None:
    path = "root/containers/restarts"
    page.wait(f"{service(path)}.dataset.tone === 'good'")
    page.value(
        "globalThis.tones = [];"
        f"new MutationObserver(() => tones.push({service(path)}.dataset.tone))"
        f".observe({service(path)}, {{attributes: true}})"
    )
    daemon.arm(path, 1)
    daemon.docker("run", "-d", "--name", "again", "--restart=always", "busybox", "true", check=True)
    page.wait(f"tones.includes('bad') && {service(path)}.dataset.tone === 'good'")
    daemon.docker("rm", "-f", "again", check=True)


def test_events_are_filtered(page: Page) -> None:
    shown = "[...document.querySelectorAll('#events li:not([hidden])')]"
    page.value(
        "(s => { s.value = 'network'; s.dispatchEvent(new Event('change')) })"
        "(document.getElementById('events-type'))"
    )
    assert page.value(f"new Set({shown}.map(li => li.dataset.type)).size") == 1
    assert page.value(f"{shown}[0].dataset.type") == "network"
    page.value(
        "(s => { s.value = ''; s.dispatchEvent(new Event('change')) })"
        "(document.getElementById('events-type'))"
    )


def test_stream_survives_the_daemons_restart_without_a_gap(
    daemon: FaultyDaemon, page: Page
) -> None:
    page.value("globalThis.before = true")
    last = page.value(f"Math.max(...{SEQS})")
    daemon.kill()
    page.wait("document.getElementById('link').dataset.state === 'closed'")
    daemon.start()
    page.wait("document.getElementById('link').dataset.state === 'open'")
    daemon.docker("run", "--rm", "--name", "afterwards", "busybox", "true", check=True)
    page.wait(
        "/afterwards/.test(document.querySelector('#events li[data-action=destroy]')?.textContent)"
    )
    numbers = page.value(SEQS)
    assert page.value("before") is True, "the page was loaded anew"
    assert max(numbers) > last
    assert numbers == list(range(max(numbers), min(numbers) - 1, -1))
    page.wait(f"{row('first')}?.dataset.state === 'running'")


def test_restore_is_shown_while_it_lasts(daemon: FaultyDaemon, page: Page) -> None:
    count = len(daemon.json("GET", "/containers/json"))
    assert count > 0
    daemon.kill()
    with standing_still(containerd(daemon)):
        daemon.launch()
        page.wait("!document.getElementById('restore').hidden")
        shown = page.value("document.getElementById('restored-text').textContent")
        assert shown.startswith(f"0 of {count}")
        assert page.value("document.getElementById('restored').max") == count
        page.wait("/engine (starting|failed)/.test(document.getElementById('health').textContent)")
    daemon.wait_ready()
    page.wait("document.getElementById('restore').hidden")
    page.wait("document.getElementById('health').textContent === 'engine ok'", 60)
    page.wait(f"{row('first')}?.dataset.state === 'running'")


@pytest.mark.parametrize("port", [PORT, PORT + 1])
def test_foreign_page_and_rebound_name_get_nothing(
    daemon: FaultyDaemon, browser: Browser, page: Page, port: int
) -> None:
    token = (daemon.root / "exec" / "operator-token").read_text().strip()
    ask = f"fetch('http://{{}}:{port}/_trimaran/status?token={token}', {{{{credentials: 'include'}}}}).then(r => r.status, () => 'refused')"
    socket = (
        f"new Promise(r => {{{{ const w = new WebSocket('ws://{{}}:{port}/_trimaran/events/ws?token={token}');"
        "w.onmessage = () => r('told'); w.onclose = () => r('refused') }})"
    )
    # The rebound name: same origin, as far as the browser knows.
    rebound = browser.page(f"http://{FOREIGN}:{port}/_trimaran/status?token={token}")
    rebound.wait("document.readyState === 'complete' && document.body.innerText.length > 0")
    assert "is not one of this daemon's names" in rebound.text()
    assert rebound.value(ask.format(FOREIGN)) == 403
    assert rebound.value(socket.format(FOREIGN)) == "refused"
    # A foreign origin, which asks for the true address.
    assert rebound.value(ask.format("127.0.0.1")) == "refused"
    assert rebound.value(socket.format("127.0.0.1")) == "refused"
    rebound.close()
    if (
        port == PORT
    ):  # the page's own origin is told, so the refusals above are not for another reason
        assert page.value(ask.format("127.0.0.1")) == 200
        assert page.value(socket.format("127.0.0.1")) == "told"


def test_hundreds_of_containers_are_shown(daemon: FaultyDaemon, page: Page) -> None:
    for n in range(60):
        daemon.json("POST", f"/containers/create?name=many-{n:03}", {"Image": "busybox"})
    began = time.monotonic()
    page.wait("document.querySelectorAll('#containers-rows tr').length >= 60")
    assert time.monotonic() - began < 30
    find = "document.getElementById('containers-find')"
    page.value(f"{find}.value = 'many-05'; {find}.dispatchEvent(new Event('input'))")
    page.wait("document.querySelectorAll('#containers-rows tr:not([hidden])').length == 10")
    page.value(f"{find}.value = ''; {find}.dispatchEvent(new Event('input'))")
    page.look(width=390, height=844)
    page.wait("document.documentElement.scrollWidth <= 390")
