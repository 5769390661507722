"""The guarantees of ``credentials/session_token.py``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from credentials.world import ABSOLUTE_TTL_SECONDS, GRACE_SECONDS, ISSUER, TTL_SECONDS, Run, World
from watchword.credentials.compact_jws import encode_segment, sign_compact
from watchword.credentials.key_ring import KeyRing, SigningKey
from watchword.credentials.session_token import (
    SESSION_TOKEN_TYPE,
    TENANTS_IN_TOKEN_MAX,
    IssuedToken,
    SessionClaims,
    SessionTokens,
    has_session_token_shape,
)
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.errors import ExpiredSessionTokenError, NotAuthenticatedError, UnavailableError


def _claims_of(token: str, world: World) -> dict[str, Any]:
    key = OctKey.import_key(world.key_ring.current_session_key().secret)
    return jwt.decode(token, key, algorithms=["HS256"]).claims


def _signed(world: World, claims: object, **header: object) -> str:
    """Sign anything with the right key, under our header with changes."""
    key = world.key_ring.current_session_key()
    members: dict[str, object] = {"alg": "HS256", "typ": SESSION_TOKEN_TYPE, "kid": key.id, **header}
    segment = encode_segment(json.dumps(members, separators=(",", ":")).encode())
    return sign_compact(json.dumps(claims).encode(), header=segment, secret=key.secret)


async def _refused(tokens: SessionTokens, token: str, now_ms: int) -> None:
    with pytest.raises(NotAuthenticatedError):
        await tokens.prove(token, now_ms)
    with pytest.raises(NotAuthenticatedError):
        await tokens.refresh(token, now_ms)


# What a good token proves


def test_token_proves_its_user(each_world: World, run: Run[Any]) -> None:
    """A token proves the user, the session and the memberships, oldest first, with what each tenant allows."""

    async def scenario() -> None:
        first = await each_world.tenant(plan="pro", allowed_origins=("https://shop.example",), requests_per_minute=8)
        second = await each_world.tenant()
        user_id = await each_world.user(first, second)
        issued = await each_world.begin(user_id)
        for _ in range(2):
            proof = await each_world.tokens.prove(issued.token, each_world.now_ms)
            assert (proof.user_id, proof.session_id) == (user_id, issued.session_id)
            assert (proof.email, proof.name, proof.is_super_admin) == (f"{user_id}@example.com", "Mina", False)
            assert [membership.tenant_id for membership in proof.memberships] == [first, second]
            assert proof.memberships[0].allowed_origins == ("https://shop.example",)
            assert (proof.memberships[0].plan, proof.memberships[0].role) == ("pro", "tenant-editor")
            assert (proof.memberships[0].requests_per_minute, proof.memberships[0].requests_per_hour) == (8, None)
            assert proof.memberships[1].slug == second.replace("_", "-")
            assert proof.expires_at_s == issued.expires_at_s == each_world.now_ms // 1000 + TTL_SECONDS

    run(scenario())


def test_token_is_a_jwt_of_the_documents_shape(world: World, run: Run[Any]) -> None:
    """Any JOSE library reads the claims, and the text begins as the document prints it."""

    async def scenario() -> None:
        tenant_id = await world.tenant()
        issued = await world.begin(await world.user(tenant_id))
        assert issued.token.startswith("eyJhbGciOiJIUzI1NiIs")
        assert has_session_token_shape(issued.token)
        claims = _claims_of(issued.token, world)
        assert set(claims) == {"iss", "sub", "sid", "jti", "email", "role", "tenants", "iat", "exp"}
        assert (claims["iss"], claims["role"], claims["tenants"]) == (ISSUER, "tenant-editor", [tenant_id])

    run(scenario())


def test_super_admin_is_named(world: World, run: Run[Any]) -> None:
    """A super-admin is one in the proof and in the claim, without any tenant."""

    async def scenario() -> None:
        issued = await world.begin(await world.user(is_super_admin=True))
        proof = await world.tokens.prove(issued.token, world.now_ms)
        assert proof.is_super_admin
        assert proof.memberships == ()
        assert _claims_of(issued.token, world)["role"] == "super-admin"

    run(scenario())


def test_member_of_very_many_tenants_can_log_in(world: World, run: Run[Any]) -> None:
    """However many tenants a user has, the token stays short enough to be taken."""

    async def scenario() -> None:
        user_id = await world.user(*[await world.tenant() for _ in range(TENANTS_IN_TOKEN_MAX + 5)])
        issued = await world.begin(user_id)
        proof = await world.tokens.prove(issued.token, world.now_ms)
        assert len(proof.memberships) == TENANTS_IN_TOKEN_MAX + 5
        assert len(_claims_of(issued.token, world)["tenants"]) == TENANTS_IN_TOKEN_MAX

    run(scenario())


def test_token_is_hidden_in_logs(world: World, run: Run[Any]) -> None:
    """Printing what was issued does not print the token, nor does a key print its secret."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        assert issued.token not in repr(issued)
        assert issued.token.split(".")[2] not in repr(issued)

    run(scenario())


def test_database_holds_no_token_and_no_sid(each_world: World, run: Run[Any]) -> None:
    """What is stored of a session is not enough to name it in a token (the ``sid`` stands as a hash only)."""

    async def scenario() -> None:
        issued = await each_world.begin(await each_world.user())
        rows = await each_world.database.fetch_rows(Statement("SELECT * FROM sessions"))
        sid = _claims_of(issued.token, each_world)["sid"]
        assert len(sid) >= 22
        assert sid not in str(rows)
        assert sid.encode() not in b"".join(value for value in rows[0] if isinstance(value, bytes))

    run(scenario())


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
    tokens = SessionTokens(
        nothing, nothing, KeyRing([key]), nothing, issuer=ISSUER, ttl_seconds=1, absolute_ttl_seconds=1
    )
    header = {"alg": "HS256", "typ": SESSION_TOKEN_TYPE, "kid": "sig_1"}
    ours = sign_compact(
        msgspec.json.encode(claims),
        header=encode_segment(json.dumps(header, separators=(",", ":")).encode()),
        secret=key.secret,
    )
    decoded = jwt.decode(ours, OctKey.import_key(key.secret), algorithms=["HS256"])
    assert decoded.header == header
    assert tokens._require_claims(ours.encode(), 0) == claims
    assert decoded.claims == {**msgspec.to_builtins(claims), "tenants": list(claims.tenants)}


# Attacks on the token's text


def _attacks() -> list[Any]:
    return [
        pytest.param(make, id=name)
        for name, make in {
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
            "alg RS256": lambda token, world: _signed(world, _claims_of(token, world), alg="RS256"),
            "alg HS512": lambda token, world: _signed(world, _claims_of(token, world), alg="HS512"),
            "alg HS384 by joserfc": lambda token, world: _by_joserfc(token, world, "HS384"),
            "alg HS512 by joserfc": lambda token, world: _by_joserfc(token, world, "HS512"),
            "alg lower case": lambda token, world: _signed(world, _claims_of(token, world), alg="hs256"),
            "typ JWT": lambda token, world: _signed(world, _claims_of(token, world), typ="JWT"),
            "typ at+jwt": lambda token, world: _signed(world, _claims_of(token, world), typ="at+jwt"),
            "typ in capitals": lambda token, world: _signed(
                world, _claims_of(token, world), typ=SESSION_TOKEN_TYPE.upper()
            ),
            "kid empty": lambda token, world: _signed(world, _claims_of(token, world), kid=""),
            "kid null": lambda token, world: _signed(world, _claims_of(token, world), kid=None),
            "kid unknown": lambda token, world: _signed(world, _claims_of(token, world), kid="sig_0"),
            "kid a path": lambda token, world: _signed(world, _claims_of(token, world), kid="../../../../dev/null"),
            "kid SQL": lambda token, world: _signed(world, _claims_of(token, world), kid="' OR '1'='1"),
            "kid with NUL": lambda token, world: _signed(world, _claims_of(token, world), kid=_kid(world) + "\0"),
            "crit": lambda token, world: _signed(world, _claims_of(token, world), crit=["exp"]),
            "jwk": lambda token, world: _signed(world, _claims_of(token, world), jwk={"kty": "oct", "k": "AAAA"}),
            "jku": lambda token, world: _signed(world, _claims_of(token, world), jku="https://evil.example/jwks"),
            "x5u": lambda token, world: _signed(world, _claims_of(token, world), x5u="https://evil.example/x5u"),
            "b64 false": lambda token, world: _signed(world, _claims_of(token, world), b64=False),
            "zip": lambda token, world: _signed(world, _claims_of(token, world), zip="DEF"),
            "header with a space": lambda token, world: _raw_header(
                token, world, b'{"alg": "HS256","typ":"%s","kid":"%s"}'
            ),
            "header member twice": lambda token, world: _raw_header(
                token, world, b'{"alg":"HS256","alg":"HS256","typ":"%s","kid":"%s"}'
            ),
            "header alg none twice": lambda token, world: _raw_header(
                token, world, b'{"alg":"none","alg":"HS256","typ":"%s","kid":"%s"}'
            ),
            "header in another order": lambda token, world: _raw_header(
                token, world, b'{"typ":"%s","kid":"%s","alg":"HS256"}'
            ),
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
            "claims not an object": lambda token, world: _signed(world, [1]),
            "claims null": lambda token, world: _signed(world, None),
        }.items()
    ]


def _kid(world: World) -> str:
    return world.key_ring.current_session_key().id


def _with_header(token: str, header: dict[str, str], *, signature: str) -> str:
    return f"{encode_segment(json.dumps(header).encode()).decode()}.{token.split('.')[1]}.{signature}"


def _raw_header(token: str, world: World, template: bytes) -> str:
    key = world.key_ring.current_session_key()
    header = template % (SESSION_TOKEN_TYPE.encode(), key.id.encode())
    return sign_compact(json.dumps(_claims_of(token, world)).encode(), header=encode_segment(header), secret=key.secret)


def _by_joserfc(token: str, world: World, algorithm: str) -> str:
    key = world.key_ring.current_session_key()
    encoded: str = jwt.encode(
        {"alg": algorithm, "typ": SESSION_TOKEN_TYPE, "kid": key.id},
        _claims_of(token, world),
        OctKey.import_key(key.secret),
        algorithms=[algorithm],
    )
    return encoded


def _next_character(character: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) ^ 1]


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("attack", _attacks())
def test_attack_on_the_text_is_refused(world: World, run: Run[Any], attack: Callable[[str, World], str]) -> None:
    """A token that differs from ours in anything is refused, to prove and to refresh, and the good one lives on."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        forged = attack(issued.token, world)
        assert forged != issued.token
        await _refused(world.tokens, forged, world.now_ms)
        await world.tokens.prove(issued.token, world.now_ms)
        await _refused(world.tokens, forged, world.now_ms)

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
        foreign = KeyRing([SigningKey(_kid(world), b"f" * 32)])
        forged = await world.begin(user_id, world.session_tokens(key_ring=foreign))
        await _refused(world.tokens, forged.token, world.now_ms)

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
        claims = {**_claims_of(issued.token, world), **change}
        await _refused(world.tokens, _signed(world, claims), world.now_ms)
        del claims[next(iter(change))]
        if len(claims) < 9:
            await _refused(world.tokens, _signed(world, claims), world.now_ms)

    run(scenario())


def test_token_of_another_users_session_is_refused(world: World, run: Run[Any]) -> None:
    """One user's ``sub`` with another's ``sid`` proves neither."""

    async def scenario() -> None:
        one, other = await world.begin(await world.user()), await world.begin(await world.user())
        mixed = {**_claims_of(one.token, world), "sub": _claims_of(other.token, world)["sub"]}
        await _refused(world.tokens, _signed(world, mixed), world.now_ms)

    run(scenario())


@pytest.mark.parametrize("text", ["", "eyJ", "eyJ.a", "a.b.c", "eyJ.a.b.c", "sk_live_" + "0" * 36])
def test_other_credentials_have_not_the_shape(text: str) -> None:
    """What is no compact JWT is not taken for a session token."""
    assert not has_session_token_shape(text)


# Time


@pytest.mark.parametrize("is_remembered", [True, False])
def test_token_ends_exactly_at_exp(world: World, run: Run[Any], is_remembered: bool) -> None:  # noqa: FBT001 - a row
    """A token is good until the millisecond before ``exp`` and expired at it and after it (RFC 7519 §4.1.4)."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        exp_ms = issued.expires_at_s * 1000
        if is_remembered:
            await world.tokens.prove(issued.token, world.now_ms)
        tokens = world.tokens
        for now_ms in (exp_ms - 1000, exp_ms - 1):
            await tokens.prove(issued.token, now_ms)
        for now_ms in (exp_ms, exp_ms + 1, exp_ms + 1000):
            tokens = tokens if is_remembered else world.session_tokens()
            with pytest.raises(ExpiredSessionTokenError):
                await tokens.prove(issued.token, now_ms)
            with pytest.raises(ExpiredSessionTokenError):
                await tokens.refresh(issued.token, now_ms)

    run(scenario())


def test_expired_token_is_expired_each_time(world: World, run: Run[Any]) -> None:
    """An expired token is refused from memory as it was the first time."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        for _ in range(3):
            with pytest.raises(ExpiredSessionTokenError):
                await world.tokens.prove(issued.token, issued.expires_at_s * 1000)

    run(scenario())


@pytest.mark.parametrize("is_remembered", [True, False])
def test_clock_a_day_back_refuses(world: World, run: Run[Any], is_remembered: bool) -> None:  # noqa: FBT001 - a row
    """A token issued beyond the skew of nodes ahead of the clock is refused; inside the skew it is taken."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        if is_remembered:
            await world.tokens.prove(issued.token, world.now_ms)
        await world.tokens.prove(issued.token, world.now_ms - 60_000)
        with pytest.raises(NotAuthenticatedError):
            await world.tokens.prove(issued.token, world.now_ms - 60_001)
        await _refused(world.session_tokens(), issued.token, world.now_ms - 86_400_000)

    run(scenario())


def test_session_ends_at_its_absolute_limit(world: World, run: Run[Any]) -> None:
    """However often it is refreshed, a session ends at its limit, and no token outlives it (ASVS 7.3.2)."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        end_s = world.now_ms // 1000 + ABSOLUTE_TTL_SECONDS
        while issued.expires_at_s < end_s:
            world.clock.set_now(issued.expires_at_s * 1000 - 1)
            issued = await world.tokens.refresh(issued.token, world.now_ms)
        assert issued.expires_at_s == end_s
        await world.tokens.prove(issued.token, end_s * 1000 - 1)
        await _refused(world.tokens, issued.token, end_s * 1000)
        await _refused(world.session_tokens(), issued.token, end_s * 1000)

    run(scenario())


# Refresh


def test_refresh_gives_a_new_token_of_the_same_session(world: World, run: Run[Any]) -> None:
    """A refresh keeps the session and makes a token with a later end and another ``jti``."""

    async def scenario() -> None:
        old = await world.begin(await world.user())
        world.clock.advance(5000)
        new = await world.tokens.refresh(old.token, world.now_ms)
        assert new.session_id == old.session_id
        assert new.expires_at_s == old.expires_at_s + 5
        assert _claims_of(new.token, world)["jti"] != _claims_of(old.token, world)["jti"]
        assert (await world.tokens.prove(new.token, world.now_ms)).session_id == old.session_id

    run(scenario())


@pytest.mark.parametrize("is_remembered", [True, False])
def test_old_token_lives_exactly_for_the_grace(
    each_world: World,
    run: Run[Any],
    is_remembered: bool,  # noqa: FBT001 - a row
) -> None:
    """After a refresh the old token works until the last millisecond of the grace, and never again."""

    async def scenario() -> None:
        old = await each_world.begin(await each_world.user())
        await each_world.tokens.prove(old.token, each_world.now_ms)
        await each_world.tokens.refresh(old.token, each_world.now_ms)
        end_ms = each_world.now_ms + GRACE_SECONDS * 1000
        tokens = each_world.tokens
        for now_ms in (end_ms - 1000, end_ms - 1):
            await tokens.prove(old.token, now_ms)
        for now_ms in (end_ms, end_ms + 1, old.expires_at_s * 1000, old.expires_at_s * 1000 + 1):
            await _refused(tokens if is_remembered else each_world.session_tokens(), old.token, now_ms)

    run(scenario())


def test_repeat_inside_the_grace_gives_the_same_token(each_world: World, run: Run[Any]) -> None:
    """A client that did not hear the answer asks again with the old token and gets the same new one."""

    async def scenario() -> None:
        old = await each_world.begin(await each_world.user())
        new = await each_world.tokens.refresh(old.token, each_world.now_ms)
        each_world.clock.advance(GRACE_SECONDS * 1000 - 1)
        assert await each_world.tokens.refresh(old.token, each_world.now_ms) == new
        each_world.clock.advance(1)
        await _refused(each_world.tokens, old.token, each_world.now_ms)

    run(scenario())


def test_fifty_parallel_refreshes_make_one_token(each_world: World, run: Run[Any]) -> None:
    """Of 50 parallel refreshes of one token, from two processes, all get one and the same new token."""

    async def scenario() -> None:
        old = await each_world.begin(await each_world.user())
        other = each_world.session_tokens()
        calls = (tokens.refresh(old.token, each_world.now_ms) for tokens in (each_world.tokens, other) * 25)
        answers: list[IssuedToken] = await asyncio.gather(*calls)
        assert len({answer.token for answer in answers}) == 1
        assert answers[0].token != old.token

    run(scenario())


def test_no_grace_means_one_winner(each_world: World, run: Run[Any]) -> None:
    """With a grace of zero exactly one of the parallel refreshes gets the new token."""

    async def scenario() -> None:
        tokens = each_world.session_tokens(grace_seconds=0)
        old = await each_world.begin(await each_world.user(), tokens)
        calls = (tokens.refresh(old.token, each_world.now_ms) for _ in range(50))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(answer, IssuedToken) for answer in answers) == 1
        assert sum(isinstance(answer, NotAuthenticatedError) for answer in answers) == 49

    run(scenario())


def test_second_refresh_retires_the_token_before_last(world: World, run: Run[Any]) -> None:
    """Only the token just replaced has a grace."""

    async def scenario() -> None:
        first = await world.begin(await world.user())
        second = await world.tokens.refresh(first.token, world.now_ms)
        third = await world.tokens.refresh(second.token, world.now_ms)
        await _refused(world.tokens, first.token, world.now_ms)
        await world.tokens.prove(second.token, world.now_ms)
        await world.tokens.prove(third.token, world.now_ms)

    run(scenario())


# Withdrawal


def test_ended_session_kills_every_token(each_world: World, run: Run[Any]) -> None:
    """After the end the current and the replaced token are refused, here, in a second process and after a restart."""

    async def scenario() -> None:
        old = await each_world.begin(await each_world.user())
        new = await each_world.tokens.refresh(old.token, each_world.now_ms)
        second = each_world.session_tokens()
        for tokens in (each_world.tokens, second):
            await tokens.prove(old.token, each_world.now_ms)
            await tokens.prove(new.token, each_world.now_ms)
        assert await each_world.end(new.session_id)
        for tokens in (each_world.tokens, second, each_world.session_tokens()):
            await _refused(tokens, old.token, each_world.now_ms)
            await _refused(tokens, new.token, each_world.now_ms)
        assert not await each_world.end(new.session_id)

    run(scenario())


def test_ended_session_is_401_even_when_expired(world: World, run: Run[Any]) -> None:
    """A token of an ended session never gets the invitation to refresh, also after its ``exp``."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        await world.end(issued.session_id)
        await _refused(world.tokens, issued.token, issued.expires_at_s * 1000 + 1)

    run(scenario())


def test_end_of_all_sessions_spares_others_and_the_named_one(each_world: World, run: Run[Any]) -> None:
    """All sessions of the user end but the one that is named; another user's live on."""

    async def scenario() -> None:
        user_id = await each_world.user()
        kept, ended, other = (
            await each_world.begin(user_id),
            await each_world.begin(user_id),
            await each_world.begin(await each_world.user()),
        )
        for issued in (kept, ended, other):
            await each_world.tokens.prove(issued.token, each_world.now_ms)
        count = await each_world.database.transaction(
            lambda tx: each_world.tokens.end_all(tx, user_id, each_world.now_ms, except_session_id=kept.session_id)
        )
        assert count == 1
        await each_world.tokens.prove(kept.token, each_world.now_ms)
        await each_world.tokens.prove(other.token, each_world.now_ms)
        await _refused(each_world.tokens, ended.token, each_world.now_ms)
        assert (
            await each_world.database.transaction(lambda tx: each_world.tokens.end_all(tx, user_id, each_world.now_ms))
            == 1
        )
        await _refused(each_world.tokens, kept.token, each_world.now_ms)

    run(scenario())


def test_rolled_back_end_ends_nothing(world: World, run: Run[Any]) -> None:
    """A transaction that fails after ending a session leaves the session alive."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())

        async def work(tx: Transaction) -> None:
            await world.tokens.end(tx, issued.session_id, world.now_ms)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await world.database.transaction(work)
        await world.tokens.prove(issued.token, world.now_ms)

    run(scenario())


def test_disabled_user_is_refused(each_world: World, run: Run[Any]) -> None:
    """A user who is disabled is refused at the next request, cannot refresh and cannot begin a session."""

    async def scenario() -> None:
        user_id = await each_world.user()
        issued = await each_world.begin(user_id)
        await each_world.tokens.prove(issued.token, each_world.now_ms)
        await each_world.change(
            "UPDATE users SET disabled_at = 1 WHERE id = $1", user_id, withdraw=(f"user:{user_id}",)
        )
        await _refused(each_world.tokens, issued.token, each_world.now_ms)
        await _refused(each_world.tokens, issued.token, issued.expires_at_s * 1000)
        with pytest.raises(NotAuthenticatedError):
            await each_world.begin(user_id)
        assert len(await each_world.database.fetch_rows(Statement("SELECT id FROM sessions"))) == 1

    run(scenario())


def test_deleted_user_is_refused(world: World, run: Run[Any]) -> None:
    """A user who is deleted takes the sessions along."""

    async def scenario() -> None:
        user_id = await world.user()
        issued = await world.begin(user_id)
        await world.tokens.prove(issued.token, world.now_ms)
        await world.change("DELETE FROM users WHERE id = $1", user_id, withdraw=(f"user:{user_id}",))
        await _refused(world.tokens, issued.token, world.now_ms)

    run(scenario())


def test_change_of_membership_is_in_force_at_once(each_world: World, run: Run[Any]) -> None:
    """A new role, a lost membership and a disabled tenant show on the next request with the same token."""

    async def scenario() -> None:
        first, second = await each_world.tenant(), await each_world.tenant()
        user_id = await each_world.user(first, second)
        token = (await each_world.begin(user_id)).token

        async def memberships() -> list[tuple[str, str]]:
            proof = await each_world.tokens.prove(token, each_world.now_ms)
            return [(membership.tenant_id, membership.role) for membership in proof.memberships]

        assert await memberships() == [(first, "tenant-editor"), (second, "tenant-editor")]
        await each_world.change(
            "UPDATE memberships SET role = 'tenant-viewer' WHERE tenant_id = $1", first, withdraw=(f"user:{user_id}",)
        )
        assert await memberships() == [(first, "tenant-viewer"), (second, "tenant-editor")]
        await each_world.change("DELETE FROM memberships WHERE tenant_id = $1", first, withdraw=(f"user:{user_id}",))
        assert await memberships() == [(second, "tenant-editor")]
        await each_world.change(
            "UPDATE tenants SET disabled_at = 1 WHERE id = $1", second, withdraw=(f"tenant:{second}",)
        )
        assert await memberships() == []
        await each_world.change(
            "UPDATE tenants SET disabled_at = NULL WHERE id = $1", second, withdraw=(f"tenant:{second}",)
        )
        assert await memberships() == [(second, "tenant-editor")]

    run(scenario())


def test_withdrawal_by_another_process_is_in_force_here(world: World, run: Run[Any], tmp_path: Path) -> None:
    """A process that shares only the file of generations drops a proof that it remembers."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        await world.tokens.prove(issued.token, world.now_ms)
        other = Generations(tmp_path / "generations")
        await world.change("UPDATE sessions SET ended_at = 1")  # as if by another process: nothing is told here
        await world.tokens.prove(issued.token, world.now_ms)
        other.bump((f"session:{issued.session_id}",))
        await _refused(world.tokens, issued.token, world.now_ms)
        other.close()

    run(scenario())


def test_nothing_remembered_is_used_without_news(world: World, run: Run[Any]) -> None:
    """While news of withdrawals does not arrive, each request asks the database."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        await world.tokens.prove(issued.token, world.now_ms)
        await world.change("UPDATE sessions SET ended_at = 1")
        world.generations.set_trusted(False)
        await _refused(world.tokens, issued.token, world.now_ms)

    run(scenario())


def test_dead_database_is_no_success(each_world: World, run: Run[Any]) -> None:
    """Without the database a token that is not remembered gets 503, and so does every refresh; a forged one gets 401."""

    async def scenario() -> None:
        issued = await each_world.begin(await each_world.user())
        await each_world.database.close()
        with pytest.raises(UnavailableError):
            await each_world.tokens.prove(issued.token, each_world.now_ms)
        with pytest.raises(UnavailableError):
            await each_world.tokens.refresh(issued.token, each_world.now_ms)
        await _refused(each_world.tokens, issued.token + "A", each_world.now_ms)

    run(scenario())


def test_retired_key_ends_its_tokens(world: World, run: Run[Any]) -> None:
    """A token ends with the key that signed it, also while it is remembered."""

    async def scenario() -> None:
        signing = world.key_ring.current_session_key()
        end_ms = world.now_ms + 10_000
        newer = SigningKey("sig_newer", b"n" * 32)
        ring = KeyRing([SigningKey(signing.id, signing.secret, end_ms), newer])
        issued = await world.begin(await world.user())
        tokens = world.session_tokens(key_ring=ring)
        await tokens.prove(issued.token, end_ms - 1)
        for asked in (tokens, world.session_tokens(key_ring=ring)):
            await _refused(asked, issued.token, end_ms)
        newest = await tokens.refresh(issued.token, end_ms - 1)
        await tokens.prove(newest.token, end_ms)

    run(scenario())


def test_what_the_client_says_of_itself_is_bounded(each_world: World, run: Run[Any]) -> None:
    """A user agent of any length or content is stored short and printable."""

    async def scenario() -> None:
        user_id = await each_world.user()
        await each_world.database.transaction(
            lambda tx: each_world.tokens.begin(
                tx, user_id, now_ms=each_world.now_ms, address="2001:db8::1", user_agent="a\0b\x1b[31m" + "x" * 10_000
            )
        )
        [row] = await each_world.database.fetch_rows(Statement("SELECT user_agent, address FROM sessions"))
        assert len(row[0]) == 300
        assert row[0].isprintable()
        assert row[1] == "2001:db8::1"

    run(scenario())
