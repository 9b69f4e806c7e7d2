from __future__ import annotations

from engine.domain.images.progress import layer_progress


def test_layer_progress_is_written_as_dockerd_does() -> None:
    assert layer_progress("sha256:95721637d6ccfcf6", 10240, 10240) == {
        "status": "Loading layer",
        "progressDetail": {"current": 10240, "total": 10240},
        "progress": "[==================================================>]  10.24kB/10.24kB",
        "id": "95721637d6cc",
    }


def test_half_a_layer_has_half_a_bar() -> None:
    message = layer_progress("sha256:95721637d6ccfcf6", 1_000_000, 2_000_000)
    assert (
        message["progress"] == "[=========================>                         ]      1MB/2MB"
    )
