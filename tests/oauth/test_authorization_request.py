"""An authorization request that is wrong: which faults lead nowhere, which are told to the client, and how."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import msgspec
import pytest

from browser import Browser, answer_in, forms_of
from oauth_pages_world import CALLBACK, REQUEST, add_app, authorize_path, require_page, sign_in
from oauth_world import add_client, disable_client
from watchword.oauth.models import ClientSettings
from watchword.tenants.models import ChangeTenant
from world import OPERATOR, Api


class Apps(msgspec.Struct, frozen=True):
    """Clients of the shared installation."""

    usual: str
    machine: str
    exempt: str
    pushing: str
    fapi: str
    closed: str
    of_b: str
    two_uris: str


@pytest.fixture(scope="module")
async def apps(opened: Api) -> Apps:
    """Make the clients once for the module."""
    closed = await add_app(opened)
    await disable_client(opened.application, closed)
    return Apps(
        usual=await add_app(opened),
        machine=await add_client(
            opened.application, opened.world.tenants["a"], settings=ClientSettings(redirect_uris=(CALLBACK,))
        ),
        exempt=await add_app(opened, pkce_exempt=True),
        pushing=await add_app(opened, require_pushed_requests=True),
        fapi=await add_app(opened, profile="fapi2"),
        closed=closed,
        of_b=await add_app(opened, tenant="b"),
        two_uris=await add_app(opened, redirect_uris=(CALLBACK, f"{CALLBACK}/2")),
    )


async def ask(api: Api, path: str) -> httpx.Response:
    """Send a request without following where it leads."""
    return await api.call("GET", path.replace("{", "%7B"))


# Never redirected (RFC 6749 §4.1.2.1, RFC 9700 §4.11.2)


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": None},
        {"client_id": "cli_00000000000000000000000000"},
        {"client_id": "evil' OR 1=1"},
        {"client_id": "\N{PILE OF POO}"},
        {"client_id": "x" * 4000},
    ],
    ids=["none", "unknown", "quote", "no ASCII", "long"],
)
async def test_an_unknown_client_is_told_to_the_person_alone(shared: Api, apps: Apps, change: dict[str, Any]) -> None:
    """An unknown client's request leads nowhere, wherever it wants to be answered."""
    require_page(await ask(shared, authorize_path(apps.usual, **change)), "UNKNOWN_CLIENT")


@pytest.mark.parametrize("path", ["/oauth/authorize", "/t/tenant-b/oauth/authorize"])
async def test_a_closed_client_is_unknown(shared: Api, apps: Apps, path: str) -> None:
    """A disabled client is as one that is not there; so is another tenant's at a tenant's own path."""
    client = apps.closed if path == "/oauth/authorize" else apps.usual
    require_page(await ask(shared, authorize_path(client, path=path)), "UNKNOWN_CLIENT")


async def test_a_closed_tenants_clients_are_unknown(api: Api) -> None:
    """With a tenant all its clients are closed, for requests that began before too."""
    app = await add_app(api)
    browser = Browser(api)
    page = await browser.get(authorize_path(app))
    tenants = api.application.tenants
    await tenants.change(
        api.world.tenants["a"], ChangeTenant(disabled=True), actor=OPERATOR, now_ms=api.application.clock.now_ms()
    )
    require_page(await ask(api, authorize_path(app)), "UNKNOWN_CLIENT")
    require_page(await sign_in(browser, page), "UNKNOWN_CLIENT")


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/callback",
        "https://app.example/callback/",
        "https://app.example/callback/extra",
        "https://app.example/callbac",
        "https://app.example/callback?x=1",
        "https://app.example/callback#x",
        "https://app.example/Callback",
        "https://APP.example/callback",
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "http://app.example/callback",
        "https://app.example.evil.example/callback",
        "https://evil-app.example/callback",
        "https://app.example@evil.example/callback",
        "https://user@app.example/callback",
        "https://app.example\\@evil.example/callback",
        "https://app.example/./callback",
        "https://app.example/x/../callback",
        "https://app.example/%63allback",
        "https://app.example/callback%00",
        "https://app.example\N{FULLWIDTH FULL STOP}/callback",
        "https://app\N{ONE DOT LEADER}example/callback",
        "https://app.example./callback",
        " https://app.example/callback",
        "https://app.example/callback\r\nset-cookie:a=b",
        "//app.example/callback",
        "/callback",
        "javascript:alert(1)//evil",
        "data:text/html,evil",
        "https://[::1]/callback",
        "",
    ],
)
async def test_an_unregistered_redirect_uri_is_never_followed(shared: Api, apps: Apps, uri: str) -> None:
    """A redirect URI counts letter for letter (RFC 9700 §4.1.3); of two, one has to be named."""
    client = apps.usual if uri else apps.two_uris
    page = await ask(shared, authorize_path(client, redirect_uri=uri or None))
    if "%00" in uri:
        # Refused before it is compared.
        assert (page.status_code, page.headers.get("location")) == (400, None)
        return
    require_page(page, "UNKNOWN_REDIRECT_URI")


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_what_decides_the_way_back_comes_once(shared: Api, apps: Apps, name: str) -> None:
    """Two clients or two redirect URIs lead nowhere, equal ones too (RFC 6749 §3.1)."""
    value = {"client_id": apps.usual, "redirect_uri": CALLBACK}[name]
    page = await ask(shared, f"{authorize_path(apps.usual)}&{name}={quote(value, safe='')}")
    assert page.status_code == 400
    assert "location" not in page.headers


@pytest.mark.parametrize("query", ["client_id=%ff", "client_id=%zz", "a=" + "&a=" * 300, "client_id=a%00b"])
async def test_what_cannot_be_read_is_a_page(shared: Api, query: str) -> None:
    """A request that is no text in one way only leads nowhere."""
    page = await ask(shared, f"/oauth/authorize?{query}")
    assert (page.status_code, page.headers.get("location")) == (400, None)


# Told to the client


FAULTS: list[tuple[str, str, dict[str, str | None]]] = [
    ("no response type", "invalid_request", {"response_type": None}),
    ("unknown response type", "unsupported_response_type", {"response_type": "id_token"}),
    ("hybrid flow", "unsupported_response_type", {"response_type": "code id_token"}),
    ("unknown response mode", "invalid_request", {"response_mode": "web_message"}),
    ("no challenge (RFC 9700 §2.1.1)", "invalid_request", {"code_challenge": None}),
    ("plain (RFC 7636 §4.2)", "invalid_request", {"code_challenge_method": "plain"}),
    ("no method, which would be plain", "invalid_request", {"code_challenge_method": None}),
    ("short challenge", "invalid_request", {"code_challenge": "x" * 42}),
    ("padded challenge", "invalid_request", {"code_challenge": REQUEST["code_challenge"][:-1] + "="}),
    ("unknown scope", "invalid_scope", {"scope": "nonsense"}),
    ("malformed scope", "invalid_scope", {"scope": 'products:read "'}),
    ("foreign resource (RFC 8707 §2)", "invalid_target", {"resource": "https://other.example/api"}),
    ("relative resource (RFC 8707 §2)", "invalid_target", {"resource": "/api"}),
    ("resource with a fragment (RFC 8707 §2)", "invalid_target", {"resource": "https://api.example/#x"}),
    ("unknown prompt", "invalid_request", {"prompt": "create"}),
    ("none and more (OIDC Core §3.1.2.1)", "invalid_request", {"prompt": "none login"}),
    ("max_age no number", "invalid_request", {"max_age": "soon"}),
    ("max_age negative", "invalid_request", {"max_age": "-1"}),
    ("max_age in other digits", "invalid_request", {"max_age": "\N{ARABIC-INDIC DIGIT THREE}"}),
    ("max_age endless", "invalid_request", {"max_age": "9" * 400}),
    ("nonce endless", "invalid_request", {"nonce": "x" * 513}),
    ("no thumbprint (RFC 9449 §10)", "invalid_request", {"dpop_jkt": "short"}),
    ("request object (RFC 9101)", "request_not_supported", {"request": "eyJhbGciOiJub25lIn0.e30."}),
    ("foreign request_uri", "request_uri_not_supported", {"request_uri": "https://app.example/request.jwt"}),
    ("nobody is there (OIDC Core §3.1.2.6)", "login_required", {"prompt": "none"}),
    ("no ID token", "invalid_request", {"prompt": "none", "id_token_hint": "eyJhbGciOiJub25lIn0.e30."}),
]


@pytest.mark.parametrize(("error", "change"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
async def test_a_fault_is_told_to_the_client(shared: Api, apps: Apps, error: str, change: dict[str, Any]) -> None:
    """What is wrong with a known client's request goes to its redirect URI with state and iss (RFC 9207 §2)."""
    answer = await ask(shared, authorize_path(apps.usual, **change))
    if "id_token_hint" in change:
        # Nobody is signed in whom it could name.
        error = "login_required"
    assert answer.status_code == 303
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"].startswith(f"{CALLBACK}?error=")
    fields = answer_in(answer)
    assert (fields["error"], fields["state"]) == (error, "s t/a&te")
    assert fields["iss"] == f"{shared.application.settings.url}/t/tenant-a"
    assert set(fields) == {"error", "error_description", "state", "iss"}


@pytest.mark.parametrize(
    "name", ["response_type", "scope", "code_challenge", "code_challenge_method", "nonce", "prompt", "response_mode"]
)
async def test_a_parameter_comes_once(shared: Api, apps: Apps, name: str) -> None:
    """Which of two values would win is no question here (RFC 6749 §3.1)."""
    path = authorize_path(apps.usual, prompt="consent", response_mode="query")
    fields = answer_in(await ask(shared, f"{path}&{name}=other"))
    assert (fields["error"], fields["error_description"]) == (
        "invalid_request", f"The parameter {name} came more than once",
    )  # fmt: skip


async def test_two_states_are_none(shared: Api, apps: Apps) -> None:
    """A state that came twice is not sent back: which one would be the attacker's choice."""
    fields = answer_in(await ask(shared, f"{authorize_path(apps.usual)}&state=other"))
    assert (fields["error"], "state" in fields) == ("invalid_request", False)


async def test_several_resources_are_no_repetition(shared: Api, apps: Apps) -> None:
    """Resources may come more than once (RFC 8707 §2), and unknown parameters are left alone (RFC 6749 §3.1)."""
    own = quote(f"{shared.application.settings.url}/t/tenant-a/api", safe="")
    answer = await ask(shared, f"{authorize_path(apps.usual)}&resource={own}&resource={own}&x=1&x=2")
    assert answer.headers["location"].startswith("/oauth/consent?request=")


@pytest.mark.parametrize("name", ["machine", "pushing", "fapi"])
async def test_a_client_asks_only_as_it_may(shared: Api, apps: Apps, name: str) -> None:
    """The grant has to be the client's, and who has to push requests sends them no other way (RFC 9126 §6)."""
    fields = answer_in(await ask(shared, authorize_path(getattr(apps, name))))
    assert fields["error"] == ("unauthorized_client" if name == "machine" else "invalid_request")


async def test_who_is_exempted_may_leave_out_the_challenge_and_no_more(shared: Api, apps: Apps) -> None:
    """An old confidential client that an administrator exempted comes without PKCE, and never with plain."""
    without = authorize_path(apps.exempt, code_challenge=None, code_challenge_method=None)
    assert (await ask(shared, without)).headers["location"].startswith("/oauth/consent?request=")
    assert answer_in(await ask(shared, authorize_path(apps.exempt, code_challenge_method="plain")))["error"]


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
async def test_the_answer_comes_the_way_that_was_asked_for(shared: Api, apps: Apps, mode: str) -> None:
    """In the query, in the fragment, or in a form that the person or a script of ours sends on."""
    answer = await ask(shared, authorize_path(apps.usual, prompt="none", response_mode=mode))
    if mode == "form_post":
        [form] = forms_of(answer)
        assert (answer.status_code, form.action) == (200, CALLBACK)
        assert (form.fields["error"], form.fields["state"]) == ("login_required", "s t/a&te")
        assert "form-action 'self' https:;" in answer.headers["content-security-policy"]
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        return
    parts = urlsplit(answer.headers["location"])
    assert "error=login_required" in (parts.fragment if mode == "fragment" else parts.query)
    assert not (parts.query if mode == "fragment" else parts.fragment)


async def test_a_registered_query_is_kept(api: Api) -> None:
    """Parameters join the query that a redirect URI was registered with (RFC 6749 §3.1.2)."""
    app = await add_app(api, redirect_uris=(f"{CALLBACK}?a=1",))
    answer = await ask(api, authorize_path(app, redirect_uri=f"{CALLBACK}?a=1", prompt="none"))
    assert answer.headers["location"].startswith(f"{CALLBACK}?a=1&error=login_required&")


@pytest.mark.parametrize("state", ["a\r\nset-cookie: x=y", '"><script>alert(1)</script>', "한글", "a#b&c=d?e"])
async def test_a_state_comes_back_as_it_was(shared: Api, apps: Apps, state: str) -> None:
    """Whatever a state holds, it comes back the same and becomes neither header nor markup."""
    for mode in ("query", "form_post"):
        answer = await ask(shared, authorize_path(apps.usual, prompt="none", state=state, response_mode=mode))
        assert "x=y" not in answer.headers.get("set-cookie", "")
        if mode == "query":
            assert answer_in(answer)["state"] == state
        else:
            assert "<script>alert" not in answer.text
