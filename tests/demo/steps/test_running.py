from __future__ import annotations

import pytest

from demo.checks import CheckFailed
from demo.steps.running import MEGABYTE, logs, of, pipe, read_logs, run_and_exit
from tests.demo.theatre import Play, Theatre, said

HEARD = b"heard: ahoy\nheard: land in sight\nend of input\n"
STAMP = "2026-01-02T03:04:05.000000006Z"


def test_events_are_labelled_by_their_container() -> None:
    assert of("web", "create", "die") == ("container create web", "container die web")


def test_output_and_exit_code_are_checked() -> None:
    theatre = Theatre(runs={"greeter": said(b"hello\n", b"oh dear\n", 7)})
    assert "exit code 7" in run_and_exit(theatre.scene)
    assert theatre.api.created == {}


@pytest.mark.parametrize(
    "play", [said(b"", b"oh dear\n", 7), said(b"hello\n", b"", 7), said(b"hello\n", b"oh dear\n")]
)
def test_any_other_outcome_fails(play: Play) -> None:
    with pytest.raises(CheckFailed):
        run_and_exit(Theatre(runs={"greeter": play}).scene)


def test_what_is_piped_in_comes_back_unchanged() -> None:
    theatre = Theatre(runs={"listener": lambda data: said(HEARD), "cat": lambda data: said(data)})
    assert "1 MiB through cat unchanged" in pipe(theatre.scene)
    assert list(theatre.api.created) == ["listener"]
    short = Theatre(
        runs={"listener": lambda data: said(HEARD), "cat": lambda data: said(data[: MEGABYTE - 1])}
    )
    with pytest.raises(CheckFailed):
        pipe(short.scene)


def test_log_has_its_last_lines_with_their_times() -> None:
    lines = [f"{STAMP} heard: land in sight", f"{STAMP} end of input"]
    theatre = Theatre(logs={"listener": lines})
    assert read_logs(theatre.scene).startswith("logs -t --tail 2")
    assert "end of input" in theatre.out.getvalue()
    for wrong in ([lines[1]], [lines[0], "end of input"]):
        with pytest.raises(CheckFailed):
            read_logs(Theatre(logs={"listener": wrong}).scene)


def test_log_is_read_by_its_query() -> None:
    theatre = Theatre(logs={"web": ["a", "b"]})
    assert logs(theatre.scene, "web", "stdout=1") == "a\nb\n"
    assert theatre.api.asked == ["GET /containers/web/logs?stdout=1"]
