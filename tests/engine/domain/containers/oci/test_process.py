from __future__ import annotations

from engine.domain.containers.oci.plan import HOST, Namespaces, User
from engine.domain.containers.oci.process import build_process, exec_process, replace_env
from engine.models.containers import ContainerConfig, HostConfig, Ulimit
from engine.models.execs import ExecConfig
from tests.engine.domain.containers.oci.plans import plan

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def test_terminal_brings_term_and_its_size() -> None:
    process = build_process(
        plan(
            config=ContainerConfig(tty=True),
            host=HostConfig(console_size=(24, 80)),
            env=("A=b", "PATH=/mine", "HOSTNAME"),
        )
    )
    assert process["terminal"] is True
    assert process["consoleSize"] == {"height": 24, "width": 80}
    assert process["env"] == ["PATH=/mine", "TERM=xterm", "A=b"]


def test_init_goes_before_the_command_where_it_would_be_pid_1() -> None:
    assert build_process(plan(init_path="/i"))["args"] == [
        "/sbin/docker-init",
        "--",
        "sleep",
        "100",
    ]
    shared = plan(init_path="/i", namespaces=Namespaces(pid=HOST))
    assert build_process(shared)["args"] == ["sleep", "100"]


def test_non_root_user_has_capabilities_only_in_the_bounding_set() -> None:
    process = build_process(plan(user=User(1000, 1000, (5, 1000))))
    assert set(process["capabilities"]) == {"bounding"}
    assert process["user"] == {"uid": 1000, "gid": 1000, "additionalGids": [1000, 5]}


def test_own_ulimits_win_over_the_daemons() -> None:
    process = build_process(
        plan(
            default_ulimits=(
                Ulimit(name="nofile", soft=1, hard=2),
                Ulimit(name="core", soft=-1, hard=-1),
            ),
            host=HostConfig(ulimits=[Ulimit(name="nofile", soft=10, hard=20)]),
        )
    )
    assert process["rlimits"] == [
        {"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20},
        {"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1},
    ]


def test_profiles_and_labels_are_passed_on() -> None:
    process = build_process(plan(apparmor_profile="p", process_label="l", no_new_privileges=True))
    assert (process["apparmorProfile"], process["selinuxLabel"]) == ("p", "l")
    assert process["noNewPrivileges"] is True


def test_replacing_keeps_the_place_and_a_bare_name_removes() -> None:
    assert replace_env(["A=1", "B=2", "C=3"], ["C", "A=9", "D="]) == ["A=9", "B=2", "D="]


def test_exec_takes_the_containers_environment_and_its_own_terminal() -> None:
    process = exec_process(
        plan(env=("A=1",), cwd="/w", config=ContainerConfig(tty=True)),
        ExecConfig(cmd=["sh"], env=["B=2"]),
        user=User(),
    )
    assert process["args"] == ["sh"]
    assert process["cwd"] == "/w"
    assert process["env"] == [PATH, "HOSTNAME=h", "A=1", "B=2"]
    assert "terminal" not in process


def test_privileged_exec_has_all_that_the_daemon_holds() -> None:
    held = frozenset({"CAP_CHOWN", "CAP_SYS_ADMIN"})
    process = exec_process(
        plan(held_capabilities=held),
        ExecConfig(cmd=["sh"], privileged=True, tty=True, console_size=(1, 2)),
        user=User(),
    )
    assert process["capabilities"]["effective"] == ["CAP_CHOWN", "CAP_SYS_ADMIN"]
    assert process["consoleSize"] == {"height": 1, "width": 2}
