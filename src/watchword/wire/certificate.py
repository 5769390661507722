"""Which certificate the main listener shows: the operator's, or one for development that is made when it is missing.

A development certificate that is still good is recognised by a handshake with itself, so that most starts do without
the library that makes certificates, which takes longer to load than the rest of this file to run.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.config import Settings
from watchword.wire.certificate_files import (
    AUTHORITY_KEY_NAME,
    AUTHORITY_NAME,
    OWN_NAMES,
    RENEW_DAYS,
    SERVER_NAME,
    CertificateFiles,
)

_EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound
_DAY_MS: Final = 86_400_000
_ROUNDS_MAX: Final = 4
"""A handshake is over after two exchanges; a broken one must end too."""


def prepare_certificate(settings: Settings, now_ms: int) -> CertificateFiles | None:
    """Return the operator's certificate, or one made for this machine's names; None where TLS is off."""
    if not settings.is_tls_on:
        return None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        return CertificateFiles(settings.tls_certificate, settings.tls_key)
    public_host = urlsplit(settings.public_url).hostname if settings.public_url else None
    host = settings.host.removeprefix("[").removesuffix("]")
    further = (host if host not in _EVERY_ADDRESS else socket.gethostname(), public_host)
    names = tuple(dict.fromkeys((*OWN_NAMES, *(name for name in further if name))))
    if not proves_itself(settings.data_directory, names, now_ms):
        from watchword.wire.tls import ensure_development_certificate  # noqa: PLC0415 - most starts do without it

        ensure_development_certificate(settings.data_directory, names, now_ms)
    path = settings.data_directory / SERVER_NAME
    return CertificateFiles(path, path)


def proves_itself(directory: Path, names: tuple[str, ...], now_ms: int) -> bool:
    """Say whether a client that trusts the directory's authority accepts its certificate for all names, for a while."""
    try:
        client = ssl.create_default_context(cafile=str(directory / AUTHORITY_NAME))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(directory / SERVER_NAME, password="")
        shown = _shake_hands(client, server)
        if not (directory / AUTHORITY_KEY_NAME).exists():
            return False
    except (OSError, ValueError):
        return False
    authority: dict[str, Any] = client.get_ca_certs()[0]
    lasts_ms = min(ssl.cert_time_to_seconds(str(held["notAfter"])) for held in (shown, authority)) * 1000
    return lasts_ms - now_ms > RENEW_DAYS * _DAY_MS and _names_in(shown) >= {_canonical(name) for name in names}


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> dict[str, Any]:
    """Let the two meet in memory and return the certificate that the client accepted."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=OWN_NAMES[0])
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (near, far) * _ROUNDS_MAX:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return near.getpeercert() or {}


def _names_in(certificate: dict[str, Any]) -> set[str]:
    return {_canonical(name) for _, name in certificate.get("subjectAltName", ())}


def _canonical(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name
