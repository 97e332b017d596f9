"""Signed clips and certificates for the tests of marks, made on the fly."""

import datetime
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from vivant.runtime.clips import open_clip
from vivant.runtime.credentials import Credentials, find_credentials
from vivant.runtime.provenance import Origin, Source, container_tags
from vivant.runtime.signing import ClipSigner
from vivant.runtime.stopwatch import Stopwatch

KINDS = {"clip.mp4": "video/mp4", "clip.webm": "video/webm", "clip.gif": "image/gif", "frames": "image/png"}
ORIGIN = Origin(Source("anna.jpg", bytes(range(32)), "image/jpeg"), "talk", "AI-animated")
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def noise(count: int, width: int, height: int) -> Iterator[np.ndarray]:
    """Frames of coloured noise that repeats from frame to frame with a shift."""
    ground = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    for i in range(count):
        yield np.roll(ground, i, axis=1)


def write_clip(
    target: Path,
    signer: ClipSigner | None,
    count: int = 3,
    size: tuple[int, int] = (64, 48),
) -> Path:
    """Writes a clip (a path without an ending is a folder) and returns the file, or the folder's second picture."""
    folder = not target.suffix
    with open_clip(target, folder, *size, 25, container_tags("anna, talk"), signer) as clip:
        for frame in noise(count, *size):
            clip.write(frame)
    return target / "00001.png" if folder else target


def signer(
    origin: Origin = ORIGIN, credentials: Credentials | None = None, watch: Stopwatch | None = None
) -> ClipSigner:
    """Signs with the tests' own self-signed key unless told otherwise."""
    return ClipSigner(credentials or find_credentials(), origin, watch or Stopwatch())


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Content with bytes changed, bits flipped, pieces cut out, repeated or put in, or its end cut off."""
    result = bytearray(content)
    kind = chance.randrange(6)
    for _ in range(chance.choice((1, 1, 2, 5, 30))):
        place = chance.randrange(len(result) or 1)
        if kind == 0:
            result[place : place + 1] = chance.randbytes(1)
        elif kind == 1 and result:
            result[place] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del result[place : place + chance.randrange(1, 300)]
        elif kind == 3:
            result[place:place] = result[place : place + chance.randrange(1, 300)]
        elif kind == 4:
            result[place:place] = chance.choice((chance.randbytes(40), b"\xff" * 8, b"\x00" * 8))
        else:
            del result[max(place, 1) :]
    return bytes(result)


@dataclass(frozen=True)
class Issued:
    """Files of a signer's certificate chain and key, and of the authority that issued it."""

    certificate: Path
    key: Path
    authority: Path


def issue(
    folder: Path,
    key: Key | None = None,
    days: tuple[int, int] = (-1, 365),
    usage: ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    organization: str | None = None,
) -> Issued:
    """Makes an authority and lets it issue a certificate.

    Args:
        key: the signer's, by default ECDSA P-256.
        days: from when to when the certificate is valid, in days from now.
        usage: what it may be used for.
        organization: whose signer it is.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name, leaf_name = _name("Test Authority"), _name("Anna", organization)
    root = (
        _builder(root_name, root_name, root_key, root_key, (-10, 3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _builder(leaf_name, root_name, key, root_key, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    issued = Issued(folder / "chain.pem", folder / "key.pem", folder / "authority.pem")
    issued.certificate.write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
    issued.authority.write_bytes(root.public_bytes(pem))
    issued.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return issued


def _name(common: str, organization: str | None = None) -> x509.Name:
    names = {NameOID.ORGANIZATION_NAME: organization, NameOID.COMMON_NAME: common}
    return x509.Name([x509.NameAttribute(oid, name) for oid, name in names.items() if name is not None])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, issuer_key: Key, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
        **dict.fromkeys(others, False),
    )
