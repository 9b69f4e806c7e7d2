"""What the daemon says of itself in /info and /version."""

from __future__ import annotations

import os
from pathlib import Path

from config.schema import Settings
from engine.adapters.host.identity import Choices
from engine.api.versions import MINIMUM, NEWEST, text_of
from engine.domain.system.facade import Identity
from engine.version import BUILD_TIME, COMMIT, VERSION
from engine.wiring.registries import registry_config, shown_proxies
from engine.wiring.rooms import runtimes


def identity(settings: Settings, choices: Choices, data_root: Path, containerd: str) -> Identity:
    proxies = shown_proxies(settings, os.environ)
    return Identity(
        engine_id=choices.engine_id,
        version=VERSION,
        commit=COMMIT,
        build_time=BUILD_TIME,
        api_version=text_of(NEWEST),
        min_api_version=text_of(MINIMUM),
        data_root=data_root,
        snapshotter=choices.snapshotter,
        cgroup_driver=choices.cgroup_driver,
        log_driver=settings.log_driver,
        default_runtime=settings.default_runtime,
        runtimes=runtimes(settings),
        labels=list(settings.labels),
        live_restore=settings.live_restore,
        debug=settings.debug,
        init_binary="docker-init",
        containerd_address=containerd,
        namespace=choices.namespace,
        plugin_namespace=choices.plugin_namespace,
        registry_config=registry_config(settings),
        http_proxy=proxies.http,
        https_proxy=proxies.https,
        no_proxy=proxies.none,
        authorization=list(settings.authorization_plugins),
        experimental=settings.experimental,
    )
