"""Which credential proves a caller, and which tenant and mode it then acts in: the rules in front of every route."""

from __future__ import annotations

import base64

import pytest

from scenario import Scenario, code_of, name_of, require_sound, run
from support import SetClock
from world import SHOP_ORIGIN, Api

PRODUCTS = "/api/products?limit=1"
FORGED = "eyJhbGciOiJIUzI1NiIsInR5cCI6IndhdGNod29yZC1zZXNzaW9uK2p3dCJ9.e30.c2lnbmF0dXJl"
NESTED = base64.urlsafe_b64encode(b'{"typ":"at+jwt","a":' + b"[" * 6_000).decode() + ".e30.e30"
MISTYPED = "sk_live_" + "a" * 36
UNKNOWN = "sk_live_" + "a" * 24
UNKNOWN_PUBLISHABLE = "pk_live_" + "a" * 24
ME = "/api/users/me"

ARRIVES = [
    Scenario(name="token as Bearer", path=PRODUCTS, headers={"authorization": "Bearer {token_viewer_a}"}, status=200, wanted='"live a 12"'),
    Scenario(name="token as JWT", path=PRODUCTS, headers={"authorization": "JWT {token_viewer_a}"}, status=200, wanted='"live a 12"'),
    Scenario(name="token in the cookie", path=PRODUCTS, headers={"cookie": "a=b; __Host-watchword={token_viewer_a}"}, status=200, wanted='"live a 12"'),
    Scenario(name="secret key as X-API-Key", path=PRODUCTS, headers={"x-api-key": "{secret_sk_test_b}"}, status=200, wanted='"test b 12"'),
    Scenario(name="secret key as apikey", path=PRODUCTS, headers={"apikey": "{secret_sk_test_b}"}, status=200, wanted='"test b 12"'),
    Scenario(name="secret key as Bearer", path=PRODUCTS, headers={"authorization": "Bearer {secret_sk_test_b}"}, status=200, wanted='"test b 12"'),
    Scenario(name="publishable key as X-Client-Key", path=PRODUCTS, headers={"x-client-key": "{secret_pk_live_b}"}, status=200, wanted='"live b 12"'),
    Scenario(name="publishable key as X-Publishable-Key", path=PRODUCTS, headers={"x-publishable-key": "{secret_pk_live_b}"}, status=200, wanted='"live b 12"'),
    Scenario(name="publishable key as X-API-Key", path=PRODUCTS, headers={"x-api-key": "{secret_pk_live_b}"}, status=200, wanted='"live b 12"'),
    Scenario(name="publishable key as apikey", path=PRODUCTS, headers={"apikey": "{secret_pk_test_b}"}, status=200, wanted='"test b 12"'),
    Scenario(name="nothing", path=PRODUCTS, status=401, wanted='"code":"UNAUTHORIZED"', unwanted="live"),
    Scenario(name="Basic", path=PRODUCTS, headers={"authorization": "Basic YTpi"}, status=401),
    Scenario(name="Bearer of nothing", path=PRODUCTS, headers={"authorization": "Bearer"}, status=401),
    Scenario(name="no scheme", path=PRODUCTS, headers={"authorization": "{token_admin_a}"}, status=401),
    Scenario(name="an empty header", path=PRODUCTS, headers={"authorization": ""}, status=401),
    Scenario(name="an empty key header", path=PRODUCTS, headers={"x-api-key": ""}, status=401),
    Scenario(name="a forged token", path=PRODUCTS, headers={"authorization": f"Bearer {FORGED}"}, status=401, unwanted=FORGED),
    Scenario(name="a token cut short", path=PRODUCTS, headers={"authorization": "Bearer {token_admin_a}x"}, status=401),
    Scenario(name="a token nested without end", path=PRODUCTS, headers={"authorization": f"Bearer {NESTED}"}, status=401),
    Scenario(name="a token of a megabyte", path=PRODUCTS, headers={"authorization": "Bearer eyJ" + "a" * 20_000 + ".b.c"}, status=401),
    Scenario(name="a forged cookie", path=PRODUCTS, headers={"cookie": f"__Host-watchword={FORGED}"}, status=401),
    Scenario(name="the cookie twice", path=PRODUCTS, headers={"cookie": "__Host-watchword={token_admin_a}; __Host-watchword={token_admin_b}"}, status=400, wanted="more than once"),
    Scenario(name="a cookie of another name", path=PRODUCTS, headers={"cookie": "watchword={token_admin_a}"}, status=401),
    Scenario(name="a mistyped key", path=PRODUCTS, headers={"x-api-key": MISTYPED}, status=401, unwanted=MISTYPED),
    Scenario(name="an unknown key", path=PRODUCTS, headers={"x-api-key": UNKNOWN}, status=401),
    Scenario(name="an unknown publishable key", path=PRODUCTS, headers={"x-client-key": UNKNOWN_PUBLISHABLE}, status=401),
    Scenario(name="a key in other letters", path=PRODUCTS, headers={"x-api-key": "SK_LIVE_" + "a" * 36}, status=401),
    Scenario(name="a key with a space before it", path=PRODUCTS, headers={"authorization": "Bearer x {secret_sk_live_a}"}, status=401),
    Scenario(name="a publishable key as Bearer", path=PRODUCTS, headers={"authorization": "Bearer {secret_pk_live_a}"}, status=401),
    Scenario(name="a secret key as X-Client-Key", path=PRODUCTS, headers={"x-client-key": "{secret_sk_live_a}"}, status=401),
    Scenario(name="a secret key as X-Publishable-Key", path=PRODUCTS, headers={"x-publishable-key": "{secret_sk_live_a}"}, status=401),
    Scenario(name="a token as X-API-Key", path=PRODUCTS, headers={"x-api-key": "{token_admin_a}"}, status=401),
    Scenario(name="a key in the query", path=PRODUCTS + "&apikey={secret_sk_live_a}", status=401),
]  # fmt: skip

ONE_PROOF = [
    Scenario(name="token and secret key", path=PRODUCTS, who="admin_a", headers={"x-api-key": "{secret_sk_live_a}"}, status=400, wanted='"code":"TWO_CREDENTIALS"'),
    Scenario(name="token and secret key in apikey", path=PRODUCTS, who="admin_a", headers={"apikey": "{secret_sk_live_a}"}, status=400, wanted="TWO_CREDENTIALS"),
    Scenario(name="two secret keys", path=PRODUCTS, headers={"x-api-key": "{secret_sk_live_a}", "apikey": "{secret_sk_live_b}"}, status=400, wanted="TWO_CREDENTIALS"),
    Scenario(name="two secret keys of one tenant", path=PRODUCTS, headers={"x-api-key": "{secret_sk_live_a}", "authorization": "Bearer {secret_sk_test_a}"}, status=400, wanted="TWO_CREDENTIALS"),
    Scenario(name="two publishable keys", path=PRODUCTS, headers={"x-client-key": "{secret_pk_live_a}", "x-publishable-key": "{secret_pk_test_a}"}, status=400, wanted="TWO_CREDENTIALS"),
    Scenario(name="two publishable keys beside a token", path=PRODUCTS, who="admin_a", headers={"x-client-key": "{secret_pk_live_a}", "apikey": "{secret_pk_live_b}"}, status=400, wanted="TWO_CREDENTIALS"),
    Scenario(name="the same secret key three times", path=PRODUCTS, headers={"x-api-key": "{secret_sk_live_a}", "apikey": "{secret_sk_live_a}", "authorization": "Bearer {secret_sk_live_a}"}, status=200),
    Scenario(name="the same publishable key twice", path=PRODUCTS, headers={"x-client-key": "{secret_pk_live_a}", "x-publishable-key": "{secret_pk_live_a}"}, status=200),
    Scenario(name="a token wins over the cookie", path=ME, who="viewer_a", headers={"cookie": "__Host-watchword={token_admin_b}"}, status=200, wanted="viewer.a@example.com"),
    Scenario(name="a token wins over a forged cookie", path=ME, who="viewer_a", headers={"cookie": f"__Host-watchword={FORGED}"}, status=200),
    Scenario(name="a secret key wins over the cookie", path=PRODUCTS, who="sk_test_b", headers={"cookie": "__Host-watchword={token_admin_a}"}, status=200, wanted='"test b 12"'),
    Scenario(name="a forged token is not saved by the cookie", path=ME, headers={"authorization": f"Bearer {FORGED}", "cookie": "__Host-watchword={token_admin_a}"}, status=401),
    Scenario(name="an unknown scheme is not saved by the cookie", path=ME, headers={"authorization": "Basic YTpi", "cookie": "__Host-watchword={token_admin_a}"}, status=401),
    Scenario(name="an unknown key is not saved by a token", path=ME, who="admin_a", headers={"x-client-key": UNKNOWN_PUBLISHABLE}, status=401),
    Scenario(name="an unknown key is not saved by the cookie", path=PRODUCTS, headers={"x-api-key": UNKNOWN, "cookie": "__Host-watchword={token_admin_a}"}, status=401),
    Scenario(name="a forged token is not saved by a publishable key", path=PRODUCTS, who="pk_live_a", headers={"authorization": f"Bearer {FORGED}"}, status=401),
]  # fmt: skip

TENANT_AND_MODE = [
    Scenario(name="the only membership", path=PRODUCTS, who="viewer_b", status=200, wanted='"live b 12"'),
    Scenario(name="a test key sets the mode of a token", path=PRODUCTS, who="viewer_a", headers={"x-client-key": "{secret_pk_test_a}"}, status=200, wanted='"test a 12"', unwanted="live a"),
    Scenario(name="a live key leaves a token live", path=PRODUCTS, who="viewer_a", headers={"x-client-key": "{secret_pk_live_a}"}, status=200, wanted='"live a 12"'),
    Scenario(name="a test key sets the mode of the cookie", path=PRODUCTS, headers={"cookie": "__Host-watchword={token_viewer_a}", "x-client-key": "{secret_pk_test_a}"}, status=200, wanted='"test a 12"'),
    Scenario(name="a publishable key beside its own secret key", path=PRODUCTS, who="sk_test_a", headers={"x-client-key": "{secret_pk_test_a}"}, status=200, wanted='"test a 12"'),
    Scenario(name="a publishable key of another tenant beside a token", path=PRODUCTS, who="admin_a", headers={"x-client-key": "{secret_pk_live_b}"}, status=403, wanted='"code":"NOT_A_MEMBER"'),
    Scenario(name="a publishable key of another tenant beside a secret key", path=PRODUCTS, who="sk_live_a", headers={"x-client-key": "{secret_pk_live_b}"}, status=403, wanted='"code":"TENANT_MISMATCH"'),
    Scenario(name="a publishable key of another mode beside a secret key", path=PRODUCTS, who="sk_live_a", headers={"x-client-key": "{secret_pk_test_a}"}, status=403, wanted='"code":"TENANT_MISMATCH"'),
    Scenario(name="the own tenant by id", path=PRODUCTS, who="admin_a", headers={"x-tenant-id": "{tenant_a}"}, status=200, wanted='"live a 12"'),
    Scenario(name="the own tenant by slug", path=PRODUCTS, who="admin_a", headers={"x-tenant-id": "tenant-a"}, status=200, wanted='"live a 12"'),
    Scenario(name="another tenant by id", path=PRODUCTS, who="admin_a", headers={"x-tenant-id": "{tenant_b}"}, status=403, wanted='"code":"NOT_A_MEMBER"', unwanted="live b"),
    Scenario(name="another tenant by slug", path=PRODUCTS, who="admin_a", headers={"x-tenant-id": "tenant-b"}, status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="an unknown tenant", path=PRODUCTS, who="admin_a", headers={"x-tenant-id": "tenant-z"}, status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="a tenant without a name", path=PRODUCTS, who="admin_a", headers={"x-tenant-id": ""}, status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="the slug in capitals", path=PRODUCTS, who="admin_a", headers={"x-tenant-id": "TENANT-A"}, status=403),
    Scenario(name="a member of none names one", path=PRODUCTS, who="outsider", headers={"x-tenant-id": "tenant-a"}, status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="another tenant in the cookie's request", path=PRODUCTS, headers={"cookie": "__Host-watchword={token_admin_a}", "x-tenant-id": "tenant-b"}, status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="a secret key and its own tenant", path=PRODUCTS, who="sk_live_a", headers={"x-tenant-id": "tenant-a"}, status=200),
    Scenario(name="a secret key and another tenant", path=PRODUCTS, who="sk_live_a", headers={"x-tenant-id": "tenant-b"}, status=403, wanted="TENANT_MISMATCH"),
    Scenario(name="a publishable key and another tenant", path=PRODUCTS, who="pk_live_a", headers={"x-tenant-id": "{tenant_b}"}, status=403, wanted="TENANT_MISMATCH"),
    Scenario(name="a publishable key and an unknown tenant", path=PRODUCTS, who="pk_live_a", headers={"x-tenant-id": "tenant-z"}, status=403, wanted="TENANT_MISMATCH"),
    Scenario(name="token, key and tenant agree", path=PRODUCTS, who="admin_a", headers={"x-client-key": "{secret_pk_test_a}", "x-tenant-id": "tenant-a"}, status=200, wanted='"test a 12"'),
    Scenario(name="key and tenant beside a token disagree", path=PRODUCTS, who="admin_a", headers={"x-client-key": "{secret_pk_live_a}", "x-tenant-id": "tenant-b"}, status=403, wanted="TENANT_MISMATCH"),
    Scenario(name="a super-admin names a tenant", path=PRODUCTS, who="super", headers={"x-tenant-id": "tenant-b"}, status=200, wanted='"live b 12"'),
    Scenario(name="a super-admin names a tenant by key", path=PRODUCTS, who="super", headers={"x-client-key": "{secret_pk_test_b}"}, status=200, wanted='"test b 12"'),
    Scenario(name="a super-admin names an unknown tenant", path=PRODUCTS, who="super", headers={"x-tenant-id": "tenant-z"}, status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="a super-admin names none", path=PRODUCTS, who="super", status=400, wanted="X-Tenant-ID"),
    Scenario(name="a super-admin writes nowhere", method="POST", path="/api/products", who="super", json={"name": "x", "price": 1}, status=400, wanted="X-Tenant-ID"),
    Scenario(name="a super-admin reads one nowhere", path="/api/products/{product_live_a}", who="super", status=400, wanted="X-Tenant-ID"),
    Scenario(name="a super-admin counts nowhere", path="/api/products/count", who="super", status=400, wanted="X-Tenant-ID"),
    Scenario(name="a super-admin lists keys nowhere", path="/api/keys", who="super", status=400, wanted="X-Tenant-ID"),
    Scenario(name="a member of none names none", path=PRODUCTS, who="outsider", status=403, wanted='"code":"FORBIDDEN"'),
]  # fmt: skip

FROM_A_BROWSER = [
    Scenario(name="a secret key with an Origin", path=PRODUCTS, who="sk_live_a", headers={"origin": SHOP_ORIGIN}, status=403, wanted='"code":"SECRET_KEY_IN_BROWSER"', unwanted="docs", events=("secret_key.in_browser",)),
    Scenario(name="a secret key with a foreign Origin", path=PRODUCTS, who="sk_live_a", headers={"origin": "null"}, status=403, wanted="SECRET_KEY_IN_BROWSER", events=("secret_key.in_browser",)),
    Scenario(name="a secret key with Sec-Fetch-Site", path=PRODUCTS, who="sk_live_a", headers={"sec-fetch-site": "none"}, status=403, wanted="SECRET_KEY_IN_BROWSER", events=("secret_key.in_browser",)),
    Scenario(name="a secret key as Bearer with an Origin", path=PRODUCTS, headers={"authorization": "Bearer {secret_sk_test_a}", "origin": SHOP_ORIGIN}, status=403, wanted="SECRET_KEY_IN_BROWSER", events=("secret_key.in_browser",)),
    Scenario(name="a secret key with Sec-Fetch-Mode, as Node sends it", path=PRODUCTS, who="sk_live_a", headers={"sec-fetch-mode": "cors"}, status=200),
    Scenario(name="an unknown secret key with an Origin", path=PRODUCTS, headers={"x-api-key": UNKNOWN, "origin": SHOP_ORIGIN}, status=401, wanted="UNAUTHORIZED"),
    Scenario(name="a secret key writes from a browser", method="POST", path="/api/products", who="sk_live_a", json={"name": "x", "price": 1}, headers={"origin": SHOP_ORIGIN}, status=403, wanted="SECRET_KEY_IN_BROWSER", events=("secret_key.in_browser",)),
    Scenario(name="a publishable key with an Origin", path=PRODUCTS, who="pk_live_a", headers={"origin": SHOP_ORIGIN, "sec-fetch-site": "cross-site"}, status=200),
    Scenario(name="a token with an Origin", path=PRODUCTS, who="viewer_a", headers={"origin": SHOP_ORIGIN}, status=200),
]  # fmt: skip


@pytest.mark.parametrize("scenario", [*ARRIVES, *ONE_PROOF, *TENANT_AND_MODE, *FROM_A_BROWSER], ids=name_of)
async def test_a_credential_is_read_in_one_way(shared: Api, scenario: Scenario) -> None:
    """Each row of credentials gives its one caller, tenant and mode, or its one refusal."""
    await run(shared, scenario)


@pytest.mark.parametrize(
    "name", ["authorization", "x-api-key", "apikey", "x-client-key", "x-publishable-key", "x-tenant-id", "cookie"]
)
async def test_a_credential_header_comes_once(shared: Api, name: str) -> None:
    """A header that decides who is calling is refused when it comes twice, even with one value."""
    world = shared.world
    value = {
        "authorization": f"Bearer {world.tokens['admin_a']}",
        "x-tenant-id": world.tenants["a"],
        "cookie": f"__Host-watchword={world.tokens['admin_a']}",
        "x-client-key": world.keys["pk_live_a"],
        "x-publishable-key": world.keys["pk_live_a"],
    }.get(name, world.keys["sk_live_a"])
    response = await shared.client.get(PRODUCTS, headers=[(name, value), (name, value)])
    require_sound(response)
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
    assert name in response.text
    assert value not in response.text


async def test_every_dead_proof_has_one_answer(shared: Api) -> None:
    """Mistyped, unknown, malformed and forged credentials get the very same body."""
    answers = set()
    for headers in (
        {},
        {"x-api-key": MISTYPED},
        {"x-api-key": UNKNOWN},
        {"x-client-key": UNKNOWN_PUBLISHABLE},
        {"authorization": f"Bearer {FORGED}"},
        {"authorization": "Basic YTpi"},
        {"cookie": f"__Host-watchword={FORGED}"},
    ):
        response = await shared.call("GET", PRODUCTS, headers=headers)
        answers.add((response.status_code, response.content))
    assert len(answers) == 1


async def test_the_event_of_a_key_in_a_browser_names_the_key(api: Api) -> None:
    """An operator learns which secret key a browser held, of which tenant, and from where it came."""
    await api.call("GET", PRODUCTS, who="sk_live_a", headers={"origin": SHOP_ORIGIN})
    (event,) = api.events()
    assert event["event"] == "secret_key.in_browser"
    assert event["tenant"] == api.world.tenants["a"]
    assert event["credential"] == api.world.key_ids["sk_live_a"]
    assert event["address"] == "127.0.0.1"


async def make_key(api: Api, **fields: object) -> str:
    made = await api.call("POST", "/api/keys", who="admin_a", json={"name": "K", **fields})
    assert made.status_code == 201, made.text
    return str(made.json()["doc"]["key"])


async def test_a_bound_publishable_key_is_held_to_its_origins_beside_a_token_too(api: Api) -> None:
    """A publishable key with a list is refused from elsewhere, alone and as the companion of a session."""
    key = await make_key(api, kind="publishable", allowed_origins=["https://one.example"])
    for who in ("nobody", "viewer_a"):
        for origin, status in (
            ("https://one.example", 200),
            ("https://one.example:8443", 403),
            ("http://one.example", 403),
            ("https://one.example.evil.example", 403),
            ("null", 403),
            (SHOP_ORIGIN, 403),
        ):
            response = await api.call("GET", PRODUCTS, who=who, headers={"x-publishable-key": key, "origin": origin})
            assert response.status_code == status, (who, origin)
            assert status == 200 or code_of(response) == "ORIGIN_NOT_ALLOWED"


async def test_a_bound_secret_key_is_held_to_its_networks(api: Api) -> None:
    """A secret key with a list is served from its networks only, whatever a client says of its address."""
    for networks, status in ((["127.0.0.1"], 200), (["127.0.0.2/32"], 403), (["::1/128"], 403), (["10.0.0.0/8"], 403)):
        key = await make_key(api, kind="secret", allowed_networks=networks)
        for headers in ({}, {"x-forwarded-for": "10.0.0.1"}, {"forwarded": "for=10.0.0.1"}):
            response = await api.call("GET", PRODUCTS, headers={"x-api-key": key, **headers})
            assert response.status_code == status
            assert status == 200 or code_of(response) == "NETWORK_NOT_ALLOWED"


async def test_an_address_inside_another_is_held_to_its_networks(sqlite_api: Api) -> None:
    """A listener for both versions names an IPv4 client inside an IPv6 address; keys' networks know it all the same."""
    for networks, status in ((["127.0.0.1"], 200), (["10.0.0.0/8"], 403)):
        key = await make_key(sqlite_api, kind="secret", allowed_networks=networks)
        headers = [(b"host", b"localhost"), (b"x-api-key", key.encode())]
        request = sqlite_api.application.make_request(
            "GET", PRODUCTS.encode(), headers, peer="::ffff:127.0.0.1", scheme="https"
        )
        assert (await sqlite_api.application.answer(request)).status == status


async def test_a_key_ends_at_its_second(api: Api, clock: SetClock) -> None:
    """A key with an end is good until the last moment before it and dead at it, also when it was remembered."""
    end_s = clock.now_ms() // 1000 + 100
    key = await make_key(api, kind="secret", expires_at=end_s)
    for moved_ms, status in ((0, 200), (99_999, 200), (1, 401), (1, 401)):
        clock.advance(moved_ms)
        response = await api.call("GET", PRODUCTS, headers={"x-api-key": key})
        assert response.status_code == status
