"""What a request presents, told apart by shape and proved by nobody yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from watchword_client.protect.refusal import Refusal

Form = Literal["access_token", "opaque_token", "session_token", "key"]

_KEY_HEADERS: Final = ("x-api-key", "apikey", "x-client-key", "x-publishable-key")
_READ: Final = frozenset({"authorization", "dpop", "origin", "sec-fetch-site", *_KEY_HEADERS})
_ACCESS_TOKEN: Final = "eyJ0eXAiOiJhdCtqd3Qi"  # noqa: S105 - how the header of a signed access token begins
_CREDENTIAL_CHARACTERS_MAX: Final = 8_192


@dataclass(frozen=True, slots=True)
class Presented:
    """The credential of a request, and what of the request decides whether it counts.

    Shapes: ``is_bound`` says that it came under the scheme of credentials that are bound to a key (RFC 9449); ``proof``
    is what proves that key, for the request of this ``method`` and ``path``, which are empty where nobody told them.
    """

    form: Form
    text: str = field(repr=False)
    is_bound: bool
    origin: str | None
    is_from_browser: bool
    address: str | None
    proof: str | None = field(default=None, repr=False)
    method: str = ""
    path: str = ""


def read_presented(
    headers: Iterable[tuple[str, str]], *, address: str | None, method: str = "", path: str = ""
) -> Presented:
    """Read the credential headers of a request; cookies are not read, since browsers attach them unasked.

    Raises:
        Refusal: there is no credential, more than one, or something of no known shape.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in _READ:
            if lower in found:
                raise Refusal("BAD_REQUEST", cause=f"the header {lower} came more than once")
            found[lower] = value
    credentials = {found[name].strip(" ") for name in _KEY_HEADERS if name in found}
    scheme, _, bearer = found.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() not in {"bearer", "dpop"}:
            raise Refusal("UNAUTHORIZED", cause="authorization scheme")
        # A publishable key beside a proof names tenant and mode; who calls, the proof says.
        credentials = {one for one in credentials if not one.startswith("pk_")} | {bearer.strip(" ")}
    elif len(credentials) > 1:
        credentials = {one for one in credentials if not one.startswith("pk_")} or credentials
    if not credentials:
        raise Refusal("UNAUTHORIZED", cause="no credential", is_without_credential=True)
    if len(credentials) > 1:
        raise Refusal("TWO_CREDENTIALS")
    text = credentials.pop()
    return Presented(
        form=_form_of(text),
        text=text,
        is_bound=scheme.lower() == "dpop",
        origin=found.get("origin"),
        is_from_browser="origin" in found or "sec-fetch-site" in found,
        address=address,
        proof=found.get("dpop"),
        method=method,
        path=path,
    )


def _form_of(text: str) -> Form:
    if len(text) > _CREDENTIAL_CHARACTERS_MAX or not text.isascii() or not text.isprintable():
        raise Refusal("UNAUTHORIZED", cause="the credential is too long or not ASCII")
    if text.startswith(("sk_", "pk_")):
        return "key"
    if text.startswith("at_"):
        return "opaque_token"
    if text.startswith(_ACCESS_TOKEN):
        return "access_token"
    if text.startswith("eyJ") and text.count(".") == 2:  # noqa: PLR2004 - RFC 7515 §7.1
        return "session_token"
    raise Refusal("UNAUTHORIZED", cause="the credential has no known shape")
