"""The example applications, one for each framework, against a real server: who is let in, who is not, and how it is said."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from sdk_python.bound_keys import API, BoundKey
from sdk_python.guarded import get_token, sign_in
from watchword_client.protect import Policy, Protection
from watchword_client.testing import WatchwordServer

EXAMPLES = Path(__file__).resolve().parents[2] / "sdks" / "python" / "examples"
FRAMEWORKS = ("fastapi", "starlette", "asgi", "flask", "django", "wsgi")
OF_TASKS = {"fastapi", "starlette", "asgi"}

Call = Callable[..., httpx.Response]


class Shop:
    """A protected API, the server behind it, and the credentials of its callers."""

    def __init__(self, server: WatchwordServer, call: Call, protection: Protection) -> None:
        self.server = server
        self.call = call
        self.protection = protection

    def ask(self, method: str, path: str, **parts: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes them
        return httpx.request(method, self.server.url + path, **parts)

    def token(self, scope: str = "orders:read", *, audience: str | None = None) -> str:
        """Get a token of the OAuth client."""
        return get_token(self.server, scope, audience=audience)

    def session(self) -> str:
        """Sign the administrator in."""
        return sign_in(self.server)

    def read(self, token: str) -> httpx.Response:
        return self.call({"authorization": f"Bearer {token}"})

    def refused_within(self, seconds: float, headers: dict[str, str]) -> httpx.Response:
        """Return the first answer that is no 200."""
        until = time.monotonic() + seconds
        answer = self.call(headers)
        while answer.status_code == 200 and time.monotonic() < until:
            answer = self.call(headers)
        return answer


@pytest.fixture(params=FRAMEWORKS)
def shop(request: pytest.FixtureRequest, watchword_server: WatchwordServer) -> Iterator[Shop]:
    """The example of each framework in turn, in this process."""
    server = watchword_server
    protection = Protection(
        issuer=server.url,
        audience=server.audience,
        secret_key=server.secret_key,
        client_key=server.client_key,
        resource_metadata="https://orders.example/.well-known/oauth-protected-resource/api",
        policy=Policy(silence_seconds=8.0, public_url=API),
    )
    sys.path.insert(0, str(EXAMPLES))
    try:
        app = importlib.import_module(f"protect_{request.param}").make_app(protection)
    finally:
        sys.path.remove(str(EXAMPLES))
    with ExitStack() as opened:
        opened.callback(protection.close)
        if request.param in OF_TASKS:
            portal = opened.enter_context(start_blocking_portal())
            opened.callback(portal.call, protection.aclose)
            yield Shop(server, _asgi_call(app, portal), protection)
        else:
            client = opened.enter_context(httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://api"))
            yield Shop(server, lambda headers: client.get("/orders", headers=headers), protection)
    if request.param == "django":
        sys.modules.pop("protect_django")


def _asgi_call(app: Any, portal: BlockingPortal) -> Call:  # noqa: ANN401 - any ASGI application
    async def get(headers: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
            return await client.get("/orders", headers=headers)

    return lambda headers: portal.call(get, headers)


def test_who_is_let_in(shop: Shop) -> None:
    """Access tokens for this API, secret keys and signed-in users are let in, each as who they are; bound keys by proof."""
    server = shop.server
    by_token = shop.read(shop.token())
    assert by_token.status_code == 200, by_token.text
    assert by_token.json()["kind"] == "client"
    assert by_token.json()["subject"] == server.client_id
    by_key = shop.call({"x-api-key": server.secret_key})
    assert (by_key.status_code, by_key.json()["kind"]) == (200, "secret_key")
    bound = BoundKey(server)
    by_proof = bound.headers(bound.proof("GET", f"{API}/orders"))
    assert [shop.call(by_proof).status_code for _ in range(2)] == [200, 401]
    by_session = shop.read(shop.session())
    assert by_session.json() == {"kind": "user", "subject": server.admin_id, "role": "tenant-admin"}


def test_who_is_not(shop: Shop) -> None:
    """Nobody, another API's token, a token without the scope, a key of the other mode, and two credentials are refused."""
    server = shop.server
    metadata = 'resource_metadata="https://orders.example/.well-known/oauth-protected-resource/api"'
    nobody = shop.call({})
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"] == f'Bearer realm="https://orders.example/api", {metadata}'
    narrow = shop.read(shop.token("products:read"))
    assert narrow.status_code == 403
    assert 'error="insufficient_scope", scope="orders:read"' in narrow.headers["www-authenticate"]
    assert metadata in narrow.headers["www-authenticate"]
    for headers in (
        {"authorization": f"Bearer {shop.token(audience=server.url + '/api')}"},
        {"authorization": f"Bearer {shop.token()[:-4]}AAAA"},
        {"x-api-key": server.test_secret_key},
        {"x-api-key": "sk_live_" + "0" * 36},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer none"},
    ):
        refused = shop.call(headers)
        assert refused.status_code == 401, headers
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    two = shop.call({"authorization": f"Bearer {shop.token()}", "x-api-key": server.secret_key})
    assert (two.status_code, two.json()["errors"][0]["extensions"]["code"]) == (400, "TWO_CREDENTIALS")
    browser = shop.call({"x-api-key": server.secret_key, "origin": "https://shop.example"})
    assert browser.status_code == 403


def test_what_ends_is_refused_at_once(shop: Shop) -> None:
    """A token that is given back and a session that is signed out are refused a moment later, remembered or not."""
    server = shop.server
    token, session = shop.token(), shop.session()
    assert (shop.read(token).status_code, shop.read(session).status_code) == (200, 200)
    shop.ask("POST", "/oauth/revoke", data={"token": token}, auth=(server.client_id, server.client_secret))
    assert shop.refused_within(4, {"authorization": f"Bearer {token}"}).status_code == 401
    shop.ask("POST", "/api/users/logout", headers={"authorization": f"Bearer {session}"})
    assert shop.refused_within(4, {"authorization": f"Bearer {session}"}).status_code == 401
    assert shop.read(shop.token()).status_code == 200
