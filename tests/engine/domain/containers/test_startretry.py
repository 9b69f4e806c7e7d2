from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.domain.containers import startretry, views
from engine.domain.containers.records import Status
from engine.errors import InvalidParameter, NotModified, SystemFailure
from engine.models.hostconfig import HostConfig, RestartPolicy
from engine.models.networks import PortBinding
from tests.engine.domain.containers.containers import container
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Machine, living, running

PORTS = {"81/tcp": [PortBinding(host_port="81")]}
TAKEN = ("tcp", 81)


def with_policy(name: str) -> HostConfig:
    return HostConfig(restart_policy=RestartPolicy(name=name))


@pytest.mark.parametrize(
    "reason",
    [
        "driver failed: Bind for 0.0.0.0:80 failed: port is already allocated",
        "listen tcp4 1.2.3.4:80: bind: cannot assign requested address",
        'invalid mount config for type "bind": bind source path does not exist: /mnt/nas',
        'runc create failed: error mounting "/mnt/nas" to rootfs at "/nas": stat /mnt/nas: no such file or directory: unknown',
        'error gathering device information while adding custom device "/dev/x": no such file or directory',
        "error while mounting volume '/v/_data': no such device",
        "failed to initialize logging driver: dial tcp 10.0.0.1:514: connect: connection refused",
        'failed to create endpoint web on network woven: plugin "weaver": dial unix /x: no such file',
    ],
)
def test_what_is_not_there_yet_is_waited_for(reason: str) -> None:
    for name in ("always", "unless-stopped", "on-failure"):
        record = container(host=with_policy(name))
        assert startretry.applies(record, reason), name
    assert not startretry.applies(container(), reason)
    off = container(host=with_policy("always"), switches={startretry.LABEL: "off"})
    assert not startretry.applies(off, reason)


@pytest.mark.parametrize(
    "reason",
    [
        'exec: "nosuch": executable file not found in $PATH',
        "failed to initialize logging driver: unknown log opt 'x' for json-file log driver",
        "failed to create endpoint web on network woven: no address is left",
        "no luck",
    ],
)
def test_what_will_never_be_right_is_not(reason: str) -> None:
    record = container(host=with_policy("always"))
    assert not startretry.applies(record, reason)


def test_delay_doubles_up_to_eight_seconds_and_the_view_tells_the_next_try() -> None:
    record, delays = container(), []
    for _ in range(6):
        state = startretry.put_off(record, "not yet", 128, 0)
        delays.append(state.next_try_ns // 1_000_000)
        record = record.with_state(
            **{each: getattr(state, each) for each in ("backoff_ms", "next_try_ns")}
        )
    assert delays == [1000, 2000, 4000, 8000, 8000, 8000]
    waiting = record.with_state(
        status=Status.RESTARTING, error="not yet", next_try_ns=1_000_000_000
    ).state
    assert views.error_text(waiting) == "not yet (next try at 1970-01-01T00:00:01Z)"
    assert views.error_text(record.with_state(error="over").state) == "over"


@pytest.mark.parametrize("value", ["", "on", "off"])
def test_label_says_on_or_off(value: str) -> None:
    startretry.check({startretry.LABEL: value})


def test_label_that_says_neither_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"invalid label trimaran\.start-retry=maybe"):
        startretry.check({startretry.LABEL: "maybe"})


async def test_start_is_refused_and_comes_when_the_port_is_free(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.network.host.others.add(TAKEN)
        cell = await daemon.create("web", port_bindings=PORTS, restart="always")
        with pytest.raises(SystemFailure):
            await daemon.containers.start("web")
        state = daemon.containers.inspect("web").state
        assert (state.status, state.restarting, state.exit_code) == ("restarting", True, 128)
        assert "(next try at " in state.error
        assert cell.exits == 1  # who waits for the start hears of its end
        await trio.sleep(90)
        assert cell.record.state.status is Status.RESTARTING
        assert daemon.machine.record(cell.id) == cell.record
        daemon.machine.network.host.others.discard(TAKEN)
        await trio.sleep(11)
        state = cell.record.state
        assert (state.status, state.error, state.next_try_ns) == (Status.RUNNING, "", 0)
        assert (state.restart_count, cell.exits) == (0, 1)


async def test_without_a_policy_or_with_the_label_dockerd_has_the_last_word(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.network.host.others.add(TAKEN)
        plain = await daemon.create("plain", port_bindings=PORTS)
        off = {"trimaran.start-retry": "off"}
        labelled = await daemon.create("off", port_bindings=PORTS, restart="always", labels=off)
        for cell in (plain, labelled):
            with pytest.raises(SystemFailure):
                await daemon.containers.start(cell.id)
            assert cell.record.state.status is Status.CREATED
        daemon.machine.network.host.others.discard(TAKEN)
        await trio.sleep(60)
        assert plain.record.state.status is labelled.record.state.status is Status.CREATED


async def test_stop_ends_the_tries(tmp_path: Path, patient_clock: MockClock) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.network.host.others.add(TAKEN)
        cell = await daemon.create("web", port_bindings=PORTS, restart="always")
        with pytest.raises(SystemFailure):
            await daemon.containers.start("web")
        await daemon.containers.stop("web")
        daemon.machine.network.host.others.discard(TAKEN)
        await trio.sleep(60)
        assert cell.record.state.status is Status.EXITED
        assert cell.record.state.next_try_ns == 0


async def test_start_by_hand_does_not_wait(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        daemon.machine.network.host.others.add(TAKEN)
        cell = await daemon.create("web", port_bindings=PORTS, restart="always")
        for _ in range(2):
            with pytest.raises(SystemFailure):
                await daemon.containers.start("web")
            assert cell.record.state.status is Status.RESTARTING
        daemon.machine.network.host.others.discard(TAKEN)
        await daemon.containers.start("web")
        assert cell.record.state.status is Status.RUNNING
        with pytest.raises(NotModified):
            await daemon.containers.start("web")


async def test_restart_by_the_policy_waits_for_its_port_too(
    tmp_path: Path, patient_clock: MockClock
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", port_bindings=PORTS, restart="always")
        daemon.machine.network.host.others.add(TAKEN)
        await daemon.ends(cell, 1)
        await trio.sleep(60)
        assert cell.record.state.status is Status.RESTARTING
        daemon.machine.network.host.others.discard(TAKEN)
        await trio.sleep(11)
        assert cell.record.state.status is Status.RUNNING
        assert cell.record.state.backoff_ms == 0


async def test_next_daemon_goes_on_trying(tmp_path: Path, patient_clock: MockClock) -> None:
    machine = Machine(tmp_path)
    try:
        async with living(machine) as daemon:
            machine.network.host.others.add(TAKEN)
            cell = await daemon.create("web", port_bindings=PORTS, restart="always")
            with pytest.raises(SystemFailure):
                await daemon.containers.start("web")
        async with living(machine) as daemon:
            await trio.sleep(30)
            cell = daemon.containers.cell("web")
            assert cell.record.state.status is Status.RESTARTING
            machine.network.host.others.discard(TAKEN)
            await trio.sleep(11)
            await settled()
            assert cell.record.state.status is Status.RUNNING
    finally:
        machine.close()
