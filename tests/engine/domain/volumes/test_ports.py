from __future__ import annotations

from engine.domain.volumes.ports import NotADirectory
from engine.errors import SystemFailure


def test_file_in_a_volumes_place_is_named() -> None:
    error = NotADirectory("/bin/sh")
    assert isinstance(error, SystemFailure)
    assert (str(error), error.path) == ("source /bin/sh is not directory", "/bin/sh")
