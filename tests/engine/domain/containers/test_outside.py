from __future__ import annotations

from pathlib import Path

from engine.domain.containers.outside import event, intent
from engine.models.containers import ContainerConfig
from tests.engine.domain.containers.containers import ID, container
from tests.engine.domain.containers.rooms import Daemon, Machine

RECORD = container(config=ContainerConfig(labels={"l": "v"}))


def test_events_carry_the_containers_attributes_and_more() -> None:
    found = event(RECORD, "die", {"exitCode": "3"})
    assert (found.type, found.action, found.actor_id) == ("container", "die", ID)
    assert found.attributes == {"l": "v", "image": "image", "name": "name", "exitCode": "3"}


def test_what_can_happen_only_once_has_one_key() -> None:
    first, again = (event(RECORD, "die", once="die 1") for _ in range(2))
    assert first.key == again.key
    assert first.key != event(RECORD, "die", once="die 2").key
    assert event(RECORD, "die").key != event(RECORD, "die").key


def test_intent_names_the_container_and_what_is_to_be_done() -> None:
    found = intent("start", RECORD, generation=2)
    assert (found.kind, found.subject, found.detail) == ("start", ID, {"generation": 2})


async def test_emitted_event_is_committed(tmp_path: Path) -> None:
    daemon = Daemon(Machine(tmp_path))
    await daemon.outside.emit(RECORD, "top")
    assert daemon.journal.told == ["container top"]
    assert daemon.outside.directory(ID) == tmp_path / "data" / "containers" / ID
