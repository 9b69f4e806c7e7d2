"""Says which files the API's TLS uses, as dockerd finds them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from config.schema import Settings


class TlsFiles(msgspec.Struct, frozen=True):
    """Paths of the CA, the certificate and its key."""

    ca: str
    certificate: str
    key: str


def tls_files(settings: Settings, environ: Mapping[str, str]) -> TlsFiles:
    """What was said, else ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH or ~/.docker."""
    folder = environ.get("DOCKER_CERT_PATH") or f"{environ.get('HOME', '/root')}/.docker"
    return TlsFiles(
        settings.tlscacert or f"{folder}/ca.pem",
        settings.tlscert or f"{folder}/cert.pem",
        settings.tlskey or f"{folder}/key.pem",
    )
