"""What every answer carries beside its body: who may read it, who may keep it, how much is left, and what it is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from eventually import eventually
from scenario import Scenario, code_of, name_of, require_sound, run
from support import SetClock
from world import PASSWORD, SHOP_ORIGIN, Api, World, open_api

PRODUCTS = "/api/products?limit=1"
EVIL = "https://evil.example"
PREFLIGHT = {"access-control-request-method": "PATCH", "access-control-request-headers": "authorization"}
ALLOWED = {"access-control-allow-origin": SHOP_ORIGIN, "access-control-allow-credentials": "true"}
SILENT = {
    "access-control-allow-origin": None,
    "access-control-allow-credentials": None,
    "access-control-expose-headers": None,
}
LOGIN = {"email": "admin.a@example.com", "password": PASSWORD}
FORGED = {"authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}

CORS = [
    Scenario(name="preflight from a listed origin", method="OPTIONS", path="/api/products", headers={"origin": SHOP_ORIGIN, **PREFLIGHT}, status=204, headers_wanted={**ALLOWED, "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE", "access-control-max-age": "600", "vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}),
    Scenario(name="preflight from an unlisted origin", method="OPTIONS", path="/api/products", headers={"origin": EVIL, **PREFLIGHT}, status=204, headers_wanted={**SILENT, "access-control-allow-methods": None, "access-control-allow-headers": None, "vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}),
    Scenario(name="preflight from nowhere", method="OPTIONS", path="/api/products", headers={"origin": "null", **PREFLIGHT}, status=204, headers_wanted=SILENT),
    Scenario(name="preflight from a listed name on another port", method="OPTIONS", path="/api/products", headers={"origin": SHOP_ORIGIN + ":444", **PREFLIGHT}, status=204, headers_wanted=SILENT),
    Scenario(name="preflight from a listed name without TLS", method="OPTIONS", path="/api/products", headers={"origin": SHOP_ORIGIN.replace("https", "http"), **PREFLIGHT}, status=204, headers_wanted=SILENT),
    Scenario(name="preflight from a subdomain", method="OPTIONS", path="/api/products", headers={"origin": "https://a.shop.example", **PREFLIGHT}, status=204, headers_wanted=SILENT),
    Scenario(name="preflight from the origin in capitals", method="OPTIONS", path="/api/products", headers={"origin": "https://SHOP.example", **PREFLIGHT}, status=204, headers_wanted=SILENT),
    Scenario(name="preflight of a path that is none", method="OPTIONS", path="/api/nothing", headers={"origin": SHOP_ORIGIN, **PREFLIGHT}, status=204, headers_wanted=ALLOWED),
    Scenario(name="preflight needs no proof", method="OPTIONS", path="/api/users/me", headers={"origin": SHOP_ORIGIN, **PREFLIGHT, **FORGED}, status=204, headers_wanted=ALLOWED),
    Scenario(name="OPTIONS without a preflight", method="OPTIONS", path="/api/products", status=204, headers_wanted={"allow": "GET, POST, HEAD, OPTIONS", **SILENT}),
    Scenario(name="OPTIONS of a path that is none", method="OPTIONS", path="/api/nothing", status=404),
    Scenario(name="the 404 behind that preflight", method="PATCH", path="/api/nothing", json={}, headers={"origin": SHOP_ORIGIN}, status=404, headers_wanted=ALLOWED),
    Scenario(name="a read from a listed origin", path=PRODUCTS, who="pk_live_a", headers={"origin": SHOP_ORIGIN}, status=200, headers_wanted={**ALLOWED, "vary": "Origin"}),
    Scenario(name="a read from an unlisted origin", path=PRODUCTS, who="pk_live_a", headers={"origin": EVIL}, status=200, headers_wanted={**SILENT, "vary": "Origin"}),
    Scenario(name="a read from nowhere", path=PRODUCTS, who="pk_live_a", headers={"origin": "null"}, status=200, headers_wanted=SILENT),
    Scenario(name="a read without an origin", path=PRODUCTS, who="pk_live_a", status=200, headers_wanted={**SILENT, "vary": "Origin"}),
    Scenario(name="a read by token", path=PRODUCTS, who="viewer_a", headers={"origin": SHOP_ORIGIN}, status=200, headers_wanted=ALLOWED),
    Scenario(name="a read by cookie", path=PRODUCTS, headers={"origin": SHOP_ORIGIN, "cookie": "__Host-watchword={token_viewer_a}"}, status=200, headers_wanted=ALLOWED),
    Scenario(name="a read by cookie from an unlisted origin", path=PRODUCTS, headers={"origin": EVIL, "cookie": "__Host-watchword={token_viewer_a}"}, status=200, headers_wanted=SILENT),
    Scenario(name="a read of a member of no tenant", path="/api/users/me", who="outsider", headers={"origin": SHOP_ORIGIN}, status=200, headers_wanted=SILENT),
    Scenario(name="a 401 from a listed origin", path=PRODUCTS, headers={"origin": SHOP_ORIGIN}, status=401, headers_wanted=ALLOWED),
    Scenario(name="a 401 for a forged token", path=PRODUCTS, headers={"origin": SHOP_ORIGIN, **FORGED}, status=401, headers_wanted=ALLOWED),
    Scenario(name="a 401 from an unlisted origin", path=PRODUCTS, headers={"origin": EVIL, **FORGED}, status=401, headers_wanted=SILENT),
    Scenario(name="a 403 from a listed origin", method="POST", path="/api/products", who="pk_live_a", json={}, headers={"origin": SHOP_ORIGIN}, status=403, headers_wanted=ALLOWED),
    Scenario(name="a 404 from a listed origin", path="/api/products/none", who="pk_live_a", headers={"origin": SHOP_ORIGIN}, status=404, headers_wanted=ALLOWED),
    Scenario(name="an answer of no route", path="/nothing", headers={"origin": SHOP_ORIGIN}, status=404, headers_wanted=ALLOWED),
    Scenario(name="a wrong login from a listed origin", method="POST", path="/api/users/login", json={"email": "x@example.com", "password": "wrong"}, headers={"origin": SHOP_ORIGIN}, status=401, headers_wanted=ALLOWED, events=("user.login_failed",)),
]  # fmt: skip

KEPT = [
    Scenario(name="me", path="/api/users/me", who="admin_a", status=200, headers_wanted={"cache-control": "no-store"}),
    Scenario(name="sessions", path="/api/users/sessions", who="admin_a", status=200, headers_wanted={"cache-control": "no-store"}),
    Scenario(name="keys", path="/api/keys", who="admin_a", status=200, headers_wanted={"cache-control": "no-store"}),
    Scenario(name="a tenant", path="/api/tenants/{tenant_a}", who="admin_a", status=200, headers_wanted={"cache-control": "no-store"}),
    Scenario(name="members", path="/api/tenants/{tenant_a}/members", who="admin_a", status=200, headers_wanted={"cache-control": "no-store"}),
    Scenario(name="a list of products", path=PRODUCTS, who="admin_a", status=200, headers_wanted={"cache-control": "private, no-cache"}),
    Scenario(name="a refusal", path=PRODUCTS, status=401, headers_wanted={"cache-control": "no-store"}),
    Scenario(name="health", path="/api/health", status=200, headers_wanted={"content-type": "application/json; charset=utf-8"}),
    Scenario(name="HTTP has no HSTS", path="/api/health", headers={"x-forwarded-proto": "http"}, status=200),
]  # fmt: skip

SHAPE = [
    Scenario(name="a path that is none", path="/nothing", status=404, wanted='"code":"NOT_FOUND"'),
    Scenario(name="the root", path="/", status=200, wanted='"name":"Watchword"'),
    Scenario(name="a path with a NUL", path="/api/products/%00", status=400, wanted="NUL"),
    Scenario(name="a path that is no text", path="/api/products/%ff", status=400, wanted="UTF-8"),
    Scenario(name="dots", path="/api/products/%2e%2e/users/me", status=404),
    Scenario(name="an encoded slash reaches no other route", path="/api%2Fusers%2Fme", who="admin_a", status=404),
    Scenario(name="two slashes", path="/api//products", who="admin_a", status=404),
    Scenario(name="another case", path="/API/products", who="admin_a", status=404),
    Scenario(name="a method that the path lacks", method="DELETE", path="/api/users/me", who="admin_a", status=405, wanted='"code":"METHOD_NOT_ALLOWED"', headers_wanted={"allow": "GET, PATCH, HEAD, OPTIONS"}),
    Scenario(name="a method that the path lacks, unproved", method="POST", path="/api/users/me", status=405, headers_wanted={"allow": "GET, PATCH, HEAD, OPTIONS"}),
    Scenario(name="HEAD where there is no GET", method="HEAD", path="/api/users/login", status=405, headers_wanted={"allow": "POST, OPTIONS"}),
    Scenario(name="TRACE", method="TRACE", path="/api/products", status=405),
    Scenario(name="broken JSON", method="POST", path="/api/keys", who="admin_a", content=b'{\n  "name": "x",\n  oops\n}', status=400, wanted=('"line":3', '"column":3', "at line 3, column 3"), unwanted="oops"),
    Scenario(name="JSON cut off", method="POST", path="/api/keys", who="admin_a", content=b'{"name": "x"', status=400, wanted=('"line":1', '"column":13')),
    Scenario(name="two JSON texts", method="POST", path="/api/keys", who="admin_a", content=b"{} {}", status=400, wanted='"line":1'),
    Scenario(name="a form", method="POST", path="/api/keys", who="admin_a", content=b"a=b", headers={"content-type": "application/x-www-form-urlencoded"}, status=415, wanted='"code":"UNSUPPORTED_MEDIA_TYPE"'),
    Scenario(name="multipart", method="POST", path="/api/keys", who="admin_a", content=b"--x--", headers={"content-type": "multipart/form-data; boundary=x"}, status=415),
    Scenario(name="JSON by another name", method="POST", path="/api/keys", who="admin_a", content=b"{}", headers={"content-type": "text/json"}, status=415),
    Scenario(name="JSON with a parameter", method="POST", path="/api/keys", who="admin_a", content=b"{}", headers={"content-type": "Application/JSON; charset=utf-8"}, status=400, wanted='"path":"name"'),
    Scenario(name="a body too large", method="POST", path="/api/keys", who="admin_a", content=b" " * 1_048_577, status=413, wanted='"code":"CONTENT_TOO_LARGE"'),
    Scenario(name="a body just small enough", method="POST", path="/api/keys", who="admin_a", content=b"{}" + b" " * 1_048_574, status=400, wanted='"path":"name"'),
    Scenario(name="a stranger's large body", method="POST", path="/api/keys", content=b" " * 1_048_577, status=401),
    Scenario(name="a GET with a body", path=PRODUCTS, who="viewer_a", content=b"{}", status=200),
]  # fmt: skip


@pytest.mark.parametrize("scenario", [*CORS, *KEPT, *SHAPE], ids=name_of)
async def test_an_answer_carries_what_its_row_says(shared: Api, scenario: Scenario) -> None:
    """Each row gets its status with exactly its headers, in the shape of every other answer."""
    response = await run(shared, scenario)
    assert "strict-transport-security" not in response.headers or response.url.scheme == "https"


async def test_a_preflight_allows_the_documented_headers(shared: Api) -> None:
    """A browser may send each header that the API reads."""
    response = await shared.call("OPTIONS", "/api/products", headers={"origin": SHOP_ORIGIN, **PREFLIGHT})
    allowed = {name.strip().lower() for name in response.headers["access-control-allow-headers"].split(",")}
    assert allowed >= {
        "authorization", "content-type", "x-api-key", "x-client-key", "x-publishable-key", "apikey",
        "x-tenant-id", "idempotency-key", "if-match", "if-none-match",
    }  # fmt: skip


async def test_a_browser_may_read_limits_and_tags(shared: Api) -> None:
    """Each header of ours that a page needs is exposed to a listed origin."""
    response = await shared.call("GET", PRODUCTS, who="pk_live_a", headers={"origin": SHOP_ORIGIN})
    exposed = {name.strip().lower() for name in response.headers["access-control-expose-headers"].split(",")}
    assert exposed >= {
        "etag", "retry-after", "x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
        "x-ratelimit-window", "ratelimit", "ratelimit-policy", "x-usage-limit", "x-usage-current", "x-usage-remaining",
    }  # fmt: skip


async def test_a_419_can_be_read_from_a_listed_origin(api: Api, clock: SetClock) -> None:
    """A page learns that its token expired, by header and by cookie; a page of an unlisted origin does not."""
    clock.advance(604_800_000)
    token = api.world.tokens["admin_a"]
    for proof in ({"authorization": f"Bearer {token}"}, {"cookie": f"__Host-watchword={token}"}):
        for origin in (SHOP_ORIGIN, EVIL):
            response = await api.call("GET", "/api/users/me", headers={**proof, "origin": origin})
            require_sound(response)
            assert (response.status_code, code_of(response)) == (419, "TOKEN_EXPIRED")
            assert ("access-control-allow-origin" in response.headers) is (origin == SHOP_ORIGIN)


async def test_an_origin_of_one_tenant_reads_nothing_of_another(api: Api) -> None:
    """An origin that only another tenant lists passes a preflight and is then not allowed to read."""
    body = {"allowed_origins": ["https://b.example"]}
    assert (await api.call("PATCH", "/api/tenants/{tenant_b}", who="admin_b", json=body)).status_code == 200
    for who, wanted in (("viewer_b", "https://b.example"), ("viewer_a", None), ("pk_live_a", None)):
        response = await api.call("GET", PRODUCTS, who=who, headers={"origin": "https://b.example"})
        assert response.headers.get("access-control-allow-origin") == wanted, who
    dropped = await api.call("GET", PRODUCTS, who="viewer_b", headers={"origin": SHOP_ORIGIN})
    assert "access-control-allow-origin" not in dropped.headers


async def test_preflights_follow_the_lists(api: Api) -> None:
    """An origin that a tenant or a publishable key newly lists passes preflights soon after, and a dropped one does not."""

    async def passes(origin: str) -> bool:
        response = await api.call("OPTIONS", "/api/products", headers={"origin": origin, **PREFLIGHT})
        return "access-control-allow-origin" in response.headers

    key = {"name": "K", "kind": "publishable", "allowed_origins": ["https://key.example"]}
    assert (await api.call("POST", "/api/keys", who="admin_a", json=key)).status_code == 201
    for tenant in ("a", "b"):
        body = {"allowed_origins": ["https://new.example"]}
        target = f"/api/tenants/{{tenant_{tenant}}}"
        assert (await api.call("PATCH", target, who=f"admin_{tenant}", json=body)).status_code == 200
    await eventually(lambda: not api.application.origins.is_listed(SHOP_ORIGIN), seconds=5)
    assert [await passes(origin) for origin in ("https://new.example", "https://key.example")] == [True, True]
    assert not await passes(SHOP_ORIGIN)


@pytest.mark.parametrize("path", [PRODUCTS, "/api/users/me", "/api/products/{product_live_a}", "/health/live", "/docs"])
async def test_head_is_get_without_the_body(shared: Api, path: str) -> None:
    """HEAD gives the status and headers of GET, its content-length too, and no body."""
    get = await shared.call("GET", path, who="viewer_a")
    head = await shared.call("HEAD", path, who="viewer_a")
    require_sound(head)
    assert (head.status_code, head.content) == (get.status_code, b"")
    same = {name: value for name, value in get.headers.items() if name not in {"x-request-id", "date"}}
    assert {name: value for name, value in head.headers.items() if name not in {"x-request-id", "date"}} == same


async def test_head_refuses_without_a_body(shared: Api) -> None:
    """A refused HEAD has the status and no body."""
    head = await shared.call("HEAD", PRODUCTS)
    assert (head.status_code, head.content) == (401, b"")
    assert head.headers["www-authenticate"]


async def test_request_ids_are_our_own_and_never_repeat(shared: Api) -> None:
    """Every answer has an id of its own, whatever a client sends as one."""
    ids = set()
    for _ in range(20):
        response = await shared.call("GET", "/health/live", headers={"x-request-id": "mine"})
        ids.add(response.headers["x-request-id"])
    assert len(ids) == 20
    assert "mine" not in ids


async def test_security_headers_stand_on_the_docs_page(shared: Api) -> None:
    """The one page of ours runs no script from anywhere and cannot be framed."""
    page = await shared.call("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_every_link_on_the_docs_page_leads_somewhere(shared: Api) -> None:
    """The type of each field is described on the page itself, and what a parameter means stands beside it."""
    page = (await shared.call("GET", "/docs")).text
    places = re.findall(r' id="([^"]+)"', page)
    assert len(places) == len(set(places))
    assert set(re.findall(r' href="#([^"]+)"', page)) <= set(places)
    assert '<td><a href="#type-useranswer">UserAnswer</a></td>' in page
    assert "The first page is 1." in page


@pytest.fixture
async def proxied(template: tuple[Path, World], lane: str, clock: SetClock, tmp_path: Path) -> AsyncIterator[Api]:
    """The door behind a trusted proxy on loopback."""
    directory, world = template
    async with open_api(directory, world, tmp_path / "data", lane, clock, WATCHWORD_BEHIND_PROXY="127.0.0.0/8") as door:
        yield door


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("http", "http"), ("https, http", "http")],
)
async def test_hsts_is_said_over_tls_only(proxied: Api, proto: str, scheme: str) -> None:
    """Strict-Transport-Security stands on answers that went over TLS, refusals too, and on no other."""
    for path in ("/health/live", PRODUCTS, "/nothing"):
        response = await proxied.call("GET", path, headers={"x-forwarded-proto": proto})
        assert ("strict-transport-security" in response.headers) is (scheme == "https")
        if scheme == "https":
            assert response.headers["strict-transport-security"].startswith("max-age=63072000")


@pytest.mark.parametrize(
    ("host", "status"), [("api.example.com", 200), ("evil.example, api.example.com", 200), ("internal.example", 403)]
)
async def test_the_own_origin_is_what_the_proxy_was_called(proxied: Api, host: str, status: int) -> None:
    """A change by cookie from the server's own page holds where the proxy tells by which host it was called."""
    sent = {
        "cookie": f"__Host-watchword={proxied.world.tokens['viewer_a']}",
        "origin": "https://api.example.com",
        "x-forwarded-proto": "https",
        "x-forwarded-host": host,
    }
    answer = await proxied.call("PATCH", "/api/users/me", json={"name": "Ann"}, headers=sent)
    assert answer.status_code == status, answer.text


async def test_a_credential_in_clear_is_refused(proxied: Api) -> None:
    """A request that reached the proxy over plain HTTP is refused wherever credentials go; what is public is not."""
    clear = {"x-forwarded-proto": "http"}
    for path, who in [("/api/users/me", "admin_a"), (PRODUCTS, "pk_live_a"), ("/api/health", "nobody")]:
        refusal = await proxied.call("GET", path, who=who, headers=clear)
        assert (refusal.status_code, refusal.json()["errors"][0]["extensions"]["code"]) == (403, "HTTPS_REQUIRED")
    for path in ("/oauth/token", "/t/tenant-a/oauth/token", "/t/tenant-a/api/users/login"):
        assert (await proxied.call("POST", path, headers=clear)).status_code == 403
    assert (await proxied.call("GET", "/health/live", headers=clear)).status_code == 200


async def limited(api: Api, **settings: int) -> None:
    response = await api.call("PATCH", "/api/tenants/{tenant_a}", who="super", json={"settings": settings})
    assert response.status_code == 200, response.text


def limit_headers(response: httpx.Response) -> dict[str, str]:
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy", "ratelimit")
    return {
        name: response.headers[name]
        for name in (*names, "retry-after", "x-ratelimit-window")
        if name in response.headers
    }


async def test_limits_are_told_and_kept_to_the_last_request(api: Api, clock: SetClock) -> None:
    """A tenant's minute gives exactly its number of requests to all its callers together, tells what is left, and ends."""
    await limited(api, requests_per_minute=3)
    clock.advance(60_000 - clock.now_ms() % 60_000 + 15_500)
    window_end = str(clock.now_ms() // 60_000 * 60 + 60)
    for who, left in (("sk_live_a", 2), ("viewer_a", 1), ("pk_test_a", 0)):
        response = await api.call("GET", PRODUCTS, who=who)
        assert response.status_code == 200
        assert limit_headers(response) == {
            "x-ratelimit-limit": "3",
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-reset": window_end,
            "ratelimit-policy": '"default";q=3;w=60',
            "ratelimit": f'"default";r={left};t=45',
        }
    for who in ("sk_live_a", "admin_a", "pk_live_a"):
        refused = await api.call("GET", PRODUCTS, who=who)
        require_sound(refused)
        assert refused.status_code == 429
        assert refused.json() == {
            "errors": [
                {
                    "message": "Rate limit exceeded",
                    "name": "TooManyRequests",
                    "extensions": {"code": "RATE_LIMIT_EXCEEDED", "retryAfter": 45},
                }
            ]
        }
        assert limit_headers(refused) == {
            "x-ratelimit-limit": "3",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": window_end,
            "ratelimit-policy": '"default";q=3;w=60',
            "ratelimit": '"default";r=0;t=45',
            "retry-after": "45",
            "x-ratelimit-window": "minute",
        }
    assert (await api.call("GET", PRODUCTS, who="sk_live_b")).status_code == 200
    clock.advance(44_499)
    assert (await api.call("GET", PRODUCTS, who="sk_live_a")).status_code == 429
    clock.advance(1)
    assert (await api.call("GET", PRODUCTS, who="sk_live_a")).status_code == 200


async def test_one_user_does_not_use_up_the_tenants(
    template: tuple[Path, World], clock: SetClock, tmp_path: Path
) -> None:
    """Where the operator bounds users, all sessions of one count together, and nobody else of the tenant is held up."""
    directory, world = template
    bounds = {"WATCHWORD_REQUESTS_PER_MINUTE_PER_USER": "2"}
    async with open_api(directory, world, tmp_path / "data", "fast", clock, **bounds) as api:
        user = {"email": "viewer.a@example.com", "password": PASSWORD}
        second = (await api.call("POST", "/api/users/login", json=user)).json()["token"]
        assert (await api.call("GET", PRODUCTS, who="viewer_a")).headers["x-ratelimit-remaining"] == "1"
        headers = {"authorization": f"Bearer {second}"}
        statuses = [(await api.call("GET", "/api/users/me", headers=headers)).status_code for _ in range(2)]
        assert statuses == [200, 429]
        assert (await api.call("GET", PRODUCTS, who="viewer_a")).status_code == 429
        for other in ("editor_a", "sk_live_a", "pk_live_a"):
            assert (await api.call("GET", PRODUCTS, who=other)).status_code == 200


async def test_an_hour_has_its_own_limit(api: Api, clock: SetClock) -> None:
    """A tenant's hour bounds what its minutes would allow, and the refusal names the window."""
    await limited(api, requests_per_minute=2, requests_per_hour=3)
    clock.advance(3_600_000 - clock.now_ms() % 3_600_000)
    statuses = []
    for _ in range(4):
        response = await api.call("GET", PRODUCTS, who="sk_live_a")
        statuses.append(response.status_code)
        clock.advance(60_000)
    assert statuses == [200, 200, 200, 429]
    assert response.headers["x-ratelimit-window"] == "hour"
    assert response.headers["retry-after"] == "3420"


async def test_a_keys_own_limit_is_told(api: Api) -> None:
    """A key with a limit of its own is held to it while the tenant's other keys go on."""
    body = {"name": "K", "kind": "secret", "rate_limit": 2}
    made = await api.call("POST", "/api/keys", who="admin_a", json=body)
    headers = {"x-api-key": made.json()["doc"]["key"]}
    answers = [await api.call("GET", PRODUCTS, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert (await api.call("GET", PRODUCTS, who="sk_live_a")).status_code == 200


async def test_parallel_requests_pass_a_limit_exactly_as_often_as_it_says(api: Api) -> None:
    """Of fifty requests at once under a limit of twenty, twenty pass."""
    await limited(api, requests_per_minute=20)
    answers = await asyncio.gather(*(api.call("GET", PRODUCTS, who="sk_live_a") for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [429] * 30


async def test_a_429_can_be_read_from_a_listed_origin(api: Api) -> None:
    """A page learns when to come again."""
    await limited(api, requests_per_minute=1)
    for status in (200, 429):
        response = await api.call("GET", PRODUCTS, who="pk_live_a", headers={"origin": SHOP_ORIGIN})
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == SHOP_ORIGIN
    assert "Retry-After" in response.headers["access-control-expose-headers"]


async def test_a_login_is_kept_by_no_cache(api: Api) -> None:
    """Whatever hands out a credential forbids every cache to keep it."""
    headers = {"authorization": f"Bearer {api.world.tokens['admin_b']}"}
    key = {"name": "K", "kind": "secret"}
    for method, path, sent, body in (
        ("POST", "/api/users/login", {}, LOGIN),
        ("POST", "/api/users/login?cookie=true", {}, LOGIN),
        ("POST", "/api/users/refresh-token", headers, None),
        ("POST", "/api/keys", headers, key),
        ("POST", "/api/keys/{key_sk_live_b}/rotate", headers, None),
        ("GET", "/api/users/me", headers, None),
    ):
        response = await api.call(method, path, json=body, headers=sent)
        assert response.status_code in {200, 201}, response.text
        assert response.headers["cache-control"] == "no-store"
        require_sound(response)
