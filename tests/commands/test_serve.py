"""``watchword serve`` from its first line to its last: what it makes, says and finds again."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands.conftest import Run, Said
from watchword.commands.banner import Banner, show_banner, try_lines
from watchword.commerce.life_cycle import STATUSES
from watchword.wire.certificate_files import AUTHORITY_NAME

DATA = Path("watchword-data")
PASSWORD = "correct horse battery\n"


def read_env(data: Path = DATA) -> dict[str, str]:
    lines = (data / "demo.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def get(url: str, *, key: str = "", method: str = "GET") -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, method=method, headers={"X-API-Key": key} if key else {})
    context = ssl.create_default_context(cafile=str(DATA / AUTHORITY_NAME)) if url.startswith("https") else None
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def get_when_up(url: Callable[[], str]) -> None:
    for _ in range(1000):
        try:
            get(url())
        except (OSError, KeyError, ValueError):
            time.sleep(0.01)
        else:
            return
    raise AssertionError("the server did not come up")


def served(run: Run, *words: str, story: Callable[[], None], url: Callable[[], str] | None = None) -> Said:
    """Run a server in this thread and a story beside it, then stop the server as an operator would."""
    wrong: list[BaseException] = []

    def tell() -> None:
        try:
            get_when_up(url or (lambda: read_env()["WATCHWORD_URL"] + "/health/ready"))
            story()
        except BaseException as error:  # noqa: BLE001 - told again in the test's own thread
            wrong.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    teller = threading.Thread(target=tell)
    teller.start()
    said = run("serve", *words)
    teller.join()
    if wrong:
        raise wrong[0]
    return said


def test_demo_from_nothing(run: Run) -> None:
    """One command makes a server with a tenant, an administrator, four keys, 200 products and orders in each mode."""
    totals = {}
    orders: dict[str, Any] = {}

    def story() -> None:
        env = read_env()
        for name in ("CLIENT_KEY", "SECRET_KEY", "TEST_CLIENT_KEY", "TEST_SECRET_KEY"):
            status, page = get(f"{env['WATCHWORD_URL']}/api/products", key=env[f"WATCHWORD_{name}"])
            assert status == 200
            totals[name] = page["totalDocs"]
            status, page = get(f"{env['WATCHWORD_URL']}/api/orders?limit=100", key=env[f"WATCHWORD_{name}"])
            orders[name] = [order["status"] for order in page["docs"]] if status == 200 else status

    said = served(run, "--demo", "--port", "0", story=story)
    assert said.code == 0
    assert totals == {"CLIENT_KEY": 180, "SECRET_KEY": 200, "TEST_CLIENT_KEY": 180, "TEST_SECRET_KEY": 200}
    assert orders["CLIENT_KEY"] == orders["TEST_CLIENT_KEY"] == 403
    assert orders["SECRET_KEY"] == orders["TEST_SECRET_KEY"]
    assert len(orders["SECRET_KEY"]) == 20
    assert set(orders["SECRET_KEY"]) == set(STATUSES)
    env = read_env()
    assert env["WATCHWORD_URL"] in said.out
    assert env["WATCHWORD_PASSWORD"] in said.out
    assert "created" not in said.err
    assert {path.stat().st_mode & 0o777 for path in DATA.iterdir() if path.is_file()} == {0o600}


def test_log_holds_no_credential(run: Run) -> None:
    """Nothing that opens anything is written to the log, at the most talkative level."""

    def story() -> None:
        get(f"{read_env()['WATCHWORD_URL']}/api/products", key=read_env()["WATCHWORD_SECRET_KEY"])

    said = served(run, "--demo", "--port", "0", "--log-level", "debug", story=story)
    secrets = [value for name, value in read_env().items() if "KEY" in name or "SECRET" in name or "PASSWORD" in name]
    assert len(secrets) == 6
    assert "event=request" in said.err
    assert [value for value in secrets if value in said.err] == []


def test_second_start_changes_nothing(run: Run) -> None:
    """A second start finds everything: the same keys work, nothing is made again, only the port may be new."""
    orders = []

    def list_orders() -> None:
        env = read_env()
        orders.append(get(f"{env['WATCHWORD_URL']}/api/orders?limit=100", key=env["WATCHWORD_TEST_SECRET_KEY"]))

    served(run, "--demo", "--port", "0", story=list_orders)
    before = read_env()
    files = {name: (DATA / name).read_bytes() for name in ("ca.pem", "server.pem", "secret")}

    def story() -> None:
        env = read_env()
        assert get(f"{env['WATCHWORD_URL']}/api/products", key=env["WATCHWORD_SECRET_KEY"])[1]["totalDocs"] == 200
        list_orders()

    said = served(run, "--demo", "--port", "0", story=story, url=lambda: _new_url(before))
    after = read_env()
    assert orders[0] == orders[1]
    assert {**after, "WATCHWORD_URL": ""} == {**before, "WATCHWORD_URL": ""}
    assert {name: (DATA / name).read_bytes() for name in files} == files
    assert "created" not in said.err
    assert len(run("keys", "list", "--json").json) == 4
    assert len(run("users", "list", "--json").json) == 1


def _new_url(before: dict[str, str]) -> str:
    url = read_env()["WATCHWORD_URL"]
    if url == before["WATCHWORD_URL"]:
        raise KeyError("the new address is not written yet")
    return url + "/health/ready"


def test_printed_lines_work_when_pasted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each printed curl line, given to a shell as it stands, gets the answer it promises."""
    printed: list[str] = []
    pasted: list[str] = []

    def show_and_keep(shown: Banner) -> None:
        printed.extend(try_lines(shown))
        show_banner(shown)

    def story() -> None:
        for line in printed:
            command = ["sh", "-c", f"{line} -sS -w '\\n%{{http_code}}'"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            pasted.append(done.stdout.rpartition("\n")[2] or done.stderr)

    monkeypatch.setattr("watchword.commands.serve.show_banner", show_and_keep)
    said = served(run, "--demo", "--port", "0", story=story)
    assert pasted == ["200", "200", "201"]
    assert all(f"  {line}\n" in said.out for line in printed)


def test_empty_start_says_how_to_begin(run: Run) -> None:
    """Without --demo an empty directory is served too, with the command that makes the first super-admin."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    words = ("--port", "0", "--http", port)
    said = served(run, *words, story=lambda: None, url=lambda: f"http://127.0.0.1:{port}/health/ready")
    assert said.code == 0
    assert f"HTTP       http://127.0.0.1:{port}\n" in said.out
    assert "watchword users create-super-admin you@example.com" in said.out
    run("users", "create-super-admin", "root@example.com", typed=PASSWORD)
    again = served(run, *words, story=lambda: None, url=lambda: f"http://127.0.0.1:{port}/health/ready")
    assert "create-super-admin" not in again.out


def test_the_public_url_is_what_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy the banner and demo.env name what clients call, and the banner the address listened on too."""
    monkeypatch.setenv("WATCHWORD_PUBLIC_URL", "https://api.example.com")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    words = ("--demo", "--port", port, "--behind-proxy", "10.0.0.0/8")
    said = served(run, *words, story=lambda: None, url=lambda: f"http://127.0.0.1:{port}/health/live")
    assert "URL        https://api.example.com\n" in said.out
    assert "curl https://api.example.com/api/users/login" in said.out
    assert f"Listening  http://127.0.0.1:{port}\n" in said.out
    assert (read_env()["WATCHWORD_URL"], read_env()["WATCHWORD_CA_FILE"]) == ("https://api.example.com", "")


def test_lost_demo_env_is_not_papered_over(run: Run) -> None:
    """When demo.env is gone, what it opened is still there: the start says so and changes nothing."""
    served(run, "--demo", "--port", "0", story=lambda: None)
    (DATA / "demo.env").unlink()
    said = run("serve", "--demo", "--port", "0")
    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("The demonstration data is here, but watchword-data/demo.env")
    assert len(run("keys", "list", "--json").json) == 4


def test_interrupted_first_start_goes_on(run: Run) -> None:
    """A first start that was cut short after any line of demo.env goes on where it stopped."""
    served(run, "--demo", "--port", "0", story=lambda: None)
    lines = (DATA / "demo.env").read_text().splitlines(keepends=True)
    kept = [line for line in lines if "OAUTH" not in line and "TEST_SECRET_KEY" not in line]
    (DATA / "demo.env").write_text("".join(kept))
    before = read_env()
    served(run, "--demo", "--port", "0", story=lambda: None, url=lambda: _new_url(before))
    after = read_env()
    assert {name: value for name, value in after.items() if name in before and name != "WATCHWORD_URL"} == {
        name: value for name, value in before.items() if name != "WATCHWORD_URL"
    }
    assert run("keys", "verify", typed=after["WATCHWORD_TEST_SECRET_KEY"]).out == "VALID\n"


def test_workers_share_everything(run: Run) -> None:
    """Two workers serve one port; a key revoked by another process is refused by both on their next request."""
    answers: list[int] = []

    def story() -> None:
        env = read_env()
        url, key = f"{env['WATCHWORD_URL']}/api/products", env["WATCHWORD_SECRET_KEY"]
        assert {get(url, key=key)[0] for _ in range(20)} == {200}
        stopped = subprocess.run(
            ["curl", "-sS", "--cacert", str(DATA / AUTHORITY_NAME), "-X", "POST", "-H", "Content-Type: application/json",
             "-d", json.dumps({"key": key}), f"{env['WATCHWORD_URL']}/api/keys/self-revoke"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "revoked" in stopped.stdout
        answers.extend(get(url, key=key)[0] for _ in range(20))

    said = served(run, "--demo", "--port", "0", "--workers", "2", story=story)
    assert said.code == 0
    assert "Workers    2" in said.out
    assert set(answers) == {401}
    assert said.err.count("event=worker.started") == 2
    assert "worker.died" not in said.err


def test_the_demo_client_acts_for_itself_and_for_users(run: Run) -> None:
    """The demonstration client has the grants that the documents use; one made with less is given them, once."""
    served(run, "--demo", "--port", "0", story=lambda: None)
    before = read_env()
    client_id = before["WATCHWORD_OAUTH_CLIENT_ID"]
    wanted = ["client_credentials", "authorization_code", "refresh_token"]

    def shown() -> tuple[list[str], list[str]]:
        client = run("clients", "show", client_id, "--json").json
        return client["grants"], client["redirectUris"]

    assert shown() == (wanted, ["http://127.0.0.1/callback"])
    assert run("clients", "change", client_id, "--grant", "client_credentials", "--set", "redirect_uris=[]").code == 0
    served(run, "--demo", "--port", "0", story=lambda: None, url=lambda: _new_url(before))
    assert shown() == (wanted, ["http://127.0.0.1/callback"])
    for name in ("WATCHWORD_OAUTH_CLIENT_ID", "WATCHWORD_OAUTH_CLIENT_SECRET"):
        assert read_env()[name] == before[name]
    assert len(run("clients", "list", "--json").json) == 1


def test_a_lost_demo_client_is_made_anew(run: Run) -> None:
    """When the demonstration client is deleted, the next start makes another and demo.env names it."""
    served(run, "--demo", "--port", "0", story=lambda: None)
    before = read_env()
    assert run("clients", "delete", before["WATCHWORD_OAUTH_CLIENT_ID"]).code == 0
    served(run, "--demo", "--port", "0", story=lambda: None, url=lambda: _new_url(before))
    [client] = run("clients", "list", "--json").json
    assert client["id"] == read_env()["WATCHWORD_OAUTH_CLIENT_ID"] != before["WATCHWORD_OAUTH_CLIENT_ID"]
