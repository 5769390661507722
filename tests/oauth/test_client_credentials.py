"""The client credentials grant, from the token endpoint to the API, and everything that must not pass on the way."""

from __future__ import annotations

import base64

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from oauth_world import SECRET, add_client, basic, disable_client
from support import SetClock
from watchword.oauth.models import ClientSettings
from world import Api

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def ask(
    api: Api, client_id: str, form: str, *, path: str = "/oauth/token", secret: str = SECRET
) -> httpx.Response:
    """Ask for a token with the secret in the header."""
    return await api.call("POST", path, content=form.encode(), headers={**FORM, **basic(client_id, secret)})


async def token_of(api: Api, client_id: str, form: str = "grant_type=client_credentials") -> str:
    """Return an access token."""
    answer = await ask(api, client_id, form)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_token_is_given_and_reads_the_tenants_products(api: Api, client_id: str) -> None:
    """A confidential client gets a Bearer token of ten minutes that reads its own tenant and mode (RFC 6749 §4.4)."""
    answer = await ask(api, client_id, "grant_type=client_credentials&scope=products:read")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert {name: body[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer", "expires_in": 600, "scope": "products:read",
    }  # fmt: skip
    assert "refresh_token" not in body
    read = await api.call("GET", "/api/products?limit=1", headers=bearer(body["access_token"]))
    assert (read.status_code, read.json()["docs"][0]["name"]) == (200, "live a 12")


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_each_form_of_token_reads_and_writes_within_its_scopes(api: Api, form: str) -> None:
    """A token does what its scopes say and no more: 403 with the scope that is missing."""
    settings = ClientSettings(token_format=form)  # type: ignore[arg-type] # one of the two
    client = await add_client(api.application, api.world.tenants["a"], mode="test", settings=settings)
    token = await token_of(api, client, "grant_type=client_credentials&scope=products:read")
    read = await api.call("GET", "/api/products/{product_test_a}", headers=bearer(token))
    assert read.status_code == 200
    assert (await api.call("GET", "/api/products/{product_live_a}", headers=bearer(token))).status_code == 404
    assert (await api.call("GET", "/api/products/{product_test_b}", headers=bearer(token))).status_code == 404
    write = await api.call("POST", "/api/products", headers=bearer(token), json={"name": "x", "price": 1})
    assert (write.status_code, write.json()["errors"][0]["extensions"]["requiredScope"]) == (403, "products:write")
    wide = await token_of(api, client)
    made = await api.call("POST", "/api/products", headers=bearer(wide), json={"name": "x", "price": 1})
    assert made.status_code == 201


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # for the name Ed25519 (RFC 9864), which few read yet
@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
async def test_a_signed_token_is_verified_offline_with_the_published_keys(api: Api, algorithm: str) -> None:
    """Joserfc verifies the token by the tenant's JWK Set alone, and the claims are those of RFC 9068 §2.2."""
    settings = ClientSettings(signing_algorithm=algorithm)  # type: ignore[arg-type] # one of the three
    client = await add_client(api.application, api.world.tenants["a"], settings=settings)
    token = await token_of(api, client)
    keys = KeySet.import_key_set((await api.call("GET", "/t/tenant-a/oauth/jwks")).json())
    verified = jwt.decode(token, keys, algorithms=[algorithm])
    assert (verified.header["typ"], verified.header["alg"]) == ("at+jwt", algorithm)
    assert verified.claims["iss"].endswith("/t/tenant-a")
    assert verified.claims["aud"] == [f"{verified.claims['iss']}/api"]
    assert verified.claims["sub"] == verified.claims["client_id"] == client
    assert verified.claims["exp"] - verified.claims["iat"] == 600


REFUSED = [
    ("grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),  # RFC 6749 §3.2
    ("", 400, "invalid_request"),
    ("grant_type=", 400, "invalid_request"),
    ("grant_type=password&username=a&password=b", 400, "unsupported_grant_type"),  # RFC 9700 §2.4
    ("grant_type=client_credentials&scope=products:fly", 400, "invalid_scope"),
    ('grant_type=client_credentials&scope="', 400, "invalid_scope"),
    ("grant_type=client_credentials&scope=openid", 400, "invalid_scope"),
    ("grant_type=client_credentials&resource=https://elsewhere.example", 400, "invalid_target"),  # RFC 8707 §2
    ("grant_type=client_credentials&resource=products", 400, "invalid_target"),
    ("grant_type=client_credentials&resource=https%3A%2F%2F%5B", 400, "invalid_target"),
    ("grant_type=client_credentials&client_secret=x", 400, "invalid_request"),
    ("grant_type=client_credentials&client_id=cli_other", 400, "invalid_request"),
    ("grant_type=%ff", 400, "invalid_request"),
]


@pytest.mark.parametrize(("form", "status", "error"), REFUSED)
async def test_a_wrong_request_gets_its_protocols_error(
    api: Api, client_id: str, form: str, status: int, error: str
) -> None:
    """Each fault has the status and error of RFC 6749 §5.2, and nothing of the request is repeated."""
    answer = await ask(api, client_id, form)
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert set(answer.json()) == {"error", "error_description"}


async def test_whoever_does_not_prove_a_client_gets_one_answer(api: Api, client_id: str, clock: SetClock) -> None:
    """Unknown, disabled, public, expired and wrong are told alike: 401, invalid_client and the way to come (RFC 6749 §5.2)."""
    tenant = api.world.tenants["a"]
    disabled = await add_client(api.application, tenant)
    await disable_client(api.application, disabled)
    public = await add_client(api.application, tenant, kind="public")
    late = await add_client(api.application, tenant, secret_expires_at_ms=clock.now_ms())
    post_only = await add_client(
        api.application, tenant, settings=ClientSettings(authentication_method="client_secret_post")
    )
    form = "grant_type=client_credentials"
    answers = [
        await ask(api, client_id, form, secret="wrong"),
        await ask(api, "cli_unknown", form),
        *[await ask(api, one, form) for one in (disabled, public, late, post_only)],
        await api.call("POST", "/oauth/token", content=form.encode(), headers=FORM),
        await api.call("POST", "/oauth/token", content=f"{form}&client_id={client_id}".encode(), headers=FORM),
        await api.call("POST", "/oauth/token", content=form.encode(), headers={**FORM, "authorization": "Basic ???"}),
        await ask(api, client_id, form, path="/t/tenant-b/oauth/token"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert all(answer.headers["www-authenticate"] == 'Basic realm="watchword"' for answer in answers)


async def test_a_secret_in_the_url_is_refused(api: Api, client_id: str) -> None:
    """A secret in the query is refused even where the body is right (RFC 6749 §2.3.1)."""
    answer = await ask(api, client_id, "grant_type=client_credentials", path=f"/oauth/token?client_secret={SECRET}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert SECRET not in api.log_text()


async def test_a_public_client_may_not_act_for_itself(api: Api) -> None:
    """A client that proves nothing gets no token of its own (RFC 6749 §4.4)."""
    public = await add_client(api.application, api.world.tenants["a"], kind="public")
    form = f"grant_type=client_credentials&client_id={public}".encode()
    answer = await api.call("POST", "/oauth/token", content=form, headers=FORM)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_a_disabled_client_is_refused_at_once(api: Api, form: str) -> None:
    """Disabling a client ends the tokens it holds, on their very next use."""
    settings = ClientSettings(token_format=form)  # type: ignore[arg-type] # one of the two
    client = await add_client(api.application, api.world.tenants["a"], settings=settings)
    token = await token_of(api, client)
    assert (await api.call("GET", "/api/products", headers=bearer(token))).status_code == 200
    await disable_client(api.application, client)
    assert (await api.call("GET", "/api/products", headers=bearer(token))).status_code == 401
    assert (await ask(api, client, "grant_type=client_credentials")).status_code == 401


@pytest.mark.parametrize(("after_ms", "status"), [(599_999, 200), (600_000, 401), (600_001, 401), (-61_000, 401)])
async def test_a_token_lives_from_its_iat_to_before_its_exp(
    api: Api, client_id: str, clock: SetClock, after_ms: int, status: int
) -> None:
    """On or after exp is too late (RFC 7519 §4.1.4), and a token from the future is none yet."""
    token = await token_of(api, client_id)
    clock.set_now(clock.now_ms() + after_ms)
    assert (await api.call("GET", "/api/products", headers=bearer(token))).status_code == status


async def test_a_forged_token_opens_nothing(api: Api, client_id: str) -> None:
    """Changed claims, another tenant's key id, alg none, a stranger's header and a cut signature are one 401 (RFC 8725)."""
    token = await token_of(api, client_id)
    other = await token_of(api, await add_client(api.application, api.world.tenants["b"]))
    header, payload, signature = token.split(".")
    none = _segment(b'{"typ":"at+jwt","alg":"none"}')
    forged = [
        f"{header}.{other.split('.')[1]}.{signature}",
        f"{other.split('.')[0]}.{payload}.{signature}",
        f"{other.split('.')[0]}.{payload}.{other.split('.')[2]}",
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        f"{header}.{payload}.{signature[:-4]}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature}=",
        "at_unknown",
    ]
    for one in forged:
        answer = await api.call("GET", "/api/products", headers=bearer(one))
        assert answer.status_code == 401, one


async def test_the_token_of_a_client_is_no_session(api: Api, client_id: str) -> None:
    """Routes of a signed-in user refuse it, whatever it may do at the API."""
    token = await token_of(api, client_id)
    for path in ("/api/users/me", "/api/users/sessions", "/api/keys"):
        assert (await api.call("GET", path, headers=bearer(token))).status_code == 403


async def test_the_documents_say_where_everything_is(api: Api) -> None:
    """The server's metadata stands in all three well-known forms and says the same (RFC 8414 §3, OIDC Discovery §4)."""
    paths = (
        "/t/tenant-a/.well-known/openid-configuration",
        "/t/tenant-a/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/t/tenant-a",
        "/.well-known/oauth-authorization-server/t/tenant-a",
    )
    answers = [await api.call("GET", path) for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    documents = [msgspec.json.decode(answer.content) for answer in answers]
    assert all(document == documents[0] for document in documents)
    assert documents[0]["token_endpoint"] == f"{documents[0]['issuer']}/oauth/token"
    for path in ("/.well-known/openid-configuration", "/t/nobody/.well-known/openid-configuration"):
        assert (await api.call("GET", path)).status_code == 404


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
