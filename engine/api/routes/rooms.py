"""What the routes may ask: the facades of the rooms."""

from __future__ import annotations

import msgspec

from engine.api.routes.operators import Operators
from engine.domain.builds.facade import Builds
from engine.domain.containers.commit import Commits
from engine.domain.containers.contents import Contents
from engine.domain.containers.facade import Containers
from engine.domain.containers.prune import Prunes
from engine.domain.events.facade import Events
from engine.domain.execs.facade import Execs
from engine.domain.images.facade import Images
from engine.domain.managed.facade import Managed
from engine.domain.networks.facade import Networks
from engine.domain.storage.facade import Storage
from engine.domain.system.disk import DiskReport
from engine.domain.system.facade import System
from engine.domain.volumes.facade import Volumes


class Rooms(msgspec.Struct, frozen=True):
    builds: Builds
    containers: Containers
    contents: Contents
    commits: Commits
    prunes: Prunes
    execs: Execs
    images: Images
    managed: Managed
    events: Events
    networks: Networks
    system: System
    disk: DiskReport
    volumes: Volumes
    storage: Storage
    operators: Operators
