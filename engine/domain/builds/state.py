"""A stage on its way: the config that grows with each step, and the image that it has come to."""

from __future__ import annotations

import msgspec

from engine.domain.builds.arguments import Arguments
from engine.domain.images.facade import Image
from engine.domain.images.instructions import expand
from engine.models.containers import ContainerConfig

__all__ = ["PATH", "StageState", "nop", "shell_of"]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELL = ("/bin/sh", "-c")


class StageState:
    """`image` is None above `FROM scratch`, until a step has made one."""

    def __init__(self, image: Image | None, arguments: Arguments, escape: str) -> None:
        self.image = image
        self.base = image
        self.arguments = arguments
        self.escape = escape
        self.maintainer = ""
        self.command_set = False
        config = image.config.config if image else ContainerConfig()
        config = msgspec.structs.replace(config, open_stdin=False, stdin_once=False)
        environment = config.env or []
        if not any(each.startswith("PATH=") for each in environment):
            config = msgspec.structs.replace(config, env=[*environment, f"PATH={PATH}"])
        self.config = config

    @property
    def image_id(self) -> str:
        return self.image.id if self.image else ""

    @property
    def environment(self) -> list[str]:
        return list(self.config.env or ())

    def put(self, **values: object) -> None:
        self.config = msgspec.structs.replace(self.config, **values)

    def settle(self) -> None:
        """After each step: the config names the image that it now stands on."""
        self.put(image=self.image_id)

    def word(self, text: str) -> str:
        """Variables filled in and quotes taken off. InvalidParameter."""
        return expand(text, self.variables(), self.escape)

    def variables(self) -> dict[str, str]:
        known = [*self.environment, *self.arguments.allowed(self.environment)]
        return dict(each.partition("=")[::2] for each in known)

    def command(self, argv: tuple[str, ...], *, exec: bool) -> list[str]:
        """The exec form as it is, the shell form behind the shell."""
        return list(argv) if exec else [*shell_of(self.config), *argv]


def shell_of(config: ContainerConfig) -> list[str]:
    return list(config.shell or SHELL)


def nop(config: ContainerConfig, *comment: str) -> ContainerConfig:
    """The config of a container in which nothing is run: its command is the step's name."""
    return msgspec.structs.replace(config, cmd=[*shell_of(config), *comment])
