"""`kill -9` of the daemon at random moments under random work: no promise is broken, and nothing is left.

`--seed` repeats a run; `just torture` takes the long form.
"""

from __future__ import annotations

import pytest

from tests.harness.daemon import running_daemon
from tests.harness.deeds import wait_for
from tests.harness.torturer import Torturer
from tests.harness.traces import difference, resting

pytestmark = pytest.mark.integration


def torture(seed: int, kills: int) -> None:
    print(f"seed {seed}")
    with running_daemon("--live-restore") as daemon:
        daemon.docker("run", "--rm", "busybox", "true", check=True)
        empty = resting(daemon)
        torturer = Torturer(daemon, seed)
        for number in range(kills):
            try:
                torturer.kill()
            except BaseException as error:
                error.add_note(f"seed {seed}, kill {number + 1}\n{daemon.tail(3000)}")
                raise
        done = torturer.finish()
        wait_for(lambda: not difference(daemon, empty), lambda: str(difference(daemon, empty)))
        print(f"{kills} kills, slowest start {torturer.slowest:.2f} s, {dict(done)}")


def test_five_kills_break_no_promise(seed: int) -> None:
    torture(seed, 5)


@pytest.mark.torture
def test_a_hundred_kills_break_no_promise(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        torture(seed, 100)
