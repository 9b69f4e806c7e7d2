from __future__ import annotations

import pytest

from engine.domain.containers.top import check_arguments, parse
from engine.errors import InvalidParameter

LISTED = """UID          PID    PPID  C STIME TTY          TIME CMD
root          10       1  0 07:20 ?        00:00:00 sleep 1000
root          11       1  0 07:20 ?        00:00:00 host daemon --flag
bin           12      10  0 07:20 ?        00:00:00 sh -c  echo   hi
"""


def test_the_rows_of_the_container_are_kept_with_their_commands_whole() -> None:
    table = parse(LISTED, {10, 12})
    assert table.titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert [row[1] for row in table.processes] == ["10", "12"]
    assert [row[-1] for row in table.processes] == ["sleep 1000", "sh -c echo hi"]


def test_threads_follow_their_process() -> None:
    listed = "PID TTY\n10 ?\n- a\n- b\n11 ?\n- c\n12 ?\n"
    assert parse(listed, {10, 12}).processes == [["10", "?"], ["-", "a"], ["-", "b"], ["12", "?"]]


def test_output_without_pids_is_an_error() -> None:
    with pytest.raises(InvalidParameter, match="Couldn't find PID field in ps output"):
        parse("COMMAND\nsleep\n", {10})
    with pytest.raises(InvalidParameter, match="Unexpected pid 'x'"):
        parse("PID CMD\nx sleep\n", {10})


def test_no_other_column_may_be_called_pid() -> None:
    with pytest.raises(InvalidParameter, match='specifying "ppid=PID" is not allowed'):
        check_arguments("-e -o ppid=PID")
    check_arguments("-e -o pid=PID")
    check_arguments("-ef")


def test_a_nul_is_refused_before_ps_is_asked() -> None:
    with pytest.raises(InvalidParameter, match="NUL"):
        check_arguments("a\0b")
