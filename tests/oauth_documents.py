"""Metadata documents of clients on a site of their own, for the tests of what is believed of them and how they are fetched."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import httpx

from browser import Browser, answer_in
from https_site import Site, answer_of
from oauth_pages_world import CALLBACK, REQUEST, VERIFIER, sign_in
from world import Api

PATH = "/agent.json"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def publish(site: Site, path: str = PATH, *, headers: tuple[str, ...] = (), **changes: Any) -> None:  # noqa: ANN401 - metadata of any shape
    """Put a document on the site; a change to None leaves a field out."""
    document = {
        "client_id": site.url(path),
        "client_name": "An agent",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        **changes,
    }
    body = json.dumps({name: value for name, value in document.items() if value is not None}).encode()
    site.answers[path] = answer_of(body, headers=headers)


def authorize(client_id: str, *, tenant: str = "tenant-a", **changes: str) -> str:
    """Return the address that the client sends people to."""
    return f"/t/{tenant}/oauth/authorize?{urlencode({'client_id': client_id, **REQUEST, **changes})}"


async def code_for(api: Api, client_id: str) -> str:
    """Sign in, allow, and return the code."""
    browser = Browser(api)
    page = await sign_in(browser, await browser.get(authorize(client_id)))
    return answer_in(page if page.status_code == 303 else await browser.submit(page, decision="allow"))["code"]


async def redeem(api: Api, client_id: str, code: str, *, tenant: str = "tenant-a", **more: str) -> httpx.Response:
    """Spend a code as a client without a secret."""
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    form = urlencode({**fields, "client_id": client_id, **more}).encode()
    return await api.call("POST", f"/t/{tenant}/oauth/token", content=form, headers=FORM)
