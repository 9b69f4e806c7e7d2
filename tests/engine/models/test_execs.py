from __future__ import annotations

import msgspec

from engine.models.execs import ExecInspect, ProcessConfig


def test_exec_that_did_not_run_has_no_exit_code() -> None:
    inspect = ExecInspect(
        id="e", container_id="c", process_config=ProcessConfig(entrypoint="true", privileged=False)
    )
    assert msgspec.json.encode(inspect) == (
        b'{"ID":"e","Running":false,"ExitCode":null,"ProcessConfig":{"tty":false,'
        b'"entrypoint":"true","arguments":[],"privileged":false},"OpenStdin":false,'
        b'"OpenStderr":false,"OpenStdout":false,"CanRemove":false,"ContainerID":"c",'
        b'"DetachKeys":"","Pid":0}'
    )
