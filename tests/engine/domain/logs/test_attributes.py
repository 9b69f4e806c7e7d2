"""A record's attributes follow the options labels, env and tag."""

from __future__ import annotations

import pytest

from engine.domain.logs.attributes import LogSubject, log_attributes
from engine.errors import SystemFailure

SUBJECT = LogSubject(
    id="0123456789abcdef",
    name="/web",
    image_name="busybox",
    labels={"z": "1", "app.kind": "x"},
    env=["E=v=w", "PATH"],
)


def test_chosen_labels_and_variables_and_the_tag_are_taken() -> None:
    options = {
        "labels": "z,none",
        "labels-regex": "^app",
        "env": "E,NO",
        "tag": "{{.Name}}/{{.ID}}",
    }
    assert log_attributes(SUBJECT, options) == {
        "z": "1",
        "app.kind": "x",
        "E": "v=w",
        "tag": "web/0123456789ab",
    }


def test_without_options_there_are_none() -> None:
    assert log_attributes(SUBJECT, {"max-size": "1k"}) == {}


@pytest.mark.parametrize("options", [{"tag": "{{.Foo}}"}, {"labels-regex": "("}])
def test_wrong_templates_and_patterns_fail_the_start(options: dict[str, str]) -> None:
    with pytest.raises(SystemFailure, match="failed to initialize logging driver: "):
        log_attributes(SUBJECT, options)


def test_unknown_field_is_told_as_go_tells_it() -> None:
    with pytest.raises(SystemFailure, match=r'log-tag:1:2: executing "log-tag" at <\.Foo>'):
        log_attributes(SUBJECT, {"tag": "{{.Foo}}"})
