from __future__ import annotations

from engine.domain.execs.records import Exec
from engine.domain.streams.session import ProcessStreams
from engine.models.execs import ExecConfig
from tests.engine.domain.containers.cells import NOWHERE, _close_stdin


def test_ended_exec_parts_from_its_clients() -> None:
    streams = ProcessStreams(NOWHERE, _close_stdin)
    exec = Exec("e" * 64, "c" * 64, ExecConfig(cmd=["sh", "-c"]), streams)
    fanout = streams.fanout
    assert (exec.command, exec.child_name, exec.exit_code) == ("sh -c", "exec-" + "e" * 12, None)
    exec.running = True
    exec.ended_with(3)
    assert (exec.running, exec.exit_code, exec.ended.is_set()) == (False, 3, True)
    assert fanout.closed


def test_exec_without_a_command_has_an_empty_one() -> None:
    assert Exec("e", "c", ExecConfig(), ProcessStreams(NOWHERE, _close_stdin)).command == ""
