"""Clients that prove themselves by a signed assertion (RFC 7523), and every way in which one must not count."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from oauth_keys import ASSERTION_TYPE, NOW_S, ClientKey, segment, signed_with_public_key, unsigned
from oauth_world import SECRET, add_client, basic, disable_client
from support import SetClock
from watchword.credentials.foreign_jwt import FUTURE_SECONDS_MAX
from watchword.oauth.models import ClientSettings
from world import Api

KEY = ClientKey("ES256", kid="one")
FORM = {"content-type": "application/x-www-form-urlencoded"}


def settings(*keys: ClientKey, **changes: Any) -> ClientSettings:  # noqa: ANN401 - settings of any kind
    return ClientSettings(
        authentication_method="private_key_jwt", jwks={"keys": [key.jwk for key in keys or (KEY,)]}, **changes
    )


@pytest.fixture
async def keyed(api: Api) -> str:
    """A client of tenant a that proves itself by KEY."""
    return await add_client(api.application, api.world.tenants["a"], settings=settings())


def issuer(api: Api) -> str:
    return f"{api.application.settings.url}/t/tenant-a"


async def ask(
    api: Api, assertion: str, *, path: str = "/oauth/token", headers: dict[str, str] | None = None, **fields: str
) -> httpx.Response:
    """Ask for a token with an assertion."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **fields,
    }
    return await api.call("POST", path, content=urlencode(form).encode(), headers={**FORM, **(headers or {})})


def require_refused(answer: httpx.Response) -> None:
    """Hold the one answer for all that is wrong (RFC 6749 §5.2)."""
    assert answer.status_code == 401, answer.text
    assert answer.json() == {"error": "invalid_client", "error_description": "Client authentication failed"}


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519", "ES256", "PS256", "RS256"])
async def test_each_algorithm_proves_its_client(api: Api, algorithm: str) -> None:
    """A client is proved by a signature of each asymmetric algorithm, without naming itself beside it (RFC 7521 §4.2)."""
    key = ClientKey(algorithm)
    client = await add_client(api.application, api.world.tenants["a"], settings=settings(key))
    answer = await ask(api, key.assertion(client, issuer(api)))
    assert answer.status_code == 200, answer.text
    read = await api.call(
        "GET", "/api/products?limit=1", headers={"authorization": f"Bearer {answer.json()['access_token']}"}
    )
    assert read.status_code == 200


@pytest.mark.parametrize(
    "audience", ["{issuer}", "{issuer}/oauth/token", "{url}/oauth/token", ["{issuer}", "{issuer}/oauth/token"]], ids=str
)
async def test_each_of_our_names_is_an_audience(api: Api, keyed: str, audience: str | list[str]) -> None:
    """The issuer and its token endpoint may be the audience, alone or together (RFC 7523 §3)."""
    names = {"issuer": issuer(api), "url": api.application.settings.url}
    filled = audience.format(**names) if isinstance(audience, str) else [one.format(**names) for one in audience]
    assert (await ask(api, KEY.assertion(keyed, filled))).status_code == 200


async def test_the_other_key_of_a_rotation_proves_too(api: Api) -> None:
    """Of several keys the one that the assertion names counts, and without a name any (RFC 7515 §4.1.4)."""
    other = ClientKey("ES256", kid="two")
    client = await add_client(api.application, api.world.tenants["a"], settings=settings(KEY, other))
    for header in ({"kid": "two"}, {}):
        assert (await ask(api, other.assertion(client, issuer(api), header=header))).status_code == 200
    require_refused(await ask(api, other.assertion(client, issuer(api), header={"kid": "one"})))
    require_refused(await ask(api, other.assertion(client, issuer(api), header={"kid": "three"})))


CLAIMS: dict[str, dict[str, Any]] = {
    "no issuer": {"iss": None},
    "another issuer": {"iss": "cli_00000000000000000000000000"},
    "no subject": {"sub": None},
    "another subject": {"sub": "cli_00000000000000000000000000", "iss": "cli_00000000000000000000000000"},
    "subject no text": {"sub": ["a"]},
    "no audience": {"aud": None},
    "empty audience": {"aud": []},
    "another server": {"aud": "https://other.example"},
    "ours beside another server": {"aud": ["{issuer}", "https://other.example"]},
    "another tenant": {"aud": "{url}/t/tenant-b"},
    "issuer with a slash": {"aud": "{issuer}/"},
    "issuer in capitals": {"aud": "{ISSUER}"},
    "no end": {"exp": None},
    "ended just now": {"exp": NOW_S},
    "ended long ago": {"exp": NOW_S - 3_600},
    "ends in a year": {"exp": NOW_S + 365 * 86_400},
    "ends just too late": {"exp": NOW_S + 3_600 + FUTURE_SECONDS_MAX + 1},
    "end no number": {"exp": str(NOW_S + 60)},
    "issued in the future": {"iat": NOW_S + FUTURE_SECONDS_MAX + 1},
    "not yet good": {"nbf": NOW_S + FUTURE_SECONDS_MAX + 1},
    "no jti": {"jti": None},
    "empty jti": {"jti": ""},
    "vast jti": {"jti": "x" * 257},
    "jti no text": {"jti": 1},
}


@pytest.mark.parametrize("changes", CLAIMS.values(), ids=CLAIMS)
async def test_a_wrong_claim_is_refused(api: Api, keyed: str, changes: dict[str, Any]) -> None:
    """Each claim of RFC 7523 §3 must stand and be right; a refusal says nothing about which was not."""
    names = {"issuer": issuer(api), "url": api.application.settings.url, "ISSUER": issuer(api).upper()}

    def filled(value: Any) -> Any:  # noqa: ANN401 - claims of any shape
        if isinstance(value, str):
            return value.format(**names)
        return [filled(one) for one in value] if isinstance(value, list) else value

    made = KEY.assertion(keyed, issuer(api), **{name: filled(value) for name, value in changes.items()})
    require_refused(await ask(api, made))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW_S + 1},
        {"exp": NOW_S + 3_600 + FUTURE_SECONDS_MAX},
        {"iat": NOW_S + FUTURE_SECONDS_MAX},
        {"nbf": NOW_S + FUTURE_SECONDS_MAX},
        {"jti": "x" * 256},
        {"iat": None},
    ],
    ids=str,
)
async def test_the_edges_of_time_are_good(api: Api, keyed: str, changes: dict[str, Any]) -> None:
    """What is just inside each bound is taken."""
    assert (await ask(api, KEY.assertion(keyed, issuer(api), **changes))).status_code == 200


def forged(api: Api, client: str) -> dict[str, str]:
    """Return assertions whose signature is not the client's, though all they say is right."""
    claims = {"iss": client, "sub": client, "aud": issuer(api), "jti": "forged", "exp": NOW_S + 60}
    good = KEY.assertion(client, issuer(api))
    head, payload, signature = good.split(".")
    stranger = ClientKey("ES256", kid="one")
    return {
        "alg none": unsigned({"alg": "none"}, claims),
        "alg None": unsigned({"alg": "None"}, claims, b"x"),
        "alg ES256 without signature": unsigned({"alg": "ES256"}, claims),
        "zeros": unsigned({"alg": "ES256", "kid": "one"}, claims, bytes(64)),
        "HS256 with the public key": signed_with_public_key(KEY.jwk, {"kid": "one"}, claims),
        "another's key": stranger.assertion(client, issuer(api)),
        "another's key of the same name": stranger.assertion(client, issuer(api), header={"kid": "one"}),
        "key in the header": stranger.assertion(client, issuer(api), header={"jwk": stranger.jwk}),
        "key by address": stranger.assertion(client, issuer(api), header={"jku": "https://other.example/jwks"}),
        "RS256 with an EC key": ".".join((segment(b'{"alg":"RS256"}'), payload, signature)),
        "changed payload": f"{head}.{payload[:-2]}AA.{signature}",
        "cut signature": good[:-4],
        "a DPoP proof": KEY.assertion(client, issuer(api), header={"typ": "dpop+jwt", "jwk": KEY.jwk}),
        "an access token": KEY.assertion(client, issuer(api), header={"typ": "at+jwt"}),
        "a logout token": KEY.assertion(client, issuer(api), header={"typ": "logout+jwt"}),
        "typ no text": KEY.assertion(client, issuer(api), header={"typ": ["JWT"]}),
        "crit": KEY.assertion(client, issuer(api)).replace(head, segment(b'{"alg":"ES256","crit":["exp"],"exp":1}'), 1),
        "no JWT": "assertion",
        "empty segments": "..",
    }


async def test_a_forged_assertion_is_refused(api: Api, keyed: str) -> None:
    """Neither algorithm nor key is chosen by the assertion (RFC 8725 §2.1, §3.1, §3.10, §3.11)."""
    for name, assertion in forged(api, keyed).items():
        answer = await ask(api, assertion)
        assert (name, answer.status_code, answer.json()["error"]) == (name, 401, "invalid_client")


async def test_an_assertion_counts_once(api: Api, keyed: str, clock: SetClock) -> None:
    """A repeated assertion is refused until it would be too old anyway (RFC 7523 §3, item 7)."""
    assertion = KEY.assertion(keyed, issuer(api))
    assert (await ask(api, assertion)).status_code == 200
    require_refused(await ask(api, assertion))
    clock.advance(59_999)
    require_refused(await ask(api, assertion))
    clock.advance(1)
    require_refused(await ask(api, assertion))


async def test_of_parallel_uses_one_counts(stored_api: Api) -> None:
    """Of 50 parallel uses of one assertion exactly one gets a token."""
    api = stored_api
    client = await add_client(api.application, api.world.tenants["a"], settings=settings())
    assertion = KEY.assertion(client, issuer(api))
    answers = await asyncio.gather(*(ask(api, assertion) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 49


async def test_a_use_counts_in_every_process(doors: tuple[Api, Api]) -> None:
    """An assertion that one process took is used for all others."""
    first, second = doors
    client = await add_client(first.application, first.world.tenants["a"], settings=settings())
    assertion = KEY.assertion(client, issuer(first))
    assert (await ask(first, assertion)).status_code == 200
    require_refused(await ask(second, assertion))


async def test_two_clients_may_choose_one_jti(api: Api, keyed: str) -> None:
    """One client cannot use up what another will send: a ``jti`` is its issuer's own."""
    other = await add_client(api.application, api.world.tenants["a"], settings=settings())
    for client in (keyed, other):
        assert (await ask(api, KEY.assertion(client, issuer(api), jti="same"))).status_code == 200


async def test_a_refused_assertion_is_not_used_up(api: Api, keyed: str) -> None:
    """Whoever cannot sign cannot spend a client's ``jti`` for it."""
    require_refused(await ask(api, ClientKey("ES256").assertion(keyed, issuer(api), jti="mine")))
    assert (await ask(api, KEY.assertion(keyed, issuer(api), jti="mine"))).status_code == 200


async def test_a_client_of_keys_has_no_secret(api: Api, keyed: str) -> None:
    """The way a client proves itself is the one it registered: its secret counts no more (RFC 8725 §3.2)."""
    form = b"grant_type=client_credentials"
    require_refused(await api.call("POST", "/oauth/token", content=form, headers={**FORM, **basic(keyed, SECRET)}))


async def test_a_client_of_secrets_has_no_keys(api: Api) -> None:
    """Keys count only for a client that chose them, and only a confidential one."""
    jwks = {"keys": [KEY.jwk]}
    for kind, chosen in (
        ("confidential", ClientSettings(jwks=jwks)),
        ("confidential", ClientSettings(jwks=jwks, authentication_method="client_secret_basic")),
        ("public", ClientSettings(jwks=jwks)),
        ("public", settings()),
        ("confidential", ClientSettings(authentication_method="private_key_jwt")),
    ):
        client = await add_client(api.application, api.world.tenants["a"], kind=kind, settings=chosen)
        require_refused(await ask(api, KEY.assertion(client, issuer(api))))


async def test_a_disabled_client_is_refused(api: Api, keyed: str) -> None:
    """A disabled client's assertion gets the answer of a wrong one."""
    await disable_client(api.application, keyed)
    require_refused(await ask(api, KEY.assertion(keyed, issuer(api))))


async def test_another_tenants_endpoint_refuses(api: Api, keyed: str) -> None:
    """A client proves itself at its own tenant's endpoint and at the root's, nowhere else."""
    good = KEY.assertion(keyed, issuer(api))
    require_refused(await ask(api, good, path="/t/tenant-b/oauth/token"))
    assert (await ask(api, KEY.assertion(keyed, issuer(api)), path="/t/tenant-a/oauth/token")).status_code == 200


async def test_one_way_at_a_time(api: Api, keyed: str) -> None:
    """An assertion beside a secret, or beside another client's name, is refused (RFC 6749 §2.3, RFC 7521 §4.2)."""
    for fields, headers in (
        ({"client_secret": SECRET}, {}),
        ({}, basic(keyed)),
        ({"client_id": "cli_00000000000000000000000000"}, {}),
    ):
        answer = await ask(api, KEY.assertion(keyed, issuer(api)), headers=headers, **fields)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await ask(api, KEY.assertion(keyed, issuer(api)), client_id=keyed)).status_code == 200


@pytest.mark.parametrize("kind", ["urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt-bearer", ""])
async def test_another_type_of_assertion_is_refused(api: Api, keyed: str, kind: str) -> None:
    """The type must be that of JWTs (RFC 7523 §2.2)."""
    require_refused(await ask(api, KEY.assertion(keyed, issuer(api)), client_assertion_type=kind))


async def test_an_assertion_in_the_query_is_refused(api: Api, keyed: str) -> None:
    """What proves a client does not stand in a URL (RFC 6749 §2.3.1)."""
    assertion = KEY.assertion(keyed, issuer(api))
    answer = await ask(api, assertion, path=f"/oauth/token?client_assertion={assertion}")
    assert answer.status_code == 400
    assert assertion not in api.log_text()
