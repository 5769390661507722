"""What a client is made with: refused at once, with a sentence, and never shown."""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from watchword_client import (
    Options,
    WatchwordError,
    create_async_client,
    create_async_server_client,
    create_client,
    create_server_client,
)

CLIENT_KEY = "pk_live_" + "a" * 36
SECRET_KEY = "sk_live_" + "b" * 36
URL = "https://api.example.com"

MAKERS = (create_client, create_async_client)
SERVER_MAKERS = (create_server_client, create_async_server_client)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine reaches a client."""
    monkeypatch.delenv("WATCHWORD_URL", raising=False)
    monkeypatch.delenv("WATCHWORD_CA_FILE", raising=False)


KEYS = [
    (None, "MISSING_KEY"),
    ("", "MISSING_KEY"),
    ("undefined", "WRONG_KEY"),
    ("pk_prod_abc", "WRONG_KEY"),
    (CLIENT_KEY + "\n", "WRONG_KEY"),
    ("pk_live_", "WRONG_KEY"),
    (SECRET_KEY, "SECRET_KEY_IN_BROWSER"),
    ("sk_test_abc", "SECRET_KEY_IN_BROWSER"),
]


@pytest.mark.parametrize("make", [*MAKERS, *SERVER_MAKERS])
@pytest.mark.parametrize(("key", "code"), KEYS)
def test_client_key_is_looked_at(make: Callable[..., object], key: str | None, code: str) -> None:
    """A missing, misplaced or wrong-shaped client key is refused when the client is made, and not repeated."""
    more = {"secret_key": SECRET_KEY} if make in SERVER_MAKERS else {}
    with pytest.raises(WatchwordError) as caught:
        make(client_key=key, base_url=URL, **more)
    assert (caught.value.code, caught.value.name, caught.value.status) == (code, "SetupError", None)
    assert caught.value.message.startswith(("client_key ", "A secret key "))
    assert not key or len(key) < 12 or key not in repr(caught.value)


@pytest.mark.parametrize("make", SERVER_MAKERS)
@pytest.mark.parametrize(
    ("key", "code"),
    [(None, "MISSING_KEY"), ("", "MISSING_KEY"), (CLIENT_KEY, "WRONG_KEY"), ("sk_test_" + "b" * 36, "WRONG_KEY")],
)
def test_secret_key_is_looked_at(make: Callable[..., object], key: str | None, code: str) -> None:
    """A missing or wrong-shaped secret key, or one of the other mode, is refused when the client is made."""
    with pytest.raises(WatchwordError) as caught:
        make(client_key=CLIENT_KEY, secret_key=key, base_url=URL)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (None, "MISSING_BASE_URL"),
        ("", "MISSING_BASE_URL"),
        ("api.example.com", "WRONG_BASE_URL"),
        ("ftp://api.example.com", "WRONG_BASE_URL"),
        ("https://user:pass@api.example.com", "WRONG_BASE_URL"),
        ("https://api.example.com:port", "WRONG_BASE_URL"),
        ("https://api.example.com?x=1", "WRONG_BASE_URL"),
        ("http://api.example.com", "INSECURE_BASE_URL"),
        ("http://127.0.0.1.example.com", "INSECURE_BASE_URL"),
        ("http://10.0.0.1", "INSECURE_BASE_URL"),
    ],
)
def test_address_is_looked_at(url: str | None, code: str) -> None:
    """Credentials go over HTTPS, or to this machine, and nowhere else."""
    with pytest.raises(WatchwordError) as caught:
        create_client(CLIENT_KEY, base_url=url)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("https://api.example.com/api", "https://api.example.com"),
        ("https://api.example.com/t/shop/api/", "https://api.example.com/t/shop"),
        ("http://localhost:3000/api", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
def test_address_is_taken_with_and_without_api(url: str, shown: str) -> None:
    """The address may be written with or without the path of the API."""
    with create_client(CLIENT_KEY, base_url=url) as client:
        assert client.base_url == shown


def test_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an option WATCHWORD_URL says where the server is, so that a program names its keys alone."""
    monkeypatch.setenv("WATCHWORD_URL", URL)
    with create_client(client_key=CLIENT_KEY) as client:
        assert client.base_url == URL
    with create_client(client_key=CLIENT_KEY, base_url="https://other.example") as client:
        assert client.base_url == "https://other.example"


def test_certificates_are_verified_but_on_this_machine() -> None:
    """verify=False is refused for a server elsewhere."""
    with pytest.raises(WatchwordError) as caught:
        create_client(CLIENT_KEY, base_url=URL, verify=False)
    assert caught.value.code == "INSECURE_BASE_URL"
    create_client(CLIENT_KEY, base_url="https://localhost:8443", verify=False).close()


@pytest.mark.parametrize("token", ["a.b.c\n", "a b", " a", "ä"])
def test_kept_token_is_looked_at(token: str) -> None:
    """A token with what its file had around it is refused when the client is made."""
    with pytest.raises(WatchwordError) as caught:
        create_client(CLIENT_KEY, base_url=URL, token=token)
    assert caught.value.code == "WRONG_TOKEN"


@pytest.mark.parametrize("token", [None, ""])
def test_no_token_is_no_session(token: str | None) -> None:
    """An empty file of a kept token is nobody signed in."""
    with create_client(CLIENT_KEY, base_url=URL, token=token) as client:
        assert client.token is None


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authority_has_to_be_readable(content: str | None, tmp_path: Path) -> None:
    """A file of authorities that is missing or holds none is refused when the client is made."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(WatchwordError) as caught:
        create_client(CLIENT_KEY, base_url=URL, ca_file=path)
    assert caught.value.code == "WRONG_CA_FILE"


def test_context_of_ones_own_is_taken() -> None:
    """An ssl context decides about certificates where one is passed."""
    with create_client(CLIENT_KEY, base_url=URL, verify=ssl.create_default_context()) as client:
        assert client.base_url == URL


def test_blocking_client_refuses_async_listeners() -> None:
    """A listener that nobody would await is refused when the client is made."""

    async def listen(_: str) -> None:
        raise AssertionError("nobody calls it")

    with pytest.raises(WatchwordError) as caught:
        create_client(CLIENT_KEY, base_url=URL, on_token_refresh=listen)
    assert caught.value.code == "WRONG_LISTENER"


def test_clients_hide_their_secrets() -> None:
    """Nothing that a client is printed as holds a key or a token."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2VjcmV0"
    client = create_client(CLIENT_KEY, base_url=URL, token=token)
    server = create_server_client(CLIENT_KEY, SECRET_KEY, base_url=URL)
    with client, server:
        seen = [*reachable(client), *reachable(server)]
    assert len(seen) > 20
    assert not [text for text in seen if token in text or SECRET_KEY in text or CLIENT_KEY in text]


def reachable(root: object, depth: int = 4) -> list[str]:
    """Print an object and, without the texts, all that its attributes lead to."""
    inner = getattr(root, "__dict__", {}).values() if depth else ()
    return [
        repr(root),
        *(text for value in inner if not isinstance(value, str) for text in reachable(value, depth - 1)),
    ]


def test_methods_keep_signature_and_docstring() -> None:
    """A method of either client tells its own parameters and what it does, for editors and help()."""
    with create_client(CLIENT_KEY, base_url=URL) as client:
        method: Any = client.collections.users.login
        assert list(inspect.signature(method).parameters) == ["email", "password"]
        assert inspect.getdoc(method) == "Begin a session."


def test_options_are_those_of_every_maker() -> None:
    """Every maker takes every option."""
    options: Options = {"base_url": URL, "timeout": 1.0, "ca_file": None, "verify": True}
    for make in MAKERS:
        assert make(CLIENT_KEY, **options).base_url == URL
    for make_server in SERVER_MAKERS:
        assert make_server(CLIENT_KEY, SECRET_KEY, **options).base_url == URL
