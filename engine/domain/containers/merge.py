"""A container's config over its image's, and the command that comes of it."""

from __future__ import annotations

import msgspec

from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, HealthcheckConfig


def merge_image(config: ContainerConfig, image: ContainerConfig) -> ContainerConfig:
    """What the request leaves open comes from the image; maps are united, the request's win."""
    entrypoint, cmd = config.entrypoint, config.cmd
    if not entrypoint:
        # An entrypoint of its own, also the empty one, keeps the image's command out.
        cmd = cmd or image.cmd
        if entrypoint is None:
            entrypoint = image.entrypoint
    if entrypoint == [""]:
        entrypoint = None
    return msgspec.structs.replace(
        config,
        user=config.user or image.user,
        working_dir=config.working_dir or image.working_dir,
        stop_signal=config.stop_signal or image.stop_signal,
        entrypoint=entrypoint,
        cmd=cmd,
        env=merge_env(config.env, image.env),
        labels={**(image.labels or {}), **(config.labels or {})},
        exposed_ports={**image.exposed_ports, **config.exposed_ports},
        volumes={**(image.volumes or {}), **(config.volumes or {})} or config.volumes,
        healthcheck=_healthcheck(config.healthcheck, image.healthcheck),
        on_build=config.on_build,
    )


def merge_env(own: list[str] | None, image: list[str] | None) -> list[str] | None:
    """The container's variables first, then those of the image that it does not set."""
    if not own:
        return image if image else own
    names = {each.partition("=")[0] for each in own}
    return [*own, *(each for each in image or () if each.partition("=")[0] not in names)]


def command(config: ContainerConfig) -> tuple[str, ...]:
    """Entrypoint and command of a merged config; inspect's Path is its first, Args the rest."""
    argv = (*(config.entrypoint or ()), *(config.cmd or ()))
    if not argv:
        raise InvalidParameter("no command specified")
    return argv


def _healthcheck(
    own: HealthcheckConfig | None, image: HealthcheckConfig | None
) -> HealthcheckConfig | None:
    if own is None or image is None:
        return own or image
    return HealthcheckConfig(
        test=own.test or image.test,
        interval=own.interval or image.interval,
        timeout=own.timeout or image.timeout,
        start_period=own.start_period or image.start_period,
        start_interval=own.start_interval or image.start_interval,
        retries=own.retries or image.retries,
    )
