"""Tokens bound to a key (RFC 9449): given for a proof, good with a fresh proof of the same key, and never without."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from oauth_keys import NOW_S, ClientKey, signed_with_public_key, token_hash, unsigned
from oauth_world import add_client, basic
from support import SetClock
from watchword.oauth.models import ClientSettings, TokenFormat
from world import Api

KEY = ClientKey("ES256")
OTHER = ClientKey("ES256")
TOKEN = "/oauth/token"
PRODUCTS = "/api/products"
AGE_SECONDS_MAX = 60
FORM = {"content-type": "application/x-www-form-urlencoded"}


def url(api: Api, path: str) -> str:
    return f"{api.application.settings.url}{path}"


async def ask(api: Api, client: str, proof: str | None, *, path: str = TOKEN) -> httpx.Response:
    """Ask for a token with a proof."""
    headers = {**FORM, **basic(client)}
    if proof is not None:
        headers["dpop"] = proof
    return await api.call("POST", path, content=b"grant_type=client_credentials", headers=headers)


async def bound_token(api: Api, client: str, key: ClientKey = KEY) -> str:
    answer = await ask(api, client, key.proof("POST", url(api, TOKEN)))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def read(
    api: Api, token: str, proof: str | None, *, scheme: str = "DPoP", path: str = PRODUCTS, method: str = "GET"
) -> httpx.Response:
    """Read the products with a token and a proof."""
    headers = {"authorization": f"{scheme} {token}"}
    if proof is not None:
        headers["dpop"] = proof
    return await api.call(method, path, headers=headers)


@pytest.mark.parametrize("form", ["jwt", "opaque"])
@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "PS256"])
async def test_a_bound_token_reads_with_a_proof(api: Api, form: TokenFormat, algorithm: str) -> None:
    """A token given for a proof is of the type DPoP and reads with a proof of the same key (RFC 9449 §5, §7.1)."""
    key = ClientKey(algorithm)
    settings = ClientSettings(token_format=form)
    client = await add_client(api.application, api.world.tenants["a"], settings=settings)
    answer = await ask(api, client, key.proof("POST", url(api, TOKEN)))
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
    token = answer.json()["access_token"]
    for _ in range(2):
        assert (await read(api, token, key.proof("GET", url(api, PRODUCTS), token=token))).status_code == 200


async def test_the_query_of_a_url_does_not_count(api: Api, client_id: str) -> None:
    """A proof is for a URL without its query and fragment, whatever the request has (RFC 9449 §4.3, item 9)."""
    token = await bound_token(api, client_id)
    for named in (PRODUCTS, f"{PRODUCTS}?limit=9", f"{PRODUCTS}#a", PRODUCTS.replace("p", "%70")):
        proof = KEY.proof("GET", url(api, named), token=token)
        assert (await read(api, token, proof, path=f"{PRODUCTS}?limit=1")).status_code == 200, named


def wrong_proofs(api: Api, method: str, path: str, token: str | None) -> dict[str, str]:
    """Return proofs of the right key for a request, each wrong in one thing."""
    here = url(api, path)

    def made(**changes: Any) -> str:  # noqa: ANN401 - claims of any shape
        return KEY.proof(changes.pop("method", method), changes.pop("url", here), token=token, **changes)

    proof = made()
    claims = {"jti": "x", "htm": method, "htu": here, "iat": NOW_S, "ath": token and token_hash(token)}
    return {
        "another method": made(method="PUT"),
        "the method in small letters": made(method=method.lower()),
        "no method": made(htm=None),
        **{name: made(url=address) for name, address in wrong_addresses(here, path).items()},
        "no URL": made(htu=None),
        "URL no text": made(htu=[here]),
        "old": made(iat=NOW_S - AGE_SECONDS_MAX),
        "a day old": made(iat=NOW_S - 86_400),
        "from the future": made(iat=NOW_S + 61),
        "no time": made(iat=None),
        "time no number": made(iat=str(NOW_S)),
        "no jti": made(jti=None),
        "empty jti": made(jti=""),
        "vast jti": made(jti="x" * 257),
        **{name: made(header=header) for name, header in WRONG_HEADERS.items()},
        "changed signature": proof[:-4] + ("AAAA" if proof[-4:] != "AAAA" else "BBBB"),
        "two in one": f"{proof}, {proof}",
        "no JWT": "proof",
        "too long": made(padding="x" * 9_000),
        **forged_proofs(claims),
    }


def wrong_addresses(here: str, path: str) -> dict[str, str]:
    """Return addresses that are not the request's, however near they come."""
    origin = here.removesuffix(path)
    return {
        "another path": f"{here}/x",
        "the path with a slash": f"{here}/",
        "the path in capitals": here.replace(path, path.upper()),
        "another host": f"https://evil.example{path}",
        "a longer host": here.replace(path, f".evil.example{path}"),
        "another scheme": here.replace("https:", "http:"),
        "another port": here.replace(":8443", ":8444"),
        "no port": here.replace(":8443", ""),
        "a user name": here.replace("://", "://evil.example@"),
        "a backslash": f"{origin}\\{path}",
        "a line break": f"{origin}\n{path}",
        "a path alone": path,
        "an encoded slash": f"{origin}/%2f{path}",
        "a broken escape": f"{here}%zz",
        "a broken address": "https://[::1",
    }


WRONG_HEADERS: dict[str, dict[str, object]] = {
    "no typ": {"typ": None},
    "typ JWT": {"typ": "JWT"},
    "typ in capitals": {"typ": "DPOP+JWT"},
    "an assertion": {"typ": "client-authentication+jwt"},
    "no key": {"jwk": None},
    "key no object": {"jwk": "x"},
    "a private key": {"jwk": KEY.private_jwk},
    "another's key": {"jwk": OTHER.jwk},
    "a symmetric key": {"jwk": {"kty": "oct", "k": "c2VjcmV0"}},
}
"""What a proof's header may not say, or leave out."""


def forged_proofs(claims: dict[str, object]) -> dict[str, str]:
    """Return proofs that nobody signed, or that anybody could have."""
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.jwk}
    return {
        "alg none": unsigned({**header, "alg": "none"}, claims),
        "no signature": unsigned(header, claims),
        "HS256 with the public key": signed_with_public_key(KEY.jwk, header, claims),
    }


async def test_a_wrong_proof_gets_no_token(api: Api, client_id: str) -> None:
    """The token endpoint refuses whatever RFC 9449 §4.3 does, with its own error (§5)."""
    for name, proof in wrong_proofs(api, "POST", TOKEN, None).items():
        answer = await ask(api, client_id, proof.replace("\n", ""))
        assert (name, answer.status_code, answer.json()["error"]) == (name, 400, "invalid_dpop_proof")


async def test_a_wrong_proof_reads_nothing(api: Api, client_id: str) -> None:
    """The API refuses the same, and whatever is for another token: 401 that names the scheme (RFC 9449 §7.1)."""
    token = await bound_token(api, client_id)
    other = await bound_token(api, client_id)
    proofs = wrong_proofs(api, "GET", PRODUCTS, token)
    proofs["of another key"] = OTHER.proof("GET", url(api, PRODUCTS), token=token)
    proofs["without the token"] = KEY.proof("GET", url(api, PRODUCTS))
    proofs["for another token"] = KEY.proof("GET", url(api, PRODUCTS), token=other)
    proofs["for the token endpoint"] = KEY.proof("POST", url(api, TOKEN))
    for name, proof in proofs.items():
        answer = await read(api, token, proof)
        assert (name, answer.status_code) == (name, 401)
        assert answer.json()["errors"][0]["extensions"]["code"] == "KEY_NOT_PROVED"
        assert answer.headers["www-authenticate"].startswith('DPoP realm="watchword", error="invalid_dpop_proof"')


async def test_the_edges_of_time_are_good(api: Api, client_id: str) -> None:
    """A proof just inside the window is taken, on either side."""
    for made_at in (NOW_S - AGE_SECONDS_MAX + 1, NOW_S + 60):
        assert (await ask(api, client_id, KEY.proof("POST", url(api, TOKEN), iat=made_at))).status_code == 200


async def test_a_bound_token_is_nothing_without_its_key(api: Api, client_id: str) -> None:
    """A stolen bound token proves nobody: not as Bearer, with or without a proof, and not as DPoP alone (RFC 9449 §7.2)."""
    token = await bound_token(api, client_id)
    good = KEY.proof("GET", url(api, PRODUCTS), token=token)
    for scheme, proof in (("Bearer", None), ("Bearer", good), ("JWT", good), ("DPoP", None)):
        answer = await read(api, token, proof, scheme=scheme)
        assert (scheme, answer.status_code) == (scheme, 401)
    assert (await read(api, token, good)).status_code == 200


async def test_an_unbound_token_is_nothing_as_bound(api: Api, client_id: str) -> None:
    """A Bearer token counts under its own scheme alone, whoever adds a proof to it (RFC 9449 §7.1)."""
    token = (await ask(api, client_id, None)).json()["access_token"]
    proof = KEY.proof("GET", url(api, PRODUCTS), token=token)
    assert (await read(api, token, proof)).status_code == 401
    assert (await read(api, token, proof, scheme="Bearer")).status_code == 200


@pytest.mark.parametrize("who", ["token_admin_a", "secret_sk_live_a"])
async def test_nothing_else_comes_as_bound(api: Api, who: str) -> None:
    """A session token or a key under the scheme DPoP is no credential."""
    world = api.world
    text = world.tokens["admin_a"] if who == "token_admin_a" else world.keys["sk_live_a"]
    assert (await read(api, text, KEY.proof("GET", url(api, PRODUCTS), token=text))).status_code == 401


async def test_a_proof_counts_once(api: Api, client_id: str, clock: SetClock) -> None:
    """A repeated proof is refused at both doors, until it is too old anyway (RFC 9449 §11.1)."""
    given = KEY.proof("POST", url(api, TOKEN))
    token = (await ask(api, client_id, given)).json()["access_token"]
    assert (await ask(api, client_id, given)).status_code == 400
    proof = KEY.proof("GET", url(api, PRODUCTS), token=token)
    assert (await read(api, token, proof)).status_code == 200
    for advance_ms in (0, 59_999, 1, 3_600_000):
        clock.advance(advance_ms)
        assert (await read(api, token, proof)).status_code == 401


async def test_of_parallel_uses_one_counts(stored_api: Api) -> None:
    """Of 50 parallel requests with one proof exactly one is served."""
    api = stored_api
    client = await add_client(api.application, api.world.tenants["a"])
    token = await bound_token(api, client)
    proof = KEY.proof("GET", url(api, PRODUCTS), token=token)
    answers = await asyncio.gather(*(read(api, token, proof) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 49


async def test_a_use_counts_in_every_process(doors: tuple[Api, Api]) -> None:
    """A proof that one process took is used for all others."""
    first, second = doors
    client = await add_client(first.application, first.world.tenants["a"])
    token = await bound_token(first, client)
    proof = KEY.proof("GET", url(first, PRODUCTS), token=token)
    assert (await read(first, token, proof)).status_code == 200
    assert (await read(second, token, proof)).status_code == 401


@pytest.mark.parametrize("settings", [{"dpop_bound": True}], ids=str)
async def test_a_client_of_bound_tokens_gets_no_other(api: Api, settings: dict[str, Any]) -> None:
    """A client whose tokens are all to be bound gets none without a proof (RFC 9449 §5.2)."""
    client = await add_client(api.application, api.world.tenants["a"], settings=ClientSettings(**settings))
    answer = await ask(api, client, None)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert (await ask(api, client, KEY.proof("POST", url(api, TOKEN)))).status_code == 200


async def test_a_proof_is_for_the_path_as_addressed(api: Api, client_id: str) -> None:
    """At a tenant's own path the proof names that path, and neither door takes the other's proof."""
    token = await bound_token(api, client_id)
    own = f"/t/tenant-a{PRODUCTS}"
    for path, named, status in ((own, own, 200), (own, PRODUCTS, 401), (PRODUCTS, own, 401)):
        proof = KEY.proof("GET", url(api, named), token=token)
        assert (await read(api, token, proof, path=path)).status_code == status


async def test_a_bound_request_is_never_recalled(api: Api, client_id: str) -> None:
    """A caller who was proved with a key is proved anew each time: the token alone opens nothing right after."""
    token = await bound_token(api, client_id)
    for _ in range(2):
        assert (await read(api, token, KEY.proof("GET", url(api, PRODUCTS), token=token))).status_code == 200
        assert (await read(api, token, None)).status_code == 401


async def test_without_the_store_no_proof_counts(sqlite_api: Api, client_id_of: str) -> None:
    """When nobody can say whether a proof was used before, it opens nothing (503)."""
    api = sqlite_api
    token = await bound_token(api, client_id_of)
    await api.application.bookkeeping.close()
    answer = await read(api, token, KEY.proof("GET", url(api, PRODUCTS), token=token))
    assert answer.status_code == 503
    assert (await ask(api, client_id_of, KEY.proof("POST", url(api, TOKEN)))).status_code == 503


@pytest.fixture
async def client_id_of(sqlite_api: Api) -> str:
    return await add_client(sqlite_api.application, sqlite_api.world.tenants["a"])
