"""The files of TLS."""

from __future__ import annotations

from config.schema import Settings
from config.tls import TlsFiles, tls_files


def test_files_are_looked_for_where_dockerd_does() -> None:
    assert tls_files(Settings(), {"HOME": "/h"}).ca == "/h/.docker/ca.pem"
    environ = {"HOME": "/h", "DOCKER_CERT_PATH": "/c"}
    expected = TlsFiles("/x", "/c/cert.pem", "/c/key.pem")
    assert tls_files(Settings(tlscacert="/x"), environ) == expected
