"""ID tokens say who signed in, when and how, are verified offline, and serve as hints and as nothing else."""

from __future__ import annotations

import base64
import json
from hashlib import sha256, sha512
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from grants_rig import change
from oauth_flow import Flow
from support import SetClock
from watchword.credentials.signing import SigningAlgorithm
from watchword.oauth_errors import InvalidOAuthRequestError
from world import Api

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # for the name Ed25519 (RFC 9864)

ALGORITHMS: tuple[SigningAlgorithm, ...] = ("EdDSA", "ES256", "RS256")


async def verified(flow: Flow, token: str) -> jwt.Token:
    """Verify a token by the tenant's published keys alone, as a client does."""
    keys = KeySet.import_key_set((await flow.api.call("GET", f"/t/{flow.client.tenant_slug}/oauth/jwks")).json())
    return jwt.decode(token, keys, algorithms=list(ALGORITHMS))


async def claims(flow: Flow, who: str = "editor_a", **changes: object) -> dict[str, Any]:
    return (await verified(flow, (await flow.tokens(who, **changes))["id_token"])).claims


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_an_id_token_is_verified_offline(api: Api, clock: SetClock, algorithm: SigningAlgorithm) -> None:
    """Joserfc verifies it by the JWK Set, and its claims are those of OpenID Connect Core §2 and §3.1.3.6."""
    flow = await Flow.begin(api, signing_algorithm=algorithm)
    tokens = await flow.tokens(nonce="n-0S6_WzA2Mj")
    token = await verified(flow, tokens["id_token"])
    assert (token.header["alg"], token.header["typ"]) == (algorithm, "JWT")
    now_s = clock.now_ms() // 1000
    digest = (sha512 if algorithm == "EdDSA" else sha256)(tokens["access_token"].encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    assert token.claims == {
        "iss": flow.resource.removesuffix("/api"),
        "sub": api.world.users["editor_a"],
        "aud": flow.client.id,
        "azp": flow.client.id,
        "exp": now_s + 3_600,
        "iat": now_s,
        "auth_time": now_s - 5,
        "nonce": "n-0S6_WzA2Mj",
        "at_hash": half,
        "sid": api.world.sessions["editor_a"],
        "amr": ["pwd"],
        "name": "editor_a",
        "email": "editor.a@example.com",
        "email_verified": True,
    }


async def test_how_somebody_signed_in_is_told_and_no_more(sqlite_api: Api) -> None:
    """``amr`` says that it was a password (RFC 8176 §2); no ``acr`` claims a level that nobody has measured.

    OpenID Connect Core §3.1.2.1 and §5.5.1.1 let a client wish for one by ``acr_values``, which is then not met.
    """
    told = await claims(await Flow.begin(sqlite_api))
    assert (told["amr"], "acr" in told) == (["pwd"], False)


async def test_no_more_is_told_than_allowed(api: Api) -> None:
    """With ``openid`` alone it names the user and tells neither name nor address (OpenID Connect Core §5.4)."""
    told = await claims(await Flow.begin(api), scopes=("openid",))
    assert told.keys().isdisjoint({"name", "email", "email_verified", "nonce"})


async def test_a_sign_in_without_a_session_has_no_sid(api: Api) -> None:
    """What there is not is left out rather than empty."""
    assert "sid" not in await claims(await Flow.begin(api), session_id=None)


async def test_a_refreshed_id_token_tells_of_the_first_sign_in(api: Api, clock: SetClock) -> None:
    """Issuer, subject, audience and ``auth_time`` stay, ``iat`` moves on (OpenID Connect Core §12.2)."""
    flow = await Flow.begin(api)
    first = await flow.tokens(nonce="n-1")
    clock.advance(60_000)
    second = (await flow.refresh(first["refresh_token"])).json()
    before, after = [(await verified(flow, tokens["id_token"])).claims for tokens in (first, second)]
    same = {"iss", "sub", "aud", "azp", "auth_time", "sid", "amr"}
    assert {name: before[name] for name in same} == {name: after[name] for name in same}
    assert after["iat"] == before["iat"] + 60
    assert after["at_hash"] != before["at_hash"]
    assert "nonce" not in after


async def test_every_tenant_signs_with_keys_of_its_own(api: Api) -> None:
    """One tenant's ID token does not verify with another's keys, and names its own issuer."""
    ours, theirs = await Flow.begin(api), await Flow.begin(api, tenant="b")
    told = await claims(theirs, who="editor_b")
    assert told["iss"].endswith("/t/tenant-b")
    with pytest.raises((JoseError, ValueError)):
        await verified(ours, (await theirs.tokens(who="editor_b"))["id_token"])


# As a hint


async def test_a_hint_is_read_back(api: Api, clock: SetClock) -> None:
    """It names whom it was about and told to whom, also when it has long expired (OpenID Connect Core §3.1.2.1)."""
    flow = await Flow.begin(api)
    token = (await flow.tokens())["id_token"]
    clock.advance(7 * 86_400_000)
    hint = await api.application.oauth.id_tokens.read_hint(token, clock.now_ms())
    assert (hint.tenant_id, hint.client_id) == (flow.client.tenant_id, flow.client.id)
    assert (hint.user_id, hint.session_id) == (api.world.users["editor_a"], api.world.sessions["editor_a"])
    assert hint.issuer == flow.resource.removesuffix("/api")


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def forged(token: str) -> dict[str, str]:
    """Return what attackers make of an ID token, by name."""
    header, payload, signature = token.split(".")
    fields = json.loads(base64.urlsafe_b64decode(header + "=="))
    told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {
        "no algorithm": f"{segment({**fields, 'alg': 'none'})}.{payload}.",
        "no signature": f"{header}.{payload}.",
        "another algorithm": f"{segment({**fields, 'alg': 'HS256'})}.{payload}.{signature}",
        "another type": f"{segment({**fields, 'typ': 'at+jwt'})}.{payload}.{signature}",
        "another key": f"{segment({**fields, 'kid': 'sig_unknown'})}.{payload}.{signature}",
        "a key of its own": f"{segment({**fields, 'jwk': {'kty': 'oct', 'k': 'AA'}})}.{payload}.{signature}",
        "another subject": f"{header}.{segment({**told, 'sub': 'usr_other'})}.{signature}",
        "spare bits": f"{header}.{payload}.{signature[:-1]}{'B' if signature[-1] == 'A' else 'A'}",
        "padding": f"{token}=",
        "a fourth part": f"{token}.x",
        "no token": "x",
        "nothing": "",
        "not ASCII": "é.é.é",
        "too long": token + "A" * 9_000,
    }


async def test_a_forged_hint_is_refused(api: Api, clock: SetClock) -> None:
    """Whatever is changed of it, header, claims or signature (RFC 8725 §2.1, §3.1)."""
    flow = await Flow.begin(api)
    for token in forged((await flow.tokens())["id_token"]).values():
        with pytest.raises(InvalidOAuthRequestError):
            await api.application.oauth.id_tokens.read_hint(token, clock.now_ms())


async def test_a_hint_outlives_its_key(api: Api, clock: SetClock) -> None:
    """Who kept an ID token for months still names its user with it, though its key is published no more (§3.1.2.1)."""
    flow = await Flow.begin(api)
    tokens = await flow.tokens()
    await api.application.oauth.signing_keys.rotate(flow.client.tenant_id, None, now_ms=clock.now_ms())
    clock.advance(90 * 86_400_000)
    hint = await api.application.oauth.id_tokens.read_hint(tokens["id_token"], clock.now_ms())
    assert hint.user_id == api.world.users["editor_a"]
    [published] = (await api.call("GET", "/t/tenant-a/oauth/jwks")).json()["keys"]
    assert published["kid"] != json.loads(base64.urlsafe_b64decode(tokens["id_token"].split(".")[0] + "=="))["kid"]
    for token in forged(tokens["id_token"]).values():
        with pytest.raises(InvalidOAuthRequestError):
            await api.application.oauth.id_tokens.read_hint(token, clock.now_ms())


async def test_a_hint_of_a_replaced_key_is_refused(api: Api, clock: SetClock) -> None:
    """A key that was deleted vouches for nothing."""
    flow = await Flow.begin(api)
    token = (await flow.tokens())["id_token"]
    await change(api.application.database, "DELETE FROM oauth_signing_keys")
    with pytest.raises(InvalidOAuthRequestError):
        await api.application.oauth.id_tokens.read_hint(token, clock.now_ms())
