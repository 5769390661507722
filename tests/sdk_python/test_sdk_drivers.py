"""The drivers against servers that do not answer as they should, and what a type checker sees of the clients."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import assert_type

import pytest

from sdk_python.sdk_script import CLIENT_KEY
from watchword_client import (
    AsyncClient,
    Client,
    Document,
    Page,
    Result,
    Retry,
    ServerClient,
    SignedIn,
    WatchwordError,
    create_async_client,
    create_client,
)
from watchword_client.clock import SystemClock
from watchword_client.flow import tell

ONCE = Retry(tries_after_first=0)


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def hangs_up() -> Iterator[str]:
    """The address of a server that reads a request and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def nobody() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


FAULTS = [("silent", "TIMEOUT"), ("hangs_up", "NETWORK_ERROR"), ("nobody", "NETWORK_ERROR")]


@pytest.mark.parametrize(("where", "code"), FAULTS)
def test_blocking_faults_are_told(where: str, code: str, request: pytest.FixtureRequest) -> None:
    """What the HTTP library raises comes as the package's own error, with its cause."""
    url: str = request.getfixturevalue(where)
    made = create_client(CLIENT_KEY, base_url=url, timeout=0.3, retry=ONCE)
    with made as client, pytest.raises(WatchwordError) as caught:
        client.from_("products").find()
    assert (caught.value.code, caught.value.status) == (code, None)
    assert caught.value.__cause__ is not None
    assert url in caught.value.message


@pytest.mark.parametrize(("where", "code"), FAULTS)
async def test_async_faults_are_told(where: str, code: str, request: pytest.FixtureRequest) -> None:
    """The same of the asynchronous client."""
    url: str = request.getfixturevalue(where)
    async with create_async_client(CLIENT_KEY, base_url=url, timeout=0.3, retry=ONCE) as client:
        with pytest.raises(WatchwordError) as caught:
            await client.from_("products").find()
    assert caught.value.code == code


async def test_waits_pass_by_the_clock(nobody: str) -> None:
    """The machine's own clock sleeps in a thread or a task between tries."""
    soon = Retry(first_delay=0.001)
    made = create_client(CLIENT_KEY, base_url=nobody, retry=soon, clock=SystemClock())
    with made as client, pytest.raises(WatchwordError):
        client.from_("products").find()
    async with create_async_client(CLIENT_KEY, base_url=nobody, retry=soon) as waiting:
        with pytest.raises(WatchwordError):
            await waiting.from_("products").find()


def test_listener_that_would_have_to_be_awaited_is_told(nobody: str) -> None:
    """A plain function that returns what a blocking client cannot await is an error, not a silence."""

    async def keep(_: object) -> None:
        raise AssertionError("nobody awaits it")

    with create_client(CLIENT_KEY, base_url=nobody) as client, pytest.raises(WatchwordError) as caught:
        client._own_driver.run(tell(keep, "news"))
    assert caught.value.code == "WRONG_LISTENER"


def test_types() -> None:
    """A type checker knows what each call returns; nothing here is called."""

    def blocking(client: Client, server: ServerClient) -> None:
        assert_type(client.from_("products").find(limit=1), Result[Page])
        assert_type(client.collections.products.find_by_id("x"), Result[Document | None])
        assert_type(client.collections.users.login(email="", password="").data, SignedIn)
        assert_type(server.api.get_order(order_number="").data, Document)
        for document in server.from_("orders").all(sort="-createdAt"):
            assert_type(document, Document)

    async def awaiting(client: AsyncClient) -> None:
        assert_type(await client.from_("products").find(limit=1), Result[Page])
        async for page in client.from_("products").pages():
            assert_type(page, Page)

    assert callable(blocking)
    assert callable(awaiting)
