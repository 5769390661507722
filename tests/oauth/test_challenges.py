"""What a refused caller is told to bring, from which a client finds everything else (RFC 6750 §3, RFC 9728 §5.1)."""

from __future__ import annotations

import pytest

from oauth_users import grant_to
from oauth_world import add_client
from support import SetClock
from world import Api

METADATA = 'resource_metadata="https://127.0.0.1:8443/.well-known/oauth-protected-resource/t/tenant-a/api"'
PRODUCT = {"name": "x", "price": 1}


def challenge_of(answer: object) -> str:
    return str(getattr(answer, "headers", {}).get("www-authenticate"))


async def test_a_tenants_path_names_its_metadata_and_the_scope(api: Api) -> None:
    """Without a token the challenge tells of the API and of the scope, and no error code (RFC 6750 §3.1, RFC 9728 §5.1)."""
    answer = await api.call("GET", "/t/tenant-a/api/products")
    assert answer.status_code == 401
    assert challenge_of(answer) == f'Bearer realm="watchword", scope="products:read", {METADATA}'


async def test_the_metadata_that_is_named_is_of_the_api_that_was_called(api: Api) -> None:
    """The document behind the challenge names as its resource the very URL that was called (RFC 9728 §3.3)."""
    told = challenge_of(await api.call("GET", "/t/tenant-a/api/products")).partition('resource_metadata="')[2]
    url = api.application.settings.url
    document = await api.call("GET", told.rstrip('"').removeprefix(url))
    assert document.json()["resource"] == f"{url}/t/tenant-a/api"


@pytest.mark.parametrize("token", ["eyJ0eXAiOiJhdCtqd3QifQ.e30.AA", "at_nonsense", "nonsense"])
async def test_a_wrong_token_is_called_one(api: Api, token: str) -> None:
    """A token that proves nothing is ``invalid_token`` (RFC 6750 §3.1)."""
    answer = await api.call("GET", "/t/tenant-a/api/products", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert challenge_of(answer) == f'Bearer realm="watchword", error="invalid_token", scope="products:read", {METADATA}'


async def test_an_expired_token_is_called_invalid(api: Api, client_id: str, clock: SetClock) -> None:
    """An access token that has expired is 401 with ``invalid_token``, upon which clients refresh (RFC 6750 §3.1)."""
    granted = await grant_to(api, client_id, "viewer_a", "products:read")
    clock.advance(600_000)
    answer = await api.call("GET", "/api/products", headers=granted.header)
    assert (answer.status_code, challenge_of(answer)) == (
        401,
        'Bearer realm="watchword", error="invalid_token", scope="products:read"',
    )


async def test_a_missing_scope_is_named_for_the_step_up(api: Api, client_id: str) -> None:
    """403 with ``insufficient_scope`` and the scope that the request needs (RFC 6750 §3.1)."""
    granted = await grant_to(api, client_id, "editor_a", "products:read")
    answer = await api.call("POST", "/t/tenant-a/api/products", headers=granted.header, json=PRODUCT)
    assert answer.status_code == 403
    wanted = 'Bearer realm="watchword", error="insufficient_scope", scope="products:write"'
    assert challenge_of(answer) == f"{wanted}, {METADATA}"
    assert answer.json()["errors"][0]["extensions"] == {
        "code": "INSUFFICIENT_SCOPE",
        "requiredScope": "products:write",
    }


async def test_a_missing_right_is_no_missing_scope(api: Api, client_id: str) -> None:
    """What the user's role does not hold no scope can give: 403 without a challenge, or clients would ask in vain."""
    granted = await grant_to(api, client_id, "viewer_a", "products:read")
    answer = await api.call("POST", "/t/tenant-a/api/products", headers=granted.header, json=PRODUCT)
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (403, None)


async def test_a_key_is_not_told_to_step_up(api: Api) -> None:
    """A key's scopes are changed by an administrator, so its 403 carries no challenge."""
    body = {"name": "K", "kind": "secret", "scopes": ["products:read"]}
    made = await api.call("POST", "/api/keys", who="admin_a", json=body)
    headers = {"x-api-key": made.json()["doc"]["key"]}
    answer = await api.call("POST", "/api/products", headers=headers, json=PRODUCT)
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (403, None)


async def test_without_a_tenant_no_metadata_is_named(api: Api) -> None:
    """The root names no tenant's metadata, whose resource would be another URL than the one called (RFC 9728 §3.3)."""
    for headers in ({}, {"x-tenant-id": "tenant-a"}):
        answer = await api.call("GET", "/api/products", headers=headers)
        assert challenge_of(answer) == 'Bearer realm="watchword", scope="products:read"'


async def test_a_made_up_tenant_adds_nothing_to_the_header(api: Api) -> None:
    """Nothing of a path gets into the header that is not a slug."""
    for path in ('/t/a"b/api/products', "/t/a%22%0d%0ax:y/api/products", "/t/TENANT-A/api/products"):
        answer = await api.call("GET", path)
        assert (answer.status_code, answer.headers.get("www-authenticate")) == (404, None)


async def test_a_browser_may_read_the_challenge(api: Api) -> None:
    """Clients that run in a page find the challenge too: the header is exposed to the origins that may call."""
    answer = await api.call("GET", "/t/tenant-a/api/products", headers={"origin": "https://shop.example"})
    assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]


async def test_a_client_of_another_tenant_is_not_let_in(api: Api) -> None:
    """A token of tenant b opens nothing at tenant a's path, and is not told that a scope would help."""
    client_id = await add_client(api.application, api.world.tenants["b"])
    granted = await grant_to(api, client_id, "editor_b", "products:*", tenant="b")
    answer = await api.call("GET", "/t/tenant-a/api/products", headers=granted.header)
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (403, None)
