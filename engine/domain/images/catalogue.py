"""The immutable index of the images that are here: what every read is answered from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from engine.domain.images.config import ImageConfig
from engine.domain.images.naming import display_name, key_of
from engine.domain.images.ports import Descriptor
from engine.domain.names.references import Reference, familiar, parse_any
from engine.errors import NotFound

__all__ = ["Catalogue", "Image", "Record", "no_such_image"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of containerd's image store that is ours. Without a reference it keeps an untagged image."""

    name: str
    image_id: str
    target: Descriptor
    reference: Reference | None
    tagged_at: float = 0.0


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image whose content and layers are all here.

    `names` and `digests` are its references in familiar form, `layer_sizes` what each layer takes
    on disk, in bytes, `tagged_at` seconds since the epoch, 0 when it never got a name.
    """

    id: str
    config: ImageConfig
    target: Descriptor
    manifest: Descriptor
    config_descriptor: Descriptor
    layers: tuple[Descriptor, ...]
    chain_ids: tuple[str, ...]
    layer_sizes: tuple[int, ...]
    parent: str = ""
    names: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    tagged_at: float = 0.0

    @property
    def chain_id(self) -> str:
        """The snapshot that holds the whole root file system; "" for an image without layers."""
        return self.chain_ids[-1] if self.chain_ids else ""

    @property
    def size(self) -> int:
        return sum(self.layer_sizes)


class Catalogue(msgspec.Struct, frozen=True):
    images: Mapping[str, Image] = msgspec.field(default_factory=dict)
    records: Mapping[str, Record] = msgspec.field(default_factory=dict)

    @classmethod
    def build(cls, images: Iterable[Image], records: Iterable[Record]) -> Catalogue:
        return cls(
            {each.id: each for each in images}, {each.name: each for each in records}
        )._named()

    def _named(self) -> Catalogue:
        """Give each image the names of its records; an image without any record is gone."""
        held: dict[str, list[Record]] = defaultdict(list)
        for record in self.records.values():
            held[record.image_id].append(record)
        images = {
            id: _with_records(self.images[id], records)
            for id, records in held.items()
            if id in self.images
        }
        return Catalogue(images, self.records)

    def put(self, *records: Record, image: Image | None = None) -> Catalogue:
        images = dict(self.images)
        if image is not None:
            images[image.id] = image
        merged = {**self.records, **{each.name: each for each in records}}
        return Catalogue(images, merged)._named()

    def drop(self, *names: str) -> Catalogue:
        kept = {name: each for name, each in self.records.items() if name not in names}
        return Catalogue(self.images, kept)._named()

    def records_of(self, image_id: str) -> list[Record]:
        return [each for each in self.records.values() if each.image_id == image_id]

    def references_of(self, image_id: str) -> list[Record]:
        return [each for each in self.records_of(image_id) if each.reference is not None]

    def children_of(self, image_id: str) -> list[Image]:
        return [each for each in self.images.values() if each.parent == image_id]

    def resolve(self, name: str) -> Image:
        """By reference, then by ID or a prefix of one, as dockerd's GetImage. Raises NotFound."""
        reference = parse_any(name)
        if isinstance(reference, str):
            if (image := self.images.get(reference)) is not None:
                return image
            raise no_such_image(name)
        record = self.records.get(key_of(reference))
        if record is not None and record.image_id in self.images:
            return self.images[record.image_id]
        wanted = name.removeprefix("sha256:")
        found = [each for id, each in self.images.items() if id[7:].startswith(wanted)]
        if len(found) == 1:
            return found[0]
        raise no_such_image(display_name(name))


def no_such_image(name: str) -> NotFound:
    return NotFound(f"No such image: {name}")


def _with_records(image: Image, records: Iterable[Record]) -> Image:
    named = [each for each in records if each.reference is not None]
    return msgspec.structs.replace(
        image,
        names=tuple(sorted(_familiar(each) for each in named if not _digest(each))),
        digests=tuple(sorted(_familiar(each) for each in named if _digest(each))),
        tagged_at=max((each.tagged_at for each in named), default=0.0),
    )


def _familiar(record: Record) -> str:
    assert record.reference is not None
    return familiar(record.reference)


def _digest(record: Record) -> str | None:
    assert record.reference is not None
    return record.reference.digest
