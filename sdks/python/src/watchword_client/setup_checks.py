"""What a client is set up with, refused at once where it is missing, of the wrong kind or in the wrong place."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from watchword_client.errors import setup_error

_CLIENT_KEY: Final = re.compile(r"pk_(live|test)_[!-~]+")
_SECRET_KEY: Final = re.compile(r"sk_(live|test)_[!-~]+")
_TOKEN: Final = re.compile(r"[!-~]+")


def require_client_key(key: str | None) -> str:
    """Return a client key that may be one; the server says whether it is."""
    if not key:
        raise setup_error("MISSING_KEY", "client_key is missing or empty: is its environment variable set?")
    if key.startswith("sk_"):
        raise setup_error(
            "SECRET_KEY_IN_BROWSER",
            "A secret key was given as client_key, which goes to browsers and other people's devices: "
            "use the key that begins with pk_, and replace the secret one.",
        )
    if _CLIENT_KEY.fullmatch(key) is None:
        raise setup_error("WRONG_KEY", "client_key is not a client key: those begin with pk_live_ or pk_test_.")
    return key


def require_secret_key(key: str | None) -> str:
    """Return a secret key that may be one."""
    if not key:
        raise setup_error("MISSING_KEY", "secret_key is missing or empty: is its environment variable set?")
    if _SECRET_KEY.fullmatch(key) is None:
        raise setup_error("WRONG_KEY", "secret_key is not a secret key: those begin with sk_live_ or sk_test_.")
    return key


def require_one_mode(client_key: str, secret_key: str) -> None:
    """Refuse keys that see different data."""
    if client_key[3:7] != secret_key[3:7]:
        raise setup_error(
            "WRONG_KEY",
            f"secret_key is a {secret_key[3:7]} key and client_key a {client_key[3:7]} key: they see different data.",
        )


def require_token(token: str) -> str:
    """Return a token that may be one; a line's end that came along from a file is the usual mistake."""
    if _TOKEN.fullmatch(token) is None:
        raise setup_error("WRONG_TOKEN", "token holds a character that no token has, such as a space or a line's end.")
    return token


def require_path(path: str) -> str:
    """Return a path of the server; anything else put behind its address could lead to another one."""
    if not path.startswith("/"):
        raise setup_error("WRONG_PATH", "A path begins with a slash, such as /api/keys.")
    return path


def require_segment(text: str) -> str:
    """Return a text as one segment of a path, which leads nowhere else whatever it holds."""
    if text in {"", ".", ".."}:
        raise setup_error("WRONG_ID", f"No id, number or name is {text!r}.")
    return quote(text, safe="")


def find_base_url(option: str | None, environment: Mapping[str, str]) -> str:
    """Return the server's address: the option, else ``WATCHWORD_URL``."""
    text = option or environment.get("WATCHWORD_URL")
    if not text:
        raise setup_error(
            "MISSING_BASE_URL", "Where is the server? Set base_url, or the environment variable WATCHWORD_URL."
        )
    return require_web_address(text)


def require_web_address(text: str) -> str:
    """Return the address of a server without a slash at its end, and without the ``/api`` under which its routes are."""
    parts = _split(text)
    if parts is None or parts.username is not None or parts.query or parts.fragment:
        raise setup_error("WRONG_BASE_URL", "base_url is no bare web address; one looks like https://api.example.com.")
    # A credential that went over HTTP has been seen; within this machine nobody is on the way.
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise setup_error(
            "INSECURE_BASE_URL", f"Use https for {parts.netloc}: over http everyone on the way reads the credentials."
        )
    return f"{parts.scheme}://{parts.netloc}" + re.sub(r"/+(api/*)?$", "", parts.path)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_trust(
    verify: bool | ssl.SSLContext,  # noqa: FBT001 - as every HTTP client of Python spells it
    ca_file: str | PathLike[str] | None,
    *,
    base_url: str,
    environment: Mapping[str, str],
) -> bool | ssl.SSLContext:
    """Return what decides whether the server's certificate is good: by default what this machine trusts.

    ``ca_file``, else ``WATCHWORD_CA_FILE``, trusts that authority and no other. To verify nothing is for this machine.
    """
    if verify is False and not is_loopback(urlsplit(base_url).hostname or ""):
        raise setup_error(
            "INSECURE_BASE_URL",
            "verify=False is for a server on this machine only; name the server's own authority with ca_file.",
        )
    path = ca_file or environment.get("WATCHWORD_CA_FILE")
    if verify is not True or not path:
        return verify
    try:
        return ssl.create_default_context(cafile=fspath(path))
    except (OSError, ssl.SSLError) as error:
        raise setup_error("WRONG_CA_FILE", f"ca_file cannot be read as certificates: {fspath(path)}") from error


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname else None
