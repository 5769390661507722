"""How a development certificate and its authority are called and kept, whoever makes or looks at them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

AUTHORITY_NAME: Final = "ca.pem"
AUTHORITY_KEY_NAME: Final = "ca-key.pem"
SERVER_NAME: Final = "server.pem"

OWN_NAMES: Final = ("localhost", "127.0.0.1", "::1")
"""The names every development certificate is for."""

RENEW_DAYS: Final = 60
"""A certificate with less left is made anew at the next start."""


class CertificateFiles(msgspec.Struct, frozen=True):
    """Where a server's certificate chain and key stand (one file may hold both)."""

    certificate: Path
    key: Path
