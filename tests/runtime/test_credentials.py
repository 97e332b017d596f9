"""Who signs: the user's own key, made once and kept private, and certificates that the user names."""

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from marked import ORIGIN, Key, issue, signer, write_clip
from vivant.runtime.credentials import config_folder, find_credentials, load_credentials, own_credentials
from vivant.runtime.errors import CredentialsError
from vivant.runtime.inspection import inspect_file


def test_the_own_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = own_credentials(tmp_path / "vivant")
    again = own_credentials(tmp_path / "vivant")
    assert (first.chain, first.key, first.subject) == (again.chain, again.key, again.subject)
    assert len(first.notes) == 1 and str(tmp_path) in first.notes[0]
    assert again.notes == ()
    place = tmp_path / "vivant" / "signing"
    assert sorted(os.listdir(place.parent)) == ["signing"]
    assert sorted(os.listdir(place)) == ["certificate.pem", "key.pem"]
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in place.iterdir()} == {0o600}
    assert first.key.decode() not in repr(first)


def test_two_users_have_different_keys_and_names(tmp_path: Path) -> None:
    one, other = own_credentials(tmp_path / "one"), own_credentials(tmp_path / "other")
    assert one.key != other.key
    assert one.subject != other.subject


def test_many_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: own_credentials(tmp_path), range(8)))
    assert len({credentials.key for credentials in made}) == 1
    assert os.listdir(tmp_path) == ["signing"]


def test_the_own_certificate_is_what_c2pa_asks_for(tmp_path: Path) -> None:
    """C2PA 2.x, section X.509 certificates: version 3, usages, key identifiers, no authority."""
    credentials = own_credentials(tmp_path)
    certificate = x509.load_pem_x509_certificate(credentials.chain)
    extension = certificate.extensions.get_extension_for_class
    assert certificate.version is x509.Version.v3
    assert extension(x509.KeyUsage).critical and extension(x509.KeyUsage).value.digital_signature
    assert not extension(x509.KeyUsage).value.key_cert_sign
    assert list(extension(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    assert not extension(x509.BasicConstraints).value.ca
    assert (
        extension(x509.AuthorityKeyIdentifier).value.key_identifier == extension(x509.SubjectKeyIdentifier).value.digest
    )
    certificate.verify_directly_issued_by(certificate)
    assert credentials.self_signed
    assert credentials.subject.startswith("Self-signed by a vivant user, vivant ")


def test_a_key_that_cannot_be_kept_serves_once_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "vivant").touch()
    credentials = own_credentials(tmp_path / "vivant")
    assert "serves for this run alone" in credentials.notes[0]
    clip = write_clip(tmp_path / "clip.gif", signer(credentials=credentials))
    assert inspect_file(clip).state == "self-signed"
    assert sorted(os.listdir(tmp_path)) == ["clip.gif", "vivant"]


def test_a_damaged_own_key_is_told_not_replaced(tmp_path: Path) -> None:
    own_credentials(tmp_path)
    (tmp_path / "signing" / "key.pem").write_text("damaged")
    with pytest.raises(CredentialsError, match=r"no private key in PEM format\. Delete the folder"):
        own_credentials(tmp_path)
    assert (tmp_path / "signing" / "key.pem").read_text() == "damaged"


def test_the_config_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert config_folder() == Path("/somewhere/vivant")
    for unusable in ("", "relative"):
        monkeypatch.setenv("XDG_CONFIG_HOME", unusable)
        assert config_folder() == tmp_path / ".config" / "vivant"


KEYS: dict[str, Callable[[], Key]] = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_named_certificate_signs(tmp_path: Path, algorithm: str) -> None:
    issued = issue(tmp_path, KEYS[algorithm]())
    credentials = load_credentials(issued.certificate, issued.key)
    assert (credentials.algorithm, credentials.subject, credentials.self_signed) == (algorithm, "Anna", False)
    clip = write_clip(tmp_path / "clip.mp4", signer(ORIGIN, credentials))
    report = inspect_file(clip)
    assert (report.state, report.claims.signer, report.claims.issuer) == ("valid", "Anna", "Test Authority")
    assert inspect_file(clip, issued.authority).state == "trusted"


def test_the_environment_names_a_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = issue(tmp_path)
    monkeypatch.setenv("VIVANT_CERTIFICATE", str(issued.certificate))
    with pytest.raises(CredentialsError, match="belong together"):
        find_credentials()
    monkeypatch.setenv("VIVANT_KEY", str(issued.key))
    assert find_credentials().subject == "Anna"
    (tmp_path / "other").mkdir()
    other = issue(tmp_path / "other", KEYS["ed25519"]())
    assert find_credentials(other.certificate, other.key).algorithm == "ed25519"


def test_unusable_certificates_are_refused_in_one_sentence(tmp_path: Path) -> None:
    issued = issue(tmp_path)
    (tmp_path / "old").mkdir()
    old = issue(tmp_path / "old", days=(-9, -1))
    (tmp_path / "text.pem").write_text("hello")
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked = serialization.BestAvailableEncryption(b"secret")
    (tmp_path / "locked.pem").write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(pem, pkcs8, locked))
    refused = {
        (tmp_path / "missing.pem", issued.key): "cannot be read: No such file",
        (issued.certificate, tmp_path): "cannot be read: Is a directory",
        (tmp_path / "text.pem", issued.key): "no certificate in PEM format",
        (issued.certificate, tmp_path / "text.pem"): "no private key in PEM format",
        (issued.certificate, tmp_path / "locked.pem"): "locked with a password",
        (issued.certificate, old.key): "is not the one of the certificate",
        (old.certificate, old.key): "is valid from",
    }
    for (certificate, key), message in refused.items():
        with pytest.raises(CredentialsError, match=message) as caught:
            load_credentials(certificate, key)
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_key_of_a_kind_that_c2pa_does_not_know(tmp_path: Path) -> None:
    issued = issue(tmp_path, ec.generate_private_key(ec.SECP256K1()))
    with pytest.raises(CredentialsError, match="no use for the kind of key"):
        load_credentials(issued.certificate, issued.key)
    key = dsa.generate_private_key(2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "dsa.pem").write_bytes(pem)
    with pytest.raises(CredentialsError, match="is not the one"):
        load_credentials(issued.certificate, tmp_path / "dsa.pem")


C2PA_CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")


@pytest.mark.parametrize("usage", [C2PA_CLAIM_SIGNING, DOCUMENT_SIGNING])
def test_certificates_for_every_purpose_on_the_list_of_c2pa_count(tmp_path: Path, usage: ObjectIdentifier) -> None:
    issued = issue(tmp_path, usage=usage)
    clip = write_clip(tmp_path / "clip.gif", signer(credentials=load_credentials(issued.certificate, issued.key)))
    assert inspect_file(clip).state == "valid"
    assert inspect_file(clip, issued.authority).state == "trusted"


def test_a_certificate_for_another_purpose_is_refused_before_any_work(tmp_path: Path) -> None:
    issued = issue(tmp_path, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    with pytest.raises(CredentialsError, match=r"The certificate of Anna cannot sign clips: .*certificate is invalid"):
        signer(credentials=load_credentials(issued.certificate, issued.key))
