"""WatchwordAuth in the sessions of other HTTP libraries."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import httpx2
import pytest
import requests

from clients.instance import Instance
from watchword_client import WatchwordAuth, WatchwordError
from world import World

SECRET_KEY = "sk_live_" + "b" * 36
OF_EACH_MODE = ("live a 12", "test a 12")


class Stranger:
    """A server elsewhere that notes what it is sent, and sends on whoever asks for that."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.goes_on_at = ""


@pytest.fixture
def stranger() -> Iterator[tuple[Stranger, str]]:
    """A stranger and its address."""
    state = Stranger()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(302 if self.path == "/away" else 200)
            if self.path == "/away":
                self.send_header("location", state.goes_on_at)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has where it is called
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def credential_of(world: World, who: str) -> dict[str, Any]:
    """Return what WatchwordAuth is made with for someone of the world."""
    return {"token": world.tokens[who]} if who in world.tokens else {"secret_key": world.keys[who]}


def named(name: str) -> str:
    """Return the path of the products of one name: other tests of the instance add products of other names."""
    return f"/api/products?where[name][equals]={name}"


@pytest.mark.parametrize("who", ["sk_live_a", "viewer_a"])
def test_requests(instance: Instance, who: str) -> None:
    """One argument proves a call of requests."""
    auth = WatchwordAuth(**credential_of(instance.world, who))
    listed = requests.get(f"{instance.url}/api/products", auth=auth, verify=str(instance.authority), timeout=20)
    assert listed.json()["totalDocs"] == 12


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_httpx(instance: Instance, library: object) -> None:
    """One argument proves all calls of a client of httpx, or of httpx2."""
    assert library in {httpx, httpx2}
    trust = ssl.create_default_context(cafile=str(instance.authority))
    auth = WatchwordAuth(secret_key=instance.world.keys["sk_test_a"], base_url=instance.url)
    with library.Client(auth=auth, verify=trust) as client:
        found = {name: client.get(f"{instance.url}{named(name)}").json()["totalDocs"] for name in OF_EACH_MODE}
    assert found == {"live a 12": 0, "test a 12": 1}


def test_client_key_names_the_mode(instance: Instance) -> None:
    """A person's token acts on test data where a test key is beside it."""
    auth = WatchwordAuth(token=instance.world.tokens["viewer_a"], client_key=instance.world.keys["pk_test_a"])
    found = {
        name: requests.get(
            f"{instance.url}{named(name)}", auth=auth, verify=str(instance.authority), timeout=20
        ).json()["totalDocs"]
        for name in OF_EACH_MODE
    }
    assert found == {"live a 12": 0, "test a 12": 1}


def test_other_servers_see_nothing(stranger: tuple[Stranger, str]) -> None:
    """With the server's address, a shared session carries the credential there alone."""
    state, url = stranger
    session = requests.Session()
    session.auth = WatchwordAuth(secret_key=SECRET_KEY, base_url="https://api.example.com")
    with session:
        session.get(url, timeout=20)
    assert not [value for seen in state.seen for value in seen.values() if SECRET_KEY in value]


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_redirects_lose_the_credential(stranger: tuple[Stranger, str], library: str) -> None:
    """Where the server sends a request on to another machine, the credential stays behind."""
    state, url = stranger
    state.goes_on_at = f"{url.replace('127.0.0.1', 'localhost')}/here"
    auth = WatchwordAuth(secret_key=SECRET_KEY)
    if library == "requests":
        requests.get(f"{url}/away", auth=auth, timeout=20)
    else:
        httpx.get(f"{url}/away", auth=auth, follow_redirects=True, verify=False)
    assert [SECRET_KEY in str(seen) for seen in state.seen] == [True, False]


def test_http_to_another_machine_is_refused() -> None:
    """Nobody on the way reads the credential."""
    with pytest.raises(WatchwordError) as caught:
        requests.get("http://api.example.com/api/products", auth=WatchwordAuth(secret_key=SECRET_KEY), timeout=20)
    assert caught.value.code == "INSECURE_BASE_URL"


@pytest.mark.parametrize(
    ("made_with", "code"),
    [
        ({}, "MISSING_KEY"),
        ({"secret_key": ""}, "MISSING_KEY"),
        ({"secret_key": "pk_live_abc"}, "WRONG_KEY"),
        ({"secret_key": SECRET_KEY, "token": "t"}, "TWO_CREDENTIALS"),
        ({"token": ""}, "WRONG_TOKEN"),
        ({"token": "t\n"}, "WRONG_TOKEN"),
        ({"secret_key": SECRET_KEY, "client_key": "pk_test_abc"}, "WRONG_KEY"),
        ({"secret_key": SECRET_KEY, "base_url": "http://api.example.com"}, "INSECURE_BASE_URL"),
    ],
)
def test_what_it_is_made_with_is_looked_at(made_with: dict[str, Any], code: str) -> None:
    """A missing or wrong key is refused before any request."""
    with pytest.raises(WatchwordError) as caught:
        WatchwordAuth(**made_with)
    assert caught.value.code == code


def test_secrets_are_hidden() -> None:
    """It is printed without its credential."""
    assert SECRET_KEY not in repr(WatchwordAuth(secret_key=SECRET_KEY, base_url="https://api.example.com"))


def test_no_library_is_imported_for_it() -> None:
    """Neither requests nor httpx is loaded by the package."""
    script = "import sys, watchword_client; print([name for name in ('requests', 'httpx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
