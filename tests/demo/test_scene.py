from __future__ import annotations

import pytest

from demo.scene import Step
from demo.steps import STEPS
from tests.demo.theatre import Theatre


def test_scene_speaks_to_the_daemon_on_its_stage() -> None:
    theatre = Theatre()
    assert theatre.scene.api is theatre.stage.api  # type: ignore[comparison-overlap]


def test_steps_have_titles_of_their_own() -> None:
    titles = [step.title for step in STEPS]
    assert len(set(titles)) == len(titles) > 5
    assert Step("x", lambda _: "found").events == ()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_events_are_named_by_type_action_and_perhaps_subject(step: Step) -> None:
    for label in step.events:
        kind, action, *subject = label.split()
        assert kind in {"container", "image", "network", "volume"}
        assert action
        assert len(subject) <= 1
