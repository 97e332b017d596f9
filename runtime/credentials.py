"""Who signs: a self-signed certificate made on first use and kept by the user, or one that the user names."""

import datetime
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

from .errors import CredentialsError
from .marks import MARKS

CERTIFICATE_VARIABLE: Final = "VIVANT_CERTIFICATE"
KEY_VARIABLE: Final = "VIVANT_KEY"
CERTIFICATE_FILE: Final = "certificate.pem"
KEY_FILE: Final = "key.pem"
SELF_SIGNED_BY: Final[str] = MARKS["certificate"]["organization"]
# Without a time stamp, readers doubt a signature from the day on which its certificate ends.
YEARS: Final[int] = MARKS["certificate"]["years"]
CURVE_ALGORITHMS: Final = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, repr=False)
class Credentials:
    """A certificate with its key.

    Attributes:
        chain: the certificate and those that issued it, PEM, the signer's own first.
        key: the private key, PEM without a password.
        algorithm: C2PA's name of the signature's algorithm.
        subject: the name that the certificate states.
        self_signed: whether nobody but the key's owner vouches for that name.
        notes: what a user should know, one sentence each.
    """

    chain: bytes
    key: bytes
    algorithm: str
    subject: str
    self_signed: bool
    notes: tuple[str, ...] = ()


def find_credentials(certificate: Path | None = None, key: Path | None = None) -> Credentials:
    """The user's credentials: the named files, else those that VIVANT_CERTIFICATE and VIVANT_KEY name, else their own.

    Args:
        certificate: PEM, the signer's certificate first, then those that issued it.
        key: PEM of its private key.

    Raises:
        CredentialsError: a file cannot be used, or only one of the two is named.
    """
    certificate = certificate or _from_environment(CERTIFICATE_VARIABLE)
    key = key or _from_environment(KEY_VARIABLE)
    if certificate is None and key is None:
        return own_credentials(config_folder())
    if certificate is None or key is None:
        raise CredentialsError("A certificate and its key belong together: name both or none.")
    return load_credentials(certificate, key)


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value else None


def config_folder() -> Path:
    """Where a user's settings live: vivant/ in XDG_CONFIG_HOME or ~/.config, on Windows in %APPDATA%."""
    base = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the XDG specification: a relative path is to be ignored
        base = os.path.join(os.path.expanduser("~"), ".config")
    return Path(base) / "vivant"


def load_credentials(certificate: Path, key: Path) -> Credentials:
    """Credentials from two PEM files.

    Raises:
        CredentialsError: a file is missing or damaged, they do not belong together, or the time has run out.
    """
    chain_pem, key_pem = _read(certificate), _read(key)
    try:
        chain = x509.load_pem_x509_certificates(chain_pem)
    except ValueError:
        raise CredentialsError(f"{certificate} holds no certificate in PEM format.") from None
    try:
        private = serialization.load_pem_private_key(key_pem, password=None)
    except TypeError:
        raise CredentialsError(f"The key {key} is locked with a password; name one without.") from None
    except Exception:  # the library has many ways to say that it cannot read a key
        raise CredentialsError(f"{key} holds no private key in PEM format.") from None
    leaf = chain[0]
    if private.public_key() != leaf.public_key():
        raise CredentialsError(f"The key {key} is not the one of the certificate {certificate}.")
    now = datetime.datetime.now(datetime.UTC)
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        first, last = leaf.not_valid_before_utc, leaf.not_valid_after_utc
        raise CredentialsError(f"The certificate {certificate} is valid from {first:%Y-%m-%d} to {last:%Y-%m-%d} only.")
    return Credentials(
        chain=b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain),
        key=_as_pem(private),
        algorithm=_algorithm(private, key),
        subject=_name(leaf.subject),
        self_signed=leaf.subject == leaf.issuer,
    )


def own_credentials(folder: Path) -> Credentials:
    """The user's self-signed credentials in `folder`/signing, made when first needed.

    Where they cannot be kept, they serve for this run alone and a note says so.

    Raises:
        CredentialsError: there are some, but they cannot be used.
    """
    place = folder / "signing"
    if place.exists():
        try:
            return load_credentials(place / CERTIFICATE_FILE, place / KEY_FILE)
        except CredentialsError as error:
            raise CredentialsError(f"{error} Delete the folder {place} to have a new key made.") from None
    chain, key, subject = _self_signed()
    try:
        _keep(place, chain, key)
    except OSError as error:
        note = f"The key for signing cannot be kept in {place} ({error.strerror}); it serves for this run alone."
        return Credentials(chain, key, "es256", subject, True, (note,))
    made = load_credentials(place / CERTIFICATE_FILE, place / KEY_FILE)  # perhaps another process was faster
    note = f"A key for signing your clips was made in {place}; keep it to yourself."
    return Credentials(made.chain, made.key, made.algorithm, made.subject, made.self_signed, (note,))


def _self_signed() -> tuple[bytes, bytes, str]:
    """A new certificate and its key (both PEM) and the name that it states."""
    key = ec.generate_private_key(ec.SECP256R1())
    common_name = f"{MARKS['certificate']['name']} {secrets.token_hex(6)}"
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, SELF_SIGNED_BY),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)  # clocks differ a little
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_only_signatures(), critical=True)
        # Of the usages that C2PA allows, the one that every reader accepts without being told to.
        .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(MARKS["certificate"]["usage"])]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), _as_pem(key), f"{SELF_SIGNED_BY}, {common_name}"


def _only_signatures() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _keep(place: Path, chain: bytes, key: bytes) -> None:
    """Writes both files, readable by their owner alone, and puts them in place as one."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".signing.", dir=place.parent))
    try:
        for name, content in ((CERTIFICATE_FILE, chain), (KEY_FILE, key)):
            handle = os.open(temporary / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
        try:
            temporary.rename(place)
        except OSError:
            if not place.exists():  # else another process made one meanwhile, which counts
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}.") from None


def _as_pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _algorithm(key: PrivateKeyTypes, path: Path) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVE_ALGORITHMS:
        return CURVE_ALGORITHMS[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    raise CredentialsError(f"C2PA has no use for the kind of key in {path}: take ECDSA P-256 to P-521, Ed25519 or RSA.")


def _name(subject: x509.Name) -> str:
    """Organisation and common name, whichever there are."""
    parts = (
        str(attribute.value)
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for attribute in subject.get_attributes_for_oid(oid)
    )
    return ", ".join(parts) or subject.rfc4514_string()
