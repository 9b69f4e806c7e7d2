"""A session on the fake wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from engine.adapters.registry.settings import RegistrySettings
from engine.domain.images.registries import Repository
from engine.domain.names.references import parse_normalized
from engine.models.registry import AuthConfig
from tests.fakes.registry import FakeRegistry, registries


@asynccontextmanager
async def repository(
    registry: FakeRegistry,
    name: str = "reg.test/app",
    *,
    mirrors: dict[str, tuple[str, ...]] | None = None,
    auth: AuthConfig | None = None,
    **options: Any,
) -> AsyncIterator[Repository]:
    settings = RegistrySettings(mirrors=mirrors or {}, cert_dirs=())
    found = registries(registry, settings)
    async with found.repository(parse_normalized(name), auth or AuthConfig(), **options) as each:
        yield each
