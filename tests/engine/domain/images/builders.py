"""Images and catalogues made for a test, without any content."""

from __future__ import annotations

from engine.domain.images.catalogue import Catalogue, Image, Record
from engine.domain.images.config import ImageConfig
from engine.domain.images.naming import key_of, untagged_key
from engine.domain.images.ports import Descriptor
from engine.domain.names.references import parse_normalized
from engine.models.containers import ContainerConfig


def image_id(n: int) -> str:
    return f"sha256:{n:064x}"


def make(
    n: int,
    *,
    created: str | None = None,
    labels: dict[str, str] | None = None,
    parent: str = "",
    chain: tuple[str, ...] = (),
    sizes: tuple[int, ...] = (),
) -> Image:
    blob = Descriptor("m", image_id(n), 1)
    return Image(
        id=image_id(n),
        config=ImageConfig(created=created, config=ContainerConfig(labels=labels)),
        target=blob,
        manifest=blob,
        config_descriptor=blob,
        layers=(),
        chain_ids=chain,
        layer_sizes=sizes,
        parent=parent,
    )


def catalogue(*images: tuple[Image, list[str]]) -> Catalogue:
    """Images with their names; one without any is kept by a record of ours."""
    records = []
    for image, names in images:
        for name in names:
            reference = parse_normalized(name)
            records.append(
                Record(
                    name=key_of(reference),
                    image_id=image.id,
                    target=image.target,
                    reference=reference,
                    tagged_at=5.0,
                )
            )
        if not names:
            key = untagged_key("e", image.id)
            records.append(Record(name=key, image_id=image.id, target=image.target, reference=None))
    return Catalogue.build((image for image, _ in images), records)
