from __future__ import annotations

import pytest

from engine.domain.images.instructions.signals import check_signal
from engine.errors import InvalidParameter


@pytest.mark.parametrize("text", ["SIGTERM", "term", "9", "SIGRTMIN+3", "RTMAX-2"])
def test_signal_is_known(text: str) -> None:
    check_signal(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "99", "SIGNOPE", "RTMIN+", "RTMIN+x"])
def test_unknown_signal_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid signal: "):
        check_signal(text)
