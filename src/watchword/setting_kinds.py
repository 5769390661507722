"""What a setting's text may be: each kind reads it or refuses it, and says in words what is allowed."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Secret:
    """A text that no log, error or ``repr`` shows; ``reveal`` gives it to the one who uses it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class PlanLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many requests a tenant on a plan may send; None is no limit."""

    requests_per_minute: int | None
    requests_per_hour: int | None


PLANS: Final[Mapping[str, PlanLimits]] = {
    "free": PlanLimits(600, 10_000),
    "starter": PlanLimits(1_200, 30_000),
    "basic": PlanLimits(3_000, 100_000),
    "pro": PlanLimits(6_000, 200_000),
    "enterprise": PlanLimits(None, None),
}
"""The plans as they are without any setting."""


class Kind(msgspec.Struct, frozen=True):
    """A kind of value: ``read`` raises ValueError for a text that is none; ``allowed`` completes "it must be …"."""

    allowed: str
    read: Callable[[str], object]
    is_secret: bool = False


def a_text(shortest: int, longest: int) -> Kind:
    """Take printable text of a length in characters."""

    def read(text: str) -> str:
        _require(shortest <= len(text) <= longest and text.isprintable())
        return text

    return Kind(f"{shortest} to {longest} printable characters", read)


def a_number(least: int, most: int) -> Kind:
    """Take a whole number within bounds, both included."""

    def read(text: str) -> int:
        _require(text.isascii() and text.isdigit() and len(text) <= len(str(most)))
        number = int(text)
        _require(least <= number <= most)
        return number

    return Kind(f"a whole number from {least} to {most}", read)


def a_choice(*names: str) -> Kind:
    """Take one of a few words."""

    def read(text: str) -> str:
        _require(text in names)
        return text

    return Kind(f"{', '.join(names[:-1])} or {names[-1]}", read)


def a_switch() -> Kind:
    """Take ``on`` or ``off``, in the usual spellings."""
    words = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}

    def read(text: str) -> bool:
        _require(text.lower() in words)
        return words[text.lower()]

    return Kind("on or off", read)


def a_path() -> Kind:
    """Take a path, relative to the working directory unless absolute; ``~`` is the home directory."""

    def read(text: str) -> Path:
        _require("\0" not in text)
        return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises where this leaves the text

    return Kind("a path", read)


def a_secret(shortest: int) -> Kind:
    """Take a secret of at least so many characters."""

    def read(text: str) -> Secret:
        _require(len(text) >= shortest)
        return Secret(text)

    return Kind(f"at least {shortest} characters", read, is_secret=True)


def an_email() -> Kind:
    """Take a bare e-mail address."""

    def read(text: str) -> str:
        name, _, host = text.partition("@")
        _require(text.isascii() and text.isprintable() and not set(text) & set(' "<>,;:()[]\\'))
        _require(bool(name) and bool(host) and "@" not in host)
        return text

    return Kind("an e-mail address", read)


def a_url(*schemes: str) -> Kind:
    """Take a URL with a host; it counts as secret, since it may hold a password."""

    def read(text: str) -> Secret:
        parts = _split(text)
        _require(parts.scheme in schemes and bool(parts.hostname or parts.query))
        return Secret(text)

    named = " or ".join(f"{scheme}://" for scheme in schemes)
    return Kind(f"a URL that begins with {named} and names a host", read, is_secret=True)


def an_origin() -> Kind:
    """Take the URL of a site without path: https, or http on a loopback address."""
    return Kind("an https:// URL without path (http:// only for a loopback address)", _read_origin)


def a_site() -> Kind:
    """Take the URL under which a site has its pages, with a path or without; it is kept without a slash at the end."""

    def read(text: str) -> str:
        parts = _split(text.rstrip("/"))
        origin = _read_origin(f"{parts.scheme}://{parts.netloc}")
        _require(not (parts.query or parts.fragment or set(parts.path) & set("<>\"'\\")))
        return f"{origin}{parts.path}"

    return Kind("an https:// URL without query (http:// only for a loopback address)", read)


def an_origin_list() -> Kind:
    """Take web origins with commas between them."""

    def read(text: str) -> tuple[str, ...]:
        return tuple(_read_origin(part) for part in _parts(text))

    return Kind("https:// origins with commas between them (http:// only for loopback addresses)", read)


def a_network_list() -> Kind:
    """Take IP networks or addresses with commas between them."""

    def read(text: str) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(part) for part in _parts(text))

    return Kind("IP networks like 10.0.0.0/8 with commas between them", read)


def a_plan_table() -> Kind:
    """Take plans as JSON; those not named keep their built-in limits."""

    def read(text: str) -> Mapping[str, PlanLimits]:
        try:
            given = msgspec.json.decode(text, type=dict[str, PlanLimits])
        except msgspec.MsgspecError as error:
            raise ValueError from error
        for limits in given.values():
            _require(
                all(bound is None or bound > 0 for bound in (limits.requests_per_minute, limits.requests_per_hour))
            )
        return {**PLANS, **given}

    return Kind(
        "a JSON object of plans, each with requests_per_minute and requests_per_hour, numbers over 0 or null", read
    )


def is_loopback(host: str) -> bool:
    """Say whether an address or name reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _read_origin(text: str) -> str:
    parts = _split(text.removesuffix("/"))
    host = parts.hostname or ""
    _require(parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    _require(bool(host) and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc))
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _split(text: str) -> SplitResult:
    _require(text.isprintable() and " " not in text)
    parts = urlsplit(text)
    _require(parts.port is None or parts.port > 0)
    return parts


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _require(holds: bool) -> None:  # noqa: FBT001 - the condition is the argument
    if not holds:
        raise ValueError
