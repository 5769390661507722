"""Secret keys bound to a key pair: good as DPoP with a fresh proof of it, and never without (RFC 9449 §7)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from oauth_keys import NOW_S, ClientKey, unsigned
from oauth_world import add_client, basic
from support import SetClock
from watchword.oauth.models import ClientSettings
from world import Api

KEY = ClientKey("ES256")
OTHER = ClientKey("ES256")
PRODUCTS = "/api/products"
SECRET = {"name": "Till", "kind": "secret", "mode": "live"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def url(api: Api, path: str = PRODUCTS) -> str:
    return f"{api.application.settings.url}{path}"


async def make(api: Api, **fields: object) -> dict[str, Any]:
    """Make a secret key that is bound to ``KEY``, or as the fields say."""
    body = SECRET | {"dpop_jkt": KEY.jkt} | fields
    made = await api.call("POST", "/api/keys", who="admin_a", json=body)
    assert made.status_code == 201, made.text
    doc: dict[str, Any] = made.json()["doc"]
    return doc


async def read(
    api: Api, key: str, proof: str | None, *, scheme: str = "DPoP", path: str = PRODUCTS, **more: str
) -> httpx.Response:
    """Read with a key under a scheme, and a proof."""
    headers = {"authorization": f"{scheme} {key}", **more}
    if proof is not None:
        headers["dpop"] = proof
    return await api.call("GET", path, headers=headers)


def proof_of(api: Api, key: str, pair: ClientKey = KEY, **changes: Any) -> str:  # noqa: ANN401 - claims of any shape
    return pair.proof(changes.pop("method", "GET"), changes.pop("url", url(api)), token=key, **changes)


def require_challenge(answer: httpx.Response) -> None:
    """Require the refusal of a bound credential: 401 that names the scheme (RFC 9449 §7.1)."""
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "KEY_NOT_PROVED"
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('DPoP realm="watchword", error="invalid_dpop_proof"')
    assert "algs=" in challenge


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "PS256"])
@pytest.mark.parametrize("named", ["thumbprint", "key"])
async def test_a_bound_key_reads_with_a_proof(sqlite_api: Api, algorithm: str, named: str) -> None:
    """Named by its thumbprint or shown whole, the key pair opens the API with the key that is bound to it."""
    api, pair = sqlite_api, ClientKey(algorithm)
    fields = {"dpop_jkt": pair.jkt} if named == "thumbprint" else {"dpop_jkt": None, "dpop_jwk": pair.jwk}
    made = await make(api, **fields)
    assert made["dpopJkt"] == pair.jkt
    for _ in range(2):
        assert (await read(api, made["key"], proof_of(api, made["key"], pair))).status_code == 200


async def test_a_bound_key_shows_to_what(api: Api) -> None:
    """Listed and read alone, a key names the thumbprint that it is bound to; others name none."""
    made = await make(api)
    [listed] = [
        doc
        for doc in (await api.call("GET", "/api/keys?limit=100", who="admin_a")).json()["docs"]
        if doc["id"] == made["id"]
    ]
    one = (await api.call("GET", f"/api/keys/{made['id']}", who="admin_a")).json()
    free = (await api.call("GET", "/api/keys/{key_sk_live_a}", who="admin_a")).json()
    assert (listed["dpopJkt"], one["dpopJkt"], free["dpopJkt"]) == (KEY.jkt, KEY.jkt, None)


async def test_a_bound_key_is_nothing_without_its_pair(api: Api) -> None:
    """A stolen bound key opens nothing: not in a key's header, not as Bearer, not as DPoP alone (RFC 9449 §7.2)."""
    key = (await make(api))["key"]
    good = proof_of(api, key)
    for proof in (None, good):
        more = {} if proof is None else {"dpop": proof}
        for header in ("x-api-key", "apikey"):
            require_challenge(await api.call("GET", PRODUCTS, headers={header: key, **more}))
        for scheme in ("Bearer", "JWT"):
            require_challenge(await read(api, key, proof, scheme=scheme))
    require_challenge(await read(api, key, None))
    assert (await read(api, key, good)).status_code == 200
    require_challenge(await read(api, key, None))


async def test_a_wrong_proof_opens_nothing(api: Api) -> None:
    """A proof of another pair, request, key or time is refused, with the challenge of the scheme (RFC 9449 §4.3)."""
    key, beside = (await make(api))["key"], (await make(api))["key"]
    wrong = {
        "another pair": proof_of(api, key, OTHER),
        "another method": proof_of(api, key, method="POST"),
        "another path": proof_of(api, key, url=url(api, "/api/products/x")),
        "another host": proof_of(api, key, url=f"https://evil.example{PRODUCTS}"),
        "another key": proof_of(api, beside),
        "no key": KEY.proof("GET", url(api)),
        "old": proof_of(api, key, iat=NOW_S - 60),
        "from the future": proof_of(api, key, iat=NOW_S + 61),
        "unsigned": unsigned({"typ": "dpop+jwt", "alg": "none", "jwk": KEY.jwk}, {"jti": "x"}),
        "no proof": "proof",
    }
    for proof in wrong.values():
        require_challenge(await read(api, key, proof))


async def test_a_proof_counts_once(api: Api, clock: SetClock) -> None:
    """A repeated proof is refused, for as long as its time would let it be taken and after (RFC 9449 §11.1)."""
    key = (await make(api))["key"]
    proof = proof_of(api, key)
    assert (await read(api, key, proof)).status_code == 200
    for advance_ms in (0, 59_999, 1):
        clock.advance(advance_ms)
        require_challenge(await read(api, key, proof))


async def test_of_parallel_uses_of_a_proof_one_counts(stored_api: Api) -> None:
    """Of 50 parallel requests with one proof exactly one is served."""
    key = (await make(stored_api))["key"]
    proof = proof_of(stored_api, key)
    answers = await asyncio.gather(*(read(stored_api, key, proof) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 49


async def test_a_key_that_is_bound_to_nothing_is_refused_as_bound(api: Api) -> None:
    """What is not bound never counts under the scheme of what is, whatever proof comes along (RFC 9449 §7.1)."""
    key = (await make(api, dpop_jkt=None))["key"]
    for proof in (None, proof_of(api, key)):
        answer = await read(api, key, proof)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHORIZED")
    public = api.world.keys["pk_live_a"]
    assert (await read(api, public, proof_of(api, public))).status_code == 401
    assert (await read(api, key, None, scheme="Bearer")).status_code == 200


async def test_the_other_bounds_of_a_key_stay(api: Api) -> None:
    """A good proof opens nothing from a browser, from another network, for another tenant, or past the scopes."""
    key = (await make(api, scopes=["products:read"], allowed_networks=["127.0.0.0/8"]))["key"]
    far = (await make(api, allowed_networks=["198.51.100.0/24"]))["key"]
    assert (await read(api, key, proof_of(api, key))).status_code == 200
    assert (await read(api, key, proof_of(api, key), origin="https://a.example")).status_code == 403
    assert (await read(api, key, proof_of(api, key), **{"x-tenant-id": "tenant-b"})).status_code == 403
    assert (await read(api, far, proof_of(api, far))).status_code == 403
    headers = {"authorization": f"DPoP {key}", "dpop": proof_of(api, key, method="POST")}
    refused = await api.call("POST", PRODUCTS, headers=headers, json={"name": "X", "price": 1})
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "INSUFFICIENT_SCOPE")


async def test_what_comes_beside_a_bound_key_has_to_agree(sqlite_api: Api) -> None:
    """The same key twice is one credential, another is a second; a publishable key beside it names its own tenant."""
    api = sqlite_api
    key, other = (await make(api))["key"], (await make(api))["key"]
    world = api.world
    for beside, status in (
        ({"x-api-key": key}, 200),
        ({"x-api-key": other}, 400),
        ({"x-api-key": world.keys["sk_live_a"]}, 400),
        ({"x-client-key": world.keys["pk_live_a"]}, 200),
        ({"x-client-key": world.keys["pk_test_a"]}, 403),
        ({"x-client-key": world.keys["pk_live_b"]}, 403),
    ):
        assert (await read(api, key, proof_of(api, key), **beside)).status_code == status, beside


async def test_a_bound_key_ends_itself_with_its_proof(sqlite_api: Api) -> None:
    """In the header it needs the proof to be believed, for this too; a refused try leaves it alive."""
    api = sqlite_api
    key = (await make(api))["key"]
    path = "/api/keys/self-revoke"
    require_challenge(await api.call("POST", path, headers={"authorization": f"Bearer {key}"}))
    assert (await read(api, key, proof_of(api, key))).status_code == 200
    proof = proof_of(api, key, method="POST", url=url(api, path))
    headers = {"authorization": f"DPoP {key}", "dpop": proof}
    assert (await api.call("POST", path, headers=headers)).status_code == 200
    assert (await read(api, key, proof_of(api, key))).status_code == 401


async def test_an_ended_key_has_no_proof(api: Api) -> None:
    """Revoked, a bound key is refused as any other, whose proof it may have."""
    made = await make(api)
    assert (await read(api, made["key"], proof_of(api, made["key"]))).status_code == 200
    await api.call("DELETE", f"/api/keys/{made['id']}", who="admin_a")
    answer = await read(api, made["key"], proof_of(api, made["key"]))
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHORIZED")


async def test_a_found_bound_key_is_stopped_without_its_pair(api: Api) -> None:
    """Whoever finds the text of a bound key can end it: that needs no proof."""
    made = await make(api)
    assert (await api.call("POST", "/api/keys/self-revoke", json={"key": made["key"]})).status_code == 200
    assert (await read(api, made["key"], proof_of(api, made["key"]))).status_code == 401


async def test_a_rotation_keeps_what_a_key_is_bound_to(api: Api) -> None:
    """The new key needs a proof of the same pair, and names the same thumbprint."""
    made = await make(api)
    doc = (await api.call("POST", f"/api/keys/{made['id']}/rotate", who="admin_a", json={})).json()["doc"]
    assert doc["dpopJkt"] == KEY.jkt
    require_challenge(await read(api, doc["key"], None, scheme="Bearer"))
    assert (await read(api, doc["key"], proof_of(api, doc["key"]))).status_code == 200


async def test_a_rotation_can_bind_to_another_pair(api: Api) -> None:
    """The new key is good with the new pair alone, the old one with the old one until its end."""
    made = await make(api)
    body = {"dpop_jwk": OTHER.jwk}
    doc = (await api.call("POST", f"/api/keys/{made['id']}/rotate", who="admin_a", json=body)).json()["doc"]
    require_challenge(await read(api, doc["key"], proof_of(api, doc["key"])))
    assert (await read(api, doc["key"], proof_of(api, doc["key"], OTHER))).status_code == 200
    assert (await read(api, made["key"], proof_of(api, made["key"]))).status_code == 200


BINDINGS: list[tuple[dict[str, object], str]] = [
    ({"dpop_jkt": "short"}, "dpop_jkt"),
    ({"dpop_jkt": ""}, "dpop_jkt"),
    ({"dpop_jkt": KEY.jkt + "A"}, "dpop_jkt"),
    ({"dpop_jkt": KEY.jkt[:-1] + "="}, "dpop_jkt"),
    ({"dpop_jkt": "A" * 42 + "B"}, "dpop_jkt"),
    ({"dpop_jwk": KEY.private_jwk}, "dpop_jwk"),
    ({"dpop_jwk": {"kty": "oct", "k": "c2VjcmV0"}}, "dpop_jwk"),
    ({"dpop_jwk": {}}, "dpop_jwk"),
    ({"dpop_jwk": KEY.jwk, "dpop_jkt": KEY.jkt}, "dpop_jwk"),
    ({"kind": "publishable", "dpop_jkt": KEY.jkt}, "dpop_jkt"),
    ({"kind": "publishable", "dpop_jwk": KEY.jwk}, "dpop_jwk"),
]


@pytest.mark.parametrize(("fields", "named"), BINDINGS, ids=lambda value: value if isinstance(value, str) else "")
async def test_a_wrong_binding_makes_no_key(sqlite_api: Api, fields: dict[str, object], named: str) -> None:
    """No thumbprint, no public key, two at once, or a publishable key: refused by the field, and nothing of it shown."""
    answer = await sqlite_api.call("POST", "/api/keys", who="admin_a", json=SECRET | fields)
    assert answer.status_code == 400, answer.text
    error = answer.json()["errors"][0]
    assert named in str(error)
    assert str(KEY.private_jwk["d"]) not in answer.text


async def verdict(api: Api, key: str, dpop: dict[str, str] | None, **more: object) -> str:
    body = {"key": key, **more} | ({} if dpop is None else {"dpop": dpop})
    answer = await api.call("POST", "/api/keys/verify", headers={"x-api-key": api.world.keys["sk_live_a"]}, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["valid"] is (answer.json()["code"] == "VALID")
    return str(answer.json()["code"])


async def test_a_verdict_wants_the_proof(api: Api) -> None:
    """For another service a bound key is VALID with its proof for that service's own URL, once, and else KEY_NOT_PROVED."""
    key = (await make(api))["key"]
    here = "https://files.example/f?x=^1"
    given = {"method": "PUT", "url": here, "proof": KEY.proof("PUT", "https://files.example/f", token=key)}
    assert await verdict(api, key, None) == "KEY_NOT_PROVED"
    for wrong in (
        {"method": "GET"},
        {"url": "https://other.example/f"},
        {"url": "https://files.example/g"},
        {"url": "http://files.example/f"},
        {"url": "/f"},
        {"url": ""},
        {"url": "https://[::1"},
        {"proof": ""},
        {"proof": KEY.proof("PUT", "https://files.example/f")},
        {"proof": OTHER.proof("PUT", "https://files.example/f", token=key)},
    ):
        assert await verdict(api, key, given | wrong) == "KEY_NOT_PROVED", wrong
    assert await verdict(api, key, given, scopes=["products:read"]) == "VALID"
    assert await verdict(api, key, given) == "KEY_NOT_PROVED"


async def test_a_verdict_on_a_free_key_takes_no_proof(api: Api) -> None:
    """A service that was given an unbound key as DPoP is told to refuse it, as this API does (RFC 9449 §7.1)."""
    key = (await make(api, dpop_jkt=None))["key"]
    given = {"method": "GET", "url": "https://files.example/", "proof": KEY.proof("GET", "https://files.example/")}
    assert await verdict(api, key, given) == "KEY_NOT_PROVED"
    assert await verdict(api, key, None) == "VALID"


async def test_a_refused_use_takes_no_proof(api: Api) -> None:
    """A key that lacks a scope says so, and its proof is still good for what it may."""
    key = (await make(api, scopes=["products:read"]))["key"]
    given = {"method": "GET", "url": url(api), "proof": proof_of(api, key)}
    assert await verdict(api, key, given, scopes=["products:write"]) == "INSUFFICIENT_SCOPE"
    assert await verdict(api, key, given, scopes=["products:read"]) == "VALID"


async def test_a_bound_key_is_exchanged_with_its_proof_alone(api: Api) -> None:
    """A token exchange takes a bound key with a proof of its pair, and gives a token bound to it (RFC 8693, RFC 9449 §5)."""
    settings = ClientSettings()
    grants = ("urn:ietf:params:oauth:grant-type:token-exchange",)
    client = await add_client(api.application, api.world.tenants["a"], settings=settings, grants=grants)
    key = (await make(api))["key"]
    body = (
        f"grant_type={grants[0]}&subject_token={key}&subject_token_type=urn:watchword:params:oauth:token-type:api_key"
    ).encode()
    token_url = url(api, "/oauth/token")
    for proof, status in ((None, 400), (OTHER, 400), (KEY, 200)):
        more = {} if proof is None else {"dpop": proof.proof("POST", token_url)}
        answer = await api.call("POST", "/oauth/token", content=body, headers={**FORM, **basic(client), **more})
        assert answer.status_code == status, answer.text
    assert answer.json()["token_type"] == "DPoP"


async def test_without_the_store_no_bound_key_counts(sqlite_api: Api) -> None:
    """When nobody can say whether a proof was used before, it opens nothing (503), and no verdict is given."""
    api = sqlite_api
    key = (await make(api))["key"]
    assert (await read(api, key, proof_of(api, key))).status_code == 200
    await api.application.bookkeeping.close()
    assert (await read(api, key, proof_of(api, key))).status_code == 503
