"""The development certificate authority and the certificate it gives to this machine's own names.

The authority is good for those names only (RFC 5280 §4.2.1.10), so that whoever trusts it for development trusts it
for nothing else. The one place outside ``credentials/`` that uses cryptography, for X.509 alone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from watchword.data_directory import only_one, write_private_file
from watchword.wire.certificate_files import (
    AUTHORITY_KEY_NAME,
    AUTHORITY_NAME,
    OWN_NAMES,
    RENEW_DAYS,
    SERVER_NAME,
    CertificateFiles,
)

_AUTHORITY_DAYS: Final = 3650
_SERVER_DAYS: Final = 397
"""The longest life that browsers accept for a certificate."""

_BACKDATED: Final = dt.timedelta(hours=1)
"""Clients' clocks may be a little behind ours."""

_SIGNING_USE: Final = {"digital_signature": True, "key_cert_sign": False, "crl_sign": False}
_AUTHORITY_USE: Final = {"digital_signature": False, "key_cert_sign": True, "crl_sign": True}


class _Pair(msgspec.Struct, frozen=True):
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self) -> bytes:
        return _key_pem(self.key) + _certificate_pem(self.certificate)


def ensure_development_certificate(directory: Path, names: tuple[str, ...], now_ms: int) -> CertificateFiles:
    """Return a certificate for this machine's names and ``names`` that is good now, making what is missing.

    ``ca.pem`` in the directory is what clients are told to trust; it stays as long as it may vouch for the names.
    """
    now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
    wanted = tuple(dict.fromkeys((*OWN_NAMES, *names)))
    path = directory / SERVER_NAME
    with only_one(directory):
        authority = _ensure_authority(directory, wanted, now)
        if not _is_good(_read_pair(path), authority, wanted, now):
            pair = _make_server_pair(authority, wanted, now)
            write_private_file(path, pair.pem() + _certificate_pem(authority.certificate))
    return CertificateFiles(path, path)


def certificate_expiry_ms(path: Path) -> int:
    """Return when the first certificate of a PEM file ends, in Unix milliseconds.

    Raises:
        ValueError: the file holds no certificate.
    """
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return int(certificate.not_valid_after_utc.timestamp() * 1000)


def _ensure_authority(directory: Path, names: tuple[str, ...], now: dt.datetime) -> _Pair:
    path = directory / AUTHORITY_KEY_NAME
    kept = _read_pair(path)
    if kept is None or not (_is_current(kept.certificate, now) and _may_vouch_for(kept.certificate, names)):
        kept = _make_authority_pair(names, now)
        write_private_file(path, kept.pem())
    public = directory / AUTHORITY_NAME
    pem = _certificate_pem(kept.certificate)
    if not public.exists() or public.read_bytes() != pem:
        write_private_file(public, pem)
    return kept


def _read_pair(path: Path) -> _Pair | None:
    try:
        pem = path.read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        return None
    return _Pair(key, certificate)


def _is_good(pair: _Pair | None, authority: _Pair, names: tuple[str, ...], now: dt.datetime) -> bool:
    if pair is None or not _is_current(pair.certificate, now):
        return False
    with contextlib.suppress(InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        pair.certificate.verify_directly_issued_by(authority.certificate)
        stands = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(stands) >= set(_general_names(names))
    return False


def _is_current(certificate: x509.Certificate, now: dt.datetime) -> bool:
    ends_at = certificate.not_valid_after_utc - dt.timedelta(days=RENEW_DAYS)
    return certificate.not_valid_before_utc <= now < ends_at


def _may_vouch_for(certificate: x509.Certificate, names: tuple[str, ...]) -> bool:
    try:
        permitted = certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    except x509.ExtensionNotFound:
        return False
    return set(permitted or ()) >= set(_subtrees(names))


def _make_authority_pair(names: tuple[str, ...], now: dt.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # The number in the name keeps two authorities apart in one trust store.
    name = _name(f"Watchword development authority {serial % 16**8:08x}")
    builder = _builder(name, name, key, now, days=_AUTHORITY_DAYS).serial_number(serial)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(_AUTHORITY_USE), critical=True)
    builder = builder.add_extension(x509.NameConstraints(_subtrees(names), None), critical=True)
    return _Pair(key, builder.sign(key, hashes.SHA256()))


def _make_server_pair(authority: _Pair, names: tuple[str, ...], now: dt.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    ends_at = (issuer.not_valid_after_utc - now).days
    builder = _builder(_name("localhost"), issuer.subject, key, now, days=min(_SERVER_DAYS, ends_at))
    builder = builder.serial_number(x509.random_serial_number())
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    extensions = (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(_SIGNING_USE), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(_general_names(names)), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return _Pair(key, builder.sign(authority.key, hashes.SHA256()))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime, *, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(uses: dict[str, bool]) -> x509.KeyUsage:
    return x509.KeyUsage(
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
        **uses,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Watchword development"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _general_names(names: tuple[str, ...]) -> list[x509.GeneralName]:
    return [_general_name(name) for name in names]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _subtrees(names: tuple[str, ...]) -> list[x509.GeneralName]:
    """Write names as constraints: an address as a network of one."""
    subtrees: list[x509.GeneralName] = []
    for name in names:
        try:
            subtrees.append(x509.IPAddress(ipaddress.ip_network(name)))
        except ValueError:
            subtrees.append(x509.DNSName(name))
    return subtrees


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
