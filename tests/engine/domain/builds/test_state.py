from __future__ import annotations

from engine.domain.builds.arguments import Arguments
from engine.domain.builds.state import PATH, StageState, nop
from engine.models.containers import ContainerConfig
from tests.engine.domain.builds.rooms import BUSYBOX


def test_a_stage_begins_with_its_images_config_and_a_path() -> None:
    state = StageState(BUSYBOX, Arguments({}), "\\")
    assert state.config.cmd == ["sh"]
    assert state.environment == [f"PATH={PATH}"]
    state.settle()
    assert state.config.image == BUSYBOX.id
    assert StageState(None, Arguments({}), "\\").image_id == ""


def test_words_know_environment_and_arguments() -> None:
    arguments = Arguments({})
    arguments.add("a", "1")
    state = StageState(BUSYBOX, arguments, "`")
    state.put(env=["b=2"])
    assert state.word("$a${b}`$c'$a'") == "12$c$a"


def test_the_shell_form_goes_behind_the_shell() -> None:
    state = StageState(BUSYBOX, Arguments({}), "\\")
    assert state.command(("x y",), exec=False) == ["/bin/sh", "-c", "x y"]
    assert state.command(("x", "y"), exec=True) == ["x", "y"]
    assert nop(ContainerConfig(shell=["s"]), "#(nop) ", "X").cmd == ["s", "#(nop) ", "X"]
