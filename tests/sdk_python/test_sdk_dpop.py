"""Credentials that are bound to a key pair, in the sessions of other HTTP libraries."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import ModuleType

import httpx
import httpx2
import pytest
import requests
from joserfc.jwk import ECKey

from watchword_client import WatchwordAuth, WatchwordError
from watchword_client.dpop import DpopKey
from watchword_client.testing import WatchwordServer


@pytest.fixture
def pair(watchword_server: WatchwordServer) -> DpopKey:
    """A pair that was written down and read again, by the server's clock."""
    return DpopKey(DpopKey.generate().to_pem(), clock=lambda: watchword_server.clock.now_ms() / 1000)


@pytest.fixture
def key(watchword_server: WatchwordServer, pair: DpopKey) -> str:
    """A secret key that is bound to the pair."""
    server = watchword_server
    person = {"email": server.email, "password": server.password}
    token = httpx.post(f"{server.url}/api/users/login", json=person).json()["token"]
    wanted = {"name": "bound", "kind": "secret", "dpop_jwk": pair.public_jwk}
    answer = httpx.post(f"{server.url}/api/keys", json=wanted, headers={"authorization": f"Bearer {token}"})
    text: str = answer.json()["doc"]["key"]
    return text


def test_a_bound_key_is_proved_with_each_request(watchword_server: WatchwordServer, pair: DpopKey, key: str) -> None:
    """Each request of a session of requests or httpx carries a proof of its own, for its method and address."""
    url, auth = f"{watchword_server.url}/api/products", WatchwordAuth(secret_key=key, dpop_key=pair)
    with httpx.Client(auth=auth) as client:
        statuses = [client.get(url, params={"limit": 1}).status_code for _ in range(2)]
        made = client.post(url, json={"name": "Tea", "price": 4500})
    assert (statuses, made.status_code) == ([200, 200], 201)
    assert requests.get(url, auth=auth, params={"limit": 1}, timeout=20).status_code == 200


@pytest.fixture
def nonces(watchword_server: WatchwordServer) -> Iterator[None]:
    """The server's tenant wants its nonce in proofs, for as long as the test lasts."""
    want_nonces(watchword_server, wanted=True)
    yield
    want_nonces(watchword_server, wanted=False)


def want_nonces(server: WatchwordServer, *, wanted: bool) -> None:
    login = httpx.post(
        f"{server.url}/api/users/login", json={"email": server.email, "password": server.password}
    ).json()
    headers = {"authorization": f"Bearer {login['token']}"}
    (tenant,) = httpx.get(f"{server.url}/api/tenants", headers=headers).json()["docs"]
    change = {"settings": {"dpop_nonces": wanted}}
    assert httpx.patch(f"{server.url}/api/tenants/{tenant['id']}", json=change, headers=headers).status_code == 200


@pytest.mark.usefixtures("nonces")
def test_requests_sends_the_servers_nonce(watchword_server: WatchwordServer, pair: DpopKey, key: str) -> None:
    """A session of requests asks again with the nonce of the server, once, and keeps it for what follows."""
    url, auth = f"{watchword_server.url}/api/products", WatchwordAuth(secret_key=key, dpop_key=pair)
    first = requests.post(url, auth=auth, json={"name": "Tea", "price": 4500}, timeout=20)
    assert (first.status_code, [one.status_code for one in first.history]) == (201, [401])
    second = requests.post(url, auth=auth, data=io.BytesIO(b"{}"), timeout=20)
    assert (second.status_code, second.history) == (415, [])
    watchword_server.clock.advance(seconds=600)
    third = requests.post(
        url,
        auth=auth,
        data=io.BytesIO(b'{"name": "Tea", "price": 1}'),
        headers={"content-type": "application/json"},
        timeout=20,
    )
    assert (third.status_code, len(third.history)) == (201, 1)


@pytest.mark.usefixtures("nonces")
def test_requests_asks_once_more_and_no_further(watchword_server: WatchwordServer, key: str) -> None:
    """A proof of another pair is refused with the nonce too, and that is what comes back."""
    url, stranger = f"{watchword_server.url}/api/products", DpopKey.generate()
    refused = requests.get(url, auth=WatchwordAuth(secret_key=key, dpop_key=stranger), timeout=20)
    assert (refused.status_code, len(refused.history)) == (401, 1)
    assert 'error="invalid_dpop_proof"' in refused.headers["www-authenticate"]


@pytest.mark.usefixtures("nonces")
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_httpx_sends_the_servers_nonce(
    watchword_server: WatchwordServer, pair: DpopKey, key: str, library: ModuleType
) -> None:
    """With the flow a client of httpx asks again with the nonce; as it is, the server's word is what comes back."""
    url, auth = f"{watchword_server.url}/api/products", WatchwordAuth(secret_key=key, dpop_key=pair)
    assert library.get(url, auth=auth).status_code == 401
    with library.Client(auth=auth.flow(library.Auth)) as client:
        made = client.post(url, json={"name": "Tea", "price": 4500})
        assert (made.status_code, client.get(url).status_code) == (201, 200)


def test_a_bound_key_alone_is_nothing(watchword_server: WatchwordServer, pair: DpopKey, key: str) -> None:
    """Without its pair, with another, and with a proof for another request or another key it is refused."""
    url = f"{watchword_server.url}/api/products"
    other = DpopKey(DpopKey.generate().to_pem(), clock=lambda: watchword_server.clock.now_ms() / 1000)
    for auth in (WatchwordAuth(secret_key=key), WatchwordAuth(secret_key=key, dpop_key=other)):
        assert requests.get(url, auth=auth, timeout=20).status_code == 401
    for proof in (
        pair.proof("POST", url, token=key),
        pair.proof("GET", f"{watchword_server.url}/api/orders", token=key),
        pair.proof("GET", url, token="another"),
        pair.proof("GET", url),
    ):
        headers = {"authorization": f"DPoP {key}", "dpop": proof}
        assert httpx.get(url, headers=headers).status_code == 401


def test_a_bound_token_is_proved_too(watchword_server: WatchwordServer, pair: DpopKey) -> None:
    """A token that was asked for with a proof is bound to its key, and used with it."""
    server, url = watchword_server, f"{watchword_server.url}/oauth/token"
    form = {"grant_type": "client_credentials", "scope": "products:read"}
    answer = httpx.post(
        url, data=form, auth=(server.client_id, server.client_secret), headers={"dpop": pair.proof("POST", url)}
    ).json()
    assert answer["token_type"] == "DPoP"
    products = f"{server.url}/api/products"
    bound = WatchwordAuth(token=answer["access_token"], dpop_key=pair)
    assert requests.get(products, auth=bound, timeout=20).status_code == 200
    assert requests.get(products, auth=WatchwordAuth(token=answer["access_token"]), timeout=20).status_code == 401


def public_pem() -> str:
    """Return the public half of a pair alone."""
    return ECKey.generate_key("P-256").as_pem(private=False).decode()


@pytest.mark.parametrize(
    "pem", ["", "no key", public_pem(), ECKey.generate_key("P-384").as_pem(private=True).decode()], ids=range(4)
)
def test_what_is_no_pair_is_refused(pem: str) -> None:
    """What cannot sign such proofs is an error with a sentence when the pair is read."""
    with pytest.raises(WatchwordError) as refused:
        DpopKey(pem)
    assert refused.value.code == "WRONG_KEY"


def test_the_private_half_is_hidden(pair: DpopKey) -> None:
    """Neither printing a pair nor its public half shows the private one."""
    assert "d" not in pair.public_jwk
    assert repr(pair) == "DpopKey()"
