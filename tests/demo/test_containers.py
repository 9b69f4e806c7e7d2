from __future__ import annotations

from typing import cast

from demo import containers
from demo.client import STDERR, STDOUT, Api, Frame
from demo.containers import IMAGE, Outcome
from tests.demo.theatre import FakeApi, said


def api(**parts: object) -> tuple[FakeApi, Api]:
    fake = FakeApi(**parts)  # type: ignore[arg-type]
    return fake, cast(Api, fake)


def test_container_runs_a_shell_script_with_its_config() -> None:
    fake, client = api()
    assert containers.launch(client, "web", "echo hi", HostConfig={"Memory": 1}) == "id-web"
    assert fake.created["web"] == {
        "Image": IMAGE,
        "Cmd": ["sh", "-c", "echo hi"],
        "HostConfig": {"Memory": 1},
    }
    assert fake.asked == ["POST /containers/create?name=web", "POST /containers/web/start"]


def test_run_is_attached_before_it_is_started_and_waited_for() -> None:
    fake, client = api(runs={"web": said(b"out", b"err", 7)})
    assert containers.run(client, "web", "x") == Outcome(b"out", b"err", 7)
    kinds = [each.partition("?")[0].rpartition("/")[2] for each in fake.asked]
    assert kinds == ["create", "attach", "start", "wait"]
    assert "OpenStdin" not in fake.created["web"]


def test_input_is_fed_and_ended() -> None:
    fake, client = api(runs={"cat": lambda data: said(data)})
    outcome = containers.run(client, "cat", "cat", stdin=b"typed")
    assert outcome.stdout == b"typed"
    assert fake.created["cat"]["StdinOnce"]
    assert "stdin=1" in fake.asked[1]


def test_command_is_executed_inside() -> None:
    _, client = api(execs={"web": said(b"42\n", code=5)})
    assert containers.execute(client, "web", "sh", "-c", "x") == Outcome(b"42\n", b"", 5)


def test_removal_takes_volumes_and_perhaps_force() -> None:
    fake, client = api()
    containers.remove(client, "web")
    containers.remove(client, "db", force=True)
    assert fake.asked == [
        "DELETE /containers/web?force=0&v=1",
        "DELETE /containers/db?force=1&v=1",
    ]


def test_parts_of_a_stream_are_put_together() -> None:
    frames = [Frame(STDOUT, b"a"), Frame(STDERR, b"x"), Frame(STDOUT, b"b")]
    assert containers.part(frames, STDOUT) == b"ab"
    assert containers.part(frames, STDERR) == b"x"
