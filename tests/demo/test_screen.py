from __future__ import annotations

from io import StringIO

from demo.screen import Screen


def printed(*, colour: bool) -> str:
    out = StringIO()
    screen = Screen(out, colour=colour)
    screen.title(3, "Run a container")
    screen.result("exit code 7", 0.1234)
    screen.failure("exit code", 7, 0)
    return out.getvalue()


def test_steps_and_results_are_aligned_and_failures_say_what_was_got() -> None:
    assert printed(colour=False).splitlines() == [
        "",
        "  3   Run a container",
        f"{'      exit code 7':<78}  ok     123 ms",
        "      FAILED  exit code",
        "        expected  7",
        "        got       0",
    ]


def test_colour_adds_nothing_but_escapes() -> None:
    assert "\033[32mok\033[0m" in printed(colour=True)


def test_what_is_no_terminal_gets_no_colour() -> None:
    out = StringIO()
    Screen(out).title(1, "x")
    assert "\033" not in out.getvalue()
