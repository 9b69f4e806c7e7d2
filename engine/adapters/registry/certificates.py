"""The TLS settings of a host: the system's authorities and what certs.d has for it."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from engine.errors import SystemFailure

__all__ = ["tls_context"]


def tls_context(host: str, folders: Sequence[Path], *, verify: bool) -> ssl.SSLContext:
    """Blocks: it reads files. Raises SystemFailure, with dockerd's texts, for what doesn't fit."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    folder = next((each / host for each in folders if (each / host).is_dir()), None)
    if folder is not None:
        _add(context, folder)
    return context


def _add(context: ssl.SSLContext, folder: Path) -> None:
    """`*.crt` are authorities; `*.cert` with `*.key` of the same name are for the client."""
    files = sorted(folder.iterdir())
    for path in files:
        try:
            if path.suffix == ".crt":
                context.load_verify_locations(path)
            elif path.suffix == ".cert":
                context.load_cert_chain(path, _key_of(path))
        except (OSError, ssl.SSLError) as error:
            raise SystemFailure(f"{path}: {error}") from error
    for path in files:
        if path.suffix == ".key" and not path.with_suffix(".cert").exists():
            raise SystemFailure(
                f"missing client certificate {path.with_suffix('.cert').name} for key {path.name}"
            )


def _key_of(certificate: Path) -> Path:
    key = certificate.with_suffix(".key")
    if not key.exists():
        raise SystemFailure(
            f"missing key {key.name} for client certificate {certificate.name}. "
            "CA certificates must use the extension .crt"
        )
    return key
