"""What users ask of registries: pull, push, inspect, login, search; names and limits checked first."""

from __future__ import annotations

import math
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from engine.domain.images.config import digest_of, parse_config
from engine.domain.images.downloads import Downloads
from engine.domain.images.filters import Filters, flag
from engine.domain.images.importing import parse_platform
from engine.domain.images.manifests import Platform, is_index, kind_of, parse_manifest
from engine.domain.images.messages import Message
from engine.domain.images.outbox import Outbox, reported
from engine.domain.images.packing import Packer
from engine.domain.images.ports import Archives
from engine.domain.images.pulling import Puller
from engine.domain.images.pushing import Pusher
from engine.domain.images.registries import Fetched, Refused, Registries, Repository
from engine.domain.images.store import Store
from engine.domain.images.transfers import Transfers
from engine.domain.images.tree import CONFIG_LIMIT
from engine.domain.names.references import Reference, parse_any, parse_normalized
from engine.errors import EngineError, InvalidParameter, NotFound
from engine.models.images import SearchResult
from engine.models.registry import AuthConfig, AuthResponse, DistributionInspect
from supervisors import Mailbox

__all__ = ["Remote", "TransferLimits"]

SEARCH_DEFAULT = 25
SEARCH_MOST = 100
NOT_FOUND = frozenset({"MANIFEST_UNKNOWN", "NAME_UNKNOWN"})


class TransferLimits(msgspec.Struct, frozen=True):
    """dockerd's defaults; 0 transfers at a time is no limit, as there."""

    downloads: int = 3
    uploads: int = 5
    attempts: int = 5


class Remote:
    def __init__(
        self,
        store: Store,
        transfers: Transfers,
        registries: Registries,
        archives: Archives,
        mailbox: Mailbox[Message],
        *,
        limits: TransferLimits,
    ) -> None:
        self._store = store
        self._registries = registries
        self._downloads = Downloads(limit=limits.downloads or math.inf, attempts=limits.attempts)
        self._puller = Puller(store, transfers, registries, self._downloads)
        self._pusher = Pusher(
            store,
            transfers,
            registries,
            Packer(store, transfers, archives),
            mailbox,
            limit=limits.uploads or math.inf,
        )

    def limit(self, limits: TransferLimits) -> None:
        """For what begins from now on, and for what waits."""
        self._downloads.limiter.total_tokens = limits.downloads or math.inf
        self._downloads.attempts = limits.attempts
        self._pusher.limiter.total_tokens = limits.uploads or math.inf

    def pull(
        self, name: str, tag: str, *, platform: str, auth: AuthConfig
    ) -> AbstractAsyncContextManager[Outbox]:
        reference = _wanted(name, tag)
        parse_platform(platform, self._store.platform)
        return reported(
            lambda report: self._puller.pull(
                reference, credentials=auth, platform=platform, report=report
            )
        )

    def push(
        self, name: str, tag: str, *, auth: AuthConfig, platform: Platform | None = None
    ) -> AbstractAsyncContextManager[Outbox]:
        reference = _wanted(name, tag)
        if reference.digest:
            raise InvalidParameter("cannot push a digest reference")
        return reported(
            lambda report: self._pusher.push(
                reference, credentials=auth, report=report, platform=platform
            )
        )

    async def inspect(self, name: str, *, auth: AuthConfig) -> DistributionInspect:
        reference = parse_any(name)
        if isinstance(reference, str):
            raise InvalidParameter("no manifest found for full image ID")
        wanted = reference.with_default_tag()
        try:
            async with self._registries.repository(wanted, auth) as repository:
                fetched = await repository.manifest(wanted.digest or wanted.tag or "")
                kind = kind_of(fetched.media_type, fetched.data)
                fetched = msgspec.structs.replace(fetched, media_type=kind)
                platforms = await _platforms(fetched, repository)
        except Refused as error:
            raise _inspect_error(error) from error
        descriptor = {
            "mediaType": fetched.media_type,
            "digest": fetched.digest,
            "size": len(fetched.data),
        }
        return DistributionInspect(descriptor=descriptor, platforms=platforms)

    async def login(self, auth: AuthConfig) -> AuthResponse:
        token = await self._registries.login(auth)
        return AuthResponse(identity_token=token, status="Login Succeeded")

    async def search(
        self, term: str, limit: int, filters: Filters, *, auth: AuthConfig
    ) -> list[SearchResult]:
        for name in filters:
            if name not in ("is-automated", "is-official", "stars"):
                raise InvalidParameter(f"invalid filter '{name}'")
        official, automated = flag(filters, "is-official"), flag(filters, "is-automated")
        stars = max((_stars(each) for each in filters.get("stars", ())), default=0)
        limit = limit or SEARCH_DEFAULT
        if not 1 <= limit <= SEARCH_MOST:
            raise InvalidParameter(f"limit {limit} is outside the range of [1, {SEARCH_MOST}]")
        return [
            each
            for each in await self._registries.search(term, limit, auth)
            if official in (None, each.is_official)
            and automated in (None, each.is_automated)
            and each.star_count >= stars
        ]


def _wanted(name: str, tag: str) -> Reference:
    """`tag` may be a digest; beside it what the name itself says stands back, as in dockerd."""
    reference = parse_normalized(name)
    if not tag:
        return reference
    if ":" in tag:
        return reference.with_digest(tag)
    return reference.with_tag(tag)


async def _platforms(fetched: Fetched, repository: Repository) -> list[dict[str, Any]]:
    """As the index says it, or the config of the only image."""
    if is_index(fetched.descriptor):
        entries = msgspec.json.decode(fetched.data).get("manifests") or []
        stated = [each.get("platform") for each in entries if isinstance(each, dict)]
        return [each for each in stated if isinstance(each, dict)]
    config = parse_manifest(fetched.data).config
    if config.size > CONFIG_LIMIT:
        return []
    async with repository.blob(config) as chunks:
        data = b"".join([each async for each in chunks])
    if digest_of(data) != config.digest:
        raise InvalidParameter(f"image config verification failed for digest {config.digest}")
    parsed = parse_config(data)
    platform = {
        "architecture": parsed.architecture,
        "os": parsed.os,
        "os.version": parsed.os_version,
        "variant": parsed.variant,
    }
    return [{key: value for key, value in platform.items() if value}]


def _inspect_error(error: Refused) -> EngineError:
    return NotFound(error.message) if error.code in NOT_FOUND else error


def _stars(text: str) -> int:
    if not text.isdecimal():
        raise InvalidParameter(f"invalid filter 'stars={text}'")
    return int(text)
