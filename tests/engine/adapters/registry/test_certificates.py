from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from engine.adapters.registry.certificates import tls_context
from engine.errors import SystemFailure

HOST = "reg.test:5000"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("pair")
    certificate, key = folder / "c.pem", folder / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=own",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    return certificate, key


def own(context: ssl.SSLContext) -> bool:
    return any((("commonName", "own"),) in each["subject"] for each in context.get_ca_certs())  # type: ignore[operator]


def test_authority_of_the_first_folder_is_added(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    (second / HOST).mkdir(parents=True)
    shutil.copy(pair[0], second / HOST / "ca.crt")
    assert own(tls_context(HOST, (first, second), verify=True))
    (first / HOST).mkdir(parents=True)
    assert not own(tls_context(HOST, (first, second), verify=True))


def test_client_certificate_needs_its_key(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    folder = tmp_path / HOST
    folder.mkdir()
    shutil.copy(pair[0], folder / "client.cert")
    with pytest.raises(SystemFailure, match=r"missing key client.key for client certificate"):
        tls_context(HOST, (tmp_path,), verify=True)
    shutil.copy(pair[1], folder / "client.key")
    tls_context(HOST, (tmp_path,), verify=True)
    (folder / "client.cert").unlink()
    with pytest.raises(SystemFailure, match=r"missing client certificate client.cert for key"):
        tls_context(HOST, (tmp_path,), verify=True)


def test_damaged_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / HOST).mkdir()
    (tmp_path / HOST / "ca.crt").write_text("no certificate")
    with pytest.raises(SystemFailure, match=r"ca\.crt"):
        tls_context(HOST, (tmp_path,), verify=True)


def test_insecure_host_is_not_verified(tmp_path: Path) -> None:
    assert tls_context(HOST, (tmp_path,), verify=False).verify_mode is ssl.CERT_NONE
    assert tls_context(HOST, (tmp_path,), verify=True).verify_mode is ssl.CERT_REQUIRED
