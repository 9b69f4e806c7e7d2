from __future__ import annotations

import pytest

from engine.domain.images.instructions.exposed import exposed_ports
from engine.errors import InvalidParameter


def test_ranges_and_host_parts_come_down_to_container_ports() -> None:
    assert list(exposed_ports(["80-81", "1.2.3.4:8080:90/UDP"])) == ["80/tcp", "81/tcp", "90/udp"]


@pytest.mark.parametrize(
    "spec", ["", "/tcp", "a", "81-80", "65536", "1-", "80/foo", "\N{SUPERSCRIPT TWO}"]
)
def test_bad_port_is_refused(spec: str) -> None:
    with pytest.raises(InvalidParameter):
        exposed_ports([spec])
