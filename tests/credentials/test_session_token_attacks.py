"""The guarantees of ``credentials/session_token.py`` against forged and altered tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from credentials.world import (
    ISSUER,
    Run,
    World,
    claims_of,
    require_refused,
    signed,
)
from watchword.credentials.compact_jws import decode_segment, encode_segment, sign_compact
from watchword.credentials.key_ring import SessionKeys, SigningKey
from watchword.credentials.session_token import (
    SESSION_TOKEN_TYPE,
    SessionClaims,
    SessionTokens,
    has_session_token_shape,
)
from watchword.errors import NotAuthenticatedError

_TEXTS = st.text(max_size=40)
_TIMES = st.integers(0, 2**53)


@given(
    st.builds(
        SessionClaims,
        iss=st.just(ISSUER),
        sub=_TEXTS,
        sid=_TEXTS,
        jti=_TEXTS,
        email=_TEXTS,
        role=st.none() | _TEXTS,
        tenants=st.lists(_TEXTS, max_size=5).map(tuple),
        iat=_TIMES,
        exp=_TIMES,
    )
)
def test_joserfc_reads_the_same_claims(claims: SessionClaims) -> None:
    """Whatever the claims hold, what our check accepts joserfc accepts, and both read the same."""
    key = SigningKey("sig_1", b"s" * 32)
    nothing = cast("Any", None)
    tokens = SessionTokens(nothing, nothing, nothing, nothing, issuer=ISSUER, ttl_seconds=1, absolute_ttl_seconds=1)
    header = {"alg": "HS256", "typ": SESSION_TOKEN_TYPE, "kid": "sig_1"}
    ours = sign_compact(
        msgspec.json.encode(claims),
        header=encode_segment(json.dumps(header, separators=(",", ":")).encode()),
        secret=key.secret,
    )
    decoded = jwt.decode(ours, OctKey.import_key(key.secret), algorithms=["HS256"])
    assert decoded.header == header
    assert tokens._require_claims(SessionKeys([key]), ours.encode(), 0) == (claims, key)
    assert decoded.claims == {**msgspec.to_builtins(claims), "tenants": list(claims.tenants)}


# Attacks on the token's text


ATTACKS: dict[str, Callable[[str, World], str]] = {
    "empty": lambda token, world: "",
    "two dots": lambda token, world: "..",
    "no signature": lambda token, world: token.rpartition(".")[0] + ".",
    "no signature and dot": lambda token, world: token.rpartition(".")[0],
    "no payload": lambda token, world: "..".join(token.split(".")[::2]),
    "alg none": lambda token, world: _with_header(token, {"alg": "none"}, signature=""),
    "alg NoNe": lambda token, world: _with_header(token, {"alg": "NoNe"}, signature=""),
    "alg none, our members": lambda token, world: _with_header(
        token, {"alg": "none", "typ": SESSION_TOKEN_TYPE, "kid": _kid(world)}, signature=""
    ),
    "alg RS256": lambda token, world: signed(world, claims_of(token, world), alg="RS256"),
    "alg HS512": lambda token, world: signed(world, claims_of(token, world), alg="HS512"),
    "alg HS384 by joserfc": lambda token, world: _by_joserfc(token, world, "HS384"),
    "alg HS512 by joserfc": lambda token, world: _by_joserfc(token, world, "HS512"),
    "alg lower case": lambda token, world: signed(world, claims_of(token, world), alg="hs256"),
    "typ JWT": lambda token, world: signed(world, claims_of(token, world), typ="JWT"),
    "typ at+jwt": lambda token, world: signed(world, claims_of(token, world), typ="at+jwt"),
    "typ in capitals": lambda token, world: signed(world, claims_of(token, world), typ=SESSION_TOKEN_TYPE.upper()),
    "kid empty": lambda token, world: signed(world, claims_of(token, world), kid=""),
    "kid null": lambda token, world: signed(world, claims_of(token, world), kid=None),
    "kid unknown": lambda token, world: signed(world, claims_of(token, world), kid="sig_0"),
    "kid a path": lambda token, world: signed(world, claims_of(token, world), kid="../../../../dev/null"),
    "kid SQL": lambda token, world: signed(world, claims_of(token, world), kid="' OR '1'='1"),
    "kid with NUL": lambda token, world: signed(world, claims_of(token, world), kid=_kid(world) + "\0"),
    "crit": lambda token, world: signed(world, claims_of(token, world), crit=["exp"]),
    "jwk": lambda token, world: signed(world, claims_of(token, world), jwk={"kty": "oct", "k": "AAAA"}),
    "jku": lambda token, world: signed(world, claims_of(token, world), jku="https://evil.example/jwks"),
    "x5u": lambda token, world: signed(world, claims_of(token, world), x5u="https://evil.example/x5u"),
    "b64 false": lambda token, world: signed(world, claims_of(token, world), b64=False),
    "zip": lambda token, world: signed(world, claims_of(token, world), zip="DEF"),
    "header with a space": lambda token, world: _raw_header(token, world, b'{"alg": "HS256","typ":"%s","kid":"%s"}'),
    "header member twice": lambda token, world: _raw_header(
        token, world, b'{"alg":"HS256","alg":"HS256","typ":"%s","kid":"%s"}'
    ),
    "header alg none twice": lambda token, world: _raw_header(
        token, world, b'{"alg":"none","alg":"HS256","typ":"%s","kid":"%s"}'
    ),
    "header in another order": lambda token, world: _raw_header(token, world, b'{"typ":"%s","kid":"%s","alg":"HS256"}'),
    "header padded": lambda token, world: token.replace(".", "=.", 1),
    "signature padded": lambda token, world: token + "=",
    "space before": lambda token, world: " " + token,
    "space after": lambda token, world: token + " ",
    "line break after": lambda token, world: token + "\n",
    "NUL after": lambda token, world: token + "\0",
    "space inside": lambda token, world: token.replace(".", ". ", 1),
    "spare bits": lambda token, world: token[:-1] + _next_character(token[-1]),
    "four parts": lambda token, world: token + ".e30",
    "five parts": lambda token, world: token + ".e30.e30",
    "not ASCII": lambda token, world: token + "\u00e9",
    "half a surrogate": lambda token, world: token + "\ud800",
    "JSON form": lambda token, world: json.dumps(
        dict(zip(("protected", "payload", "signature"), token.split("."), strict=True))
    ),
    "too long": lambda token, world: token + "A" * 8192,
    "claims not an object": lambda token, world: signed(world, [1]),
    "claims null": lambda token, world: signed(world, None),
}


def _kid(world: World) -> str:
    return world.signing_key.id


def _with_header(token: str, header: dict[str, str], *, signature: str) -> str:
    return f"{encode_segment(json.dumps(header).encode()).decode()}.{token.split('.')[1]}.{signature}"


def _raw_header(token: str, world: World, template: bytes) -> str:
    key = world.signing_key
    header = template % (SESSION_TOKEN_TYPE.encode(), key.id.encode())
    return sign_compact(json.dumps(claims_of(token, world)).encode(), header=encode_segment(header), secret=key.secret)


def _by_joserfc(token: str, world: World, algorithm: str) -> str:
    key = world.signing_key
    encoded: str = jwt.encode(
        {"alg": algorithm, "typ": SESSION_TOKEN_TYPE, "kid": key.id},
        claims_of(token, world),
        OctKey.import_key(key.secret),
        algorithms=[algorithm],
    )
    return encoded


def _next_character(character: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) ^ 1]


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_attack_on_the_text_is_refused(world: World, run: Run[Any], attack: Callable[[str, World], str]) -> None:
    """A token that differs from ours in anything is refused, to prove and to refresh, and the good one lives on."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        forged = attack(issued.token, world)
        assert forged != issued.token
        await require_refused(world.tokens, forged, world.now_ms)
        await world.tokens.prove(issued.token, world.now_ms)
        await require_refused(world.tokens, forged, world.now_ms)

    run(scenario())


def test_every_changed_byte_is_refused(world: World, run: Run[Any]) -> None:
    """No single byte of a token can be changed or removed, also while the good token is remembered."""

    async def scenario() -> None:
        token = (await world.begin(await world.user())).token
        await world.tokens.prove(token, world.now_ms)
        for place, character in enumerate(token):
            other = "A" if character != "A" else "B"
            for changed in (token[:place] + other + token[place + 1 :], token[:place] + token[place + 1 :]):
                with pytest.raises(NotAuthenticatedError):
                    await world.tokens.prove(changed, world.now_ms)

    run(scenario())


def test_foreign_key_is_refused(world: World, run: Run[Any]) -> None:
    """A token signed with another installation's key is refused, even under our ``kid``."""

    async def scenario() -> None:
        user_id = await world.user()
        issued = await world.begin(user_id)
        header, payload, _ = issued.token.split(".")
        foreign = sign_compact(decode_segment(payload.encode()), header=header.encode(), secret=b"f" * 32)
        await require_refused(world.tokens, foreign, world.now_ms)

    run(scenario())


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"sub": "usr_other"},
        {"sid": "A" * 32},
        {"sid": ""},
        {"sid": None},
        {"jti": "other"},
        {"jti": ""},
        {"exp": "9999999999"},
        {"exp": 9999999999.5},
        {"exp": None},
        {"exp": True},
        {"iat": None},
        {"tenants": "all"},
        {"nbf": 9999999999},
        {"aud": "other"},
    ],
    ids=str,
)
def test_wrong_claims_are_refused(world: World, run: Run[Any], change: dict[str, object]) -> None:
    """Even a rightly signed token is refused when a claim is missing, of another type, unknown or of another session."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        claims = {**claims_of(issued.token, world), **change}
        await require_refused(world.tokens, signed(world, claims), world.now_ms)
        del claims[next(iter(change))]
        if len(claims) < 9:
            await require_refused(world.tokens, signed(world, claims), world.now_ms)

    run(scenario())


def test_token_of_another_users_session_is_refused(world: World, run: Run[Any]) -> None:
    """One user's ``sub`` with another's ``sid`` proves neither."""

    async def scenario() -> None:
        one, other = await world.begin(await world.user()), await world.begin(await world.user())
        mixed = {**claims_of(one.token, world), "sub": claims_of(other.token, world)["sub"]}
        await require_refused(world.tokens, signed(world, mixed), world.now_ms)

    run(scenario())


@pytest.mark.parametrize("text", ["", "eyJ", "eyJ.a", "a.b.c", "eyJ.a.b.c", "sk_live_" + "0" * 36])
def test_other_credentials_have_not_the_shape(text: str) -> None:
    """What is no compact JWT is not taken for a session token."""
    assert not has_session_token_shape(text)
