"""The keys and certificates of one control plane, good for loopback and for a month."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = datetime.timedelta(days=30)
SKEW = datetime.timedelta(hours=1)
NAMES = ("localhost", "kubernetes", "kubernetes.default.svc")
LOOPBACK = ipaddress.ip_address("127.0.0.1")


def write(folder: Path) -> None:
    """Write ca.crt, server.crt, server.key, sa.key and sa.pub."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, server_key, accounts = _key(), _key(), _key()
    ca = _certificate("test-ca", ca_key, issuer="test-ca", signer=ca_key)
    server = _certificate("kube-apiserver", server_key, issuer="test-ca", signer=ca_key)
    pem = serialization.Encoding.PEM
    public = accounts.public_key().public_bytes(
        pem, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    contents = {
        "ca.crt": ca.public_bytes(pem),
        "server.crt": server.public_bytes(pem),
        "server.key": _text(server_key),
        "sa.key": _text(accounts),
        "sa.pub": public,
    }
    for name, content in contents.items():
        _write(folder / name, content)


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [*map(x509.DNSName, NAMES), x509.IPAddress(LOOPBACK)]
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuers = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        # Python 3.13 refuses chains without these two.
        .add_extension(own, critical=False)
        .add_extension(issuers, critical=False)
        .add_extension(_usage(ca=name == issuer), critical=True)
        .sign(signer, hashes.SHA256())
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
