"""The verbs that manage users, tenants, members and keys: what they change, print and refuse."""

from __future__ import annotations

import json
import re
import time
import tomllib
from pathlib import Path

import pytest

from commands.conftest import Run
from oauth_keys import ClientKey
from watchword.clock import iso_timestamp
from watchword.credentials.api_key import make_key

PASSWORD = "correct horse battery\n"


def make_tenant(run: Run, slug: str = "shop") -> str:
    said = run("tenants", "create", slug, "--name", "The Shop", "--plan", "pro")
    assert said.code == 0, said.err
    return said.out.strip()


def make_user(run: Run, email: str = "ann@example.com") -> str:
    said = run("users", "create", email, "--name", "Ann", typed=PASSWORD)
    assert said.code == 0, said.err
    return said.out.strip()


def test_first_super_admin(run: Run) -> None:
    """The first super-admin is made with a password from standard input, which is shown nowhere."""
    said = run("users", "create-super-admin", "root@example.com", typed=PASSWORD)
    assert (said.code, PASSWORD.strip() in said.out + said.err) == (0, False)
    [user] = run("users", "list", "--json").json
    assert (user["id"], user["email"], user["superAdmin"]) == (said.out.strip(), "root@example.com", True)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "nothing was given"),
        ("short\n", "password"),
        ("root@example.com\n", "password"),
        ("password\n", "password"),
    ],
)
def test_password_is_refused(run: Run, typed: str, words: str) -> None:
    """A missing, short, obvious or common password makes no account."""
    said = run("users", "create-super-admin", "root@example.com", typed=typed)
    assert said.code == 1
    assert words in said.err
    assert run("users", "list", "--json").json == []


def test_password_is_asked_twice_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the password is asked for twice without being shown, and two that differ are refused."""
    answers = iter(["correct horse battery", "another horse battery"] + ["correct horse battery"] * 2)
    monkeypatch.setattr("watchword.commands.acting._is_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(answers))
    assert "The two differ" in run("users", "create", "ann@example.com").err
    assert run("users", "create", "ann@example.com").code == 0


def test_user_joins_a_tenant(run: Run) -> None:
    """An account can be made a member in one step; a wrong tenant leaves no account behind."""
    make_tenant(run)
    assert run("users", "create", "bob@example.com", "--tenant", "none", typed=PASSWORD).code == 1
    said = run("users", "create", "ann@example.com", "--tenant", "shop", "--role", "tenant-editor", typed=PASSWORD)
    assert said.code == 0
    [member] = run("members", "list", "--json").json
    assert (member["email"], member["role"]) == ("ann@example.com", "tenant-editor")
    assert [user["email"] for user in run("users", "list", "--json").json] == ["ann@example.com"]
    assert [user["email"] for user in run("users", "list", "--tenant", "shop", "--json").json] == ["ann@example.com"]


def test_second_account_of_an_address_is_refused(run: Run) -> None:
    """An e-mail address has one account."""
    make_user(run)
    said = run("users", "create", "ANN@example.com", typed=PASSWORD)
    assert (said.code, said.err) == (1, "An account has this email address already\n")


def test_account_is_closed_and_opened(run: Run) -> None:
    """Closing and opening an account shows in the listing."""
    make_user(run)
    assert run("users", "disable", "ann@example.com").code == 0
    assert run("users", "list", "--json").json[0]["disabled"] is True
    assert run("users", "enable", "ann@example.com").code == 0
    assert run("users", "list", "--json").json[0]["disabled"] is False


def test_listings_are_paged(run: Run) -> None:
    """A listing takes a limit and the id to go on behind, and says so when there is nothing."""
    assert run("users", "list").err == "No accounts.\n"
    assert run("tenants", "list").err == "No tenants.\n"
    first, second = make_tenant(run, "first"), make_tenant(run, "second")
    assert [tenant["id"] for tenant in run("tenants", "list", "--json", "--limit", "1").json] == [first]
    assert [tenant["id"] for tenant in run("tenants", "list", "--json", "--after", first).json] == [second]
    assert run("members", "list", "--tenant", "first").err == "No members.\n"
    assert run("keys", "list", "--tenant", first).err == "No keys.\n"


def test_tenant_is_changed(run: Run) -> None:
    """Each option of a change is in force, and what is not named stays."""
    tenant_id = make_tenant(run)
    words = ["tenants", "change", "shop", "--slug", "store", "--origin", "https://shop.example.com", "--register"]
    assert run(*words).err == "store is changed.\n"
    assert run("tenants", "change", tenant_id, "--disable", "--plan", "free").code == 0
    [tenant] = run("tenants", "list", "--json").json
    assert (tenant["name"], tenant["slug"], tenant["plan"]) == ("The Shop", "store", "free")
    assert (tenant["disabled"], tenant["registration"]) == (True, True)
    assert tenant["allowedOrigins"] == ["https://shop.example.com"]
    assert run("tenants", "change", "store", "--enable", "--no-register", "--no-origins").code == 0
    [tenant] = run("tenants", "list", "--json").json
    assert (tenant["disabled"], tenant["registration"], tenant["allowedOrigins"]) == (False, False, [])


def test_every_setting_of_a_tenant_is_changed(run: Run) -> None:
    """What a tenant decides is set, and taken back, one by one."""
    make_tenant(run)
    words = ["--cookie", "--verified", "--register", "--per-minute", "10", "--per-hour", "100"]
    assert run("tenants", "change", "shop", *words).code == 0
    names = ("sessionCookie", "requireVerifiedEmail", "registration", "requestsPerMinute", "requestsPerHour")
    assert [run("tenants", "list", "--json").json[0][name] for name in names] == [True, True, True, 10, 100]
    assert run("tenants", "change", "shop", "--no-cookie", "--per-minute", "0").code == 0
    assert [run("tenants", "list", "--json").json[0][name] for name in names] == [False, True, True, None, 100]
    assert run("tenants", "change", "shop", "--no-verified", "--no-register", "--per-hour", "0").code == 0
    assert [run("tenants", "list", "--json").json[0][name] for name in names] == [False, False, False, None, None]
    assert run("tenants", "change", "shop", "--logo", "https://cdn.example/logo.png").code == 0
    assert run("tenants", "list", "--json").json[0]["logoUrl"] == "https://cdn.example/logo.png"
    assert run("tenants", "change", "shop", "--logo", "").code == 0
    assert run("tenants", "list", "--json").json[0]["logoUrl"] is None
    assert run("tenants", "change", "shop", "--logo", "http://cdn.example/logo.png").code != 0


def test_invitation_from_making_to_withdrawal(run: Run) -> None:
    """An invitation is mailed, listed without its code, and withdrawn once; its letter says where it can be read."""
    make_tenant(run)
    made = run("invitations", "create", "kim@example.com", "--role", "tenant-editor")
    outbox = Path("watchword-data/outbox")
    assert made.err == f"The letter to kim@example.com is sent; without a mail server it is in {outbox}.\n"
    [letter] = [path.read_text() for path in outbox.iterdir()]
    [code] = re.findall(r"give this code to the application: (\S+)\n", letter)
    listing = run("invitations", "list", "--json")
    assert code not in listing.out + made.out
    [listed] = listing.json
    assert (listed["id"], listed["email"], listed["role"]) == (made.out.strip(), "kim@example.com", "tenant-editor")
    assert run("invitations", "list").out.splitlines()[1].split()[:4] == [
        listed["id"],
        "kim@example.com",
        "tenant-editor",
        "operator",
    ]
    withdrawn = run("invitations", "withdraw", listed["id"])
    assert (withdrawn.code, withdrawn.err) == (0, "The invitation of kim@example.com is withdrawn.\n")
    again = run("invitations", "withdraw", listed["id"])
    assert (again.code, again.err) == (1, f"shop has no open invitation {listed['id']}\n")
    assert run("invitations", "list").err == "No open invitations.\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tenants", "create", "The Shop"], "slug"),
        (["tenants", "change", "shop", "--per-minute", "1000001"], "--per-minute is 1000001; it must be at most"),
        (["invitations", "create", "not an address"], "email"),
        (["invitations", "withdraw", "inv_none"], "shop has no open invitation inv_none"),
        (["tenants", "create", "shop"], "The slug shop is taken"),
        (["tenants", "change", "shop", "--origin", "http://shop.example.com/x"], "allowed_origins"),
        (["tenants", "change", "shop", "--origin", "https://a.example", "--no-origins"], "Give either"),
        (["members", "add", "nobody@example.com"], "There is no user nobody@example.com"),
        (["members", "remove", "ann@example.com"], "ann@example.com is no member of shop"),
        (["keys", "create", "--name", "k", "--scope", "everything"], "scopes"),
        (["keys", "create", "--name", "k", "--network", "x"], "allowed_networks"),
        (["keys", "create", "--name", "k", "--dpop-jkt", "x"], "dpop_jkt"),
        (["keys", "create", "--name", "k", "--dpop-jwk", "none.json"], "--dpop-jwk: none.json holds no JSON object"),
        (["keys", "create", "--name", "k", "--expires-at", "2020-01-01T00:00:00Z"], "expires_at"),
        (["keys", "revoke", "key_none"], "shop has no key key_none"),
        (["keys", "rotate", "key_none"], "shop has no key key_none"),
        (["sessions", "end"], "Give either --user or --all"),
        (["sessions", "end", "--all", "--user", "ann@example.com"], "Give either --user or --all"),
        (["sessions", "end", "--user", "bob@example.com"], "There is no user bob@example.com"),
        (["keys", "list", "--tenant", "none"], "There is no tenant none"),
    ],
)
def test_refusals(run: Run, words: list[str], sentence: str) -> None:
    """What the API would refuse, the command line refuses too, with exit code 1 and nothing on standard output."""
    make_tenant(run)
    make_user(run)
    said = run(*words)
    assert (said.code, said.out) == (1, "")
    assert sentence in said.err


def test_several_tenants_have_to_be_named(run: Run) -> None:
    """With one tenant its name is needless; with two it is asked for."""
    make_tenant(run, "first")
    assert run("keys", "list").code == 0
    make_tenant(run, "second")
    assert run("keys", "list").err == "Name the tenant with --tenant\n"


def test_membership(run: Run) -> None:
    """A member is added, given another role, listed and removed; the account stays."""
    make_tenant(run)
    user_id = make_user(run)
    assert run("members", "add", "ann@example.com").err == "ann@example.com is tenant-viewer now.\n"
    assert run("members", "add", user_id, "--role", "tenant-admin").err == "ann@example.com is tenant-admin now.\n"
    assert [member["role"] for member in run("members", "list", "--json").json] == ["tenant-admin"]
    assert run("members", "remove", "ann@example.com").code == 0
    assert run("members", "list", "--json").json == []
    assert len(run("users", "list", "--json").json) == 1


def test_key_from_making_to_end(run: Run) -> None:
    """A key is printed alone and once, verified, rotated and revoked; the listing never holds it."""
    make_tenant(run)
    made = run("keys", "create", "--name", "web", "--kind", "secret", "--mode", "live", "--scope", "products:read")
    key = made.out.strip()
    assert re.fullmatch(r"sk_live_[0-9A-Za-z]{36}", key)
    listing = run("keys", "list", "--json")
    assert key not in listing.out
    [listed] = listing.json
    assert (listed["name"], listed["kind"], listed["mode"], listed["status"]) == ("web", "secret", "live", "active")
    assert run("keys", "verify", typed=key).out == "VALID\n"
    refused = run("keys", "verify", "--scope", "products:write", typed=key)
    assert (refused.code, refused.out) == (1, "INSUFFICIENT_SCOPE\n")
    rotated = run("keys", "rotate", listed["id"], "--overlap-seconds", "0")
    successor = rotated.out.strip()
    assert run("keys", "verify", typed=successor).out == "VALID\n"
    assert run("keys", "verify", typed=key).out == "EXPIRED\n"
    second = next(entry["id"] for entry in run("keys", "list", "--json").json if entry["status"] == "active")
    assert run("keys", "revoke", second).code == 0
    verdict = run("keys", "verify", "--json", typed=successor)
    assert (verdict.code, verdict.json["code"]) == (1, "DISABLED")
    assert run("keys", "verify", typed=make_key("secret_key", "live")).out == "NOT_FOUND\n"


def test_a_key_is_bound_at_the_command_line(run: Run, tmp_path: Path) -> None:
    """A public JWK from a file, or a thumbprint, binds a key; a private JWK is refused and shown nowhere."""
    make_tenant(run)
    first, second = ClientKey("ES256"), ClientKey("EdDSA")
    file = tmp_path / "key.json"
    file.write_text(json.dumps(first.private_jwk))
    refused = run("keys", "create", "--name", "bound", "--dpop-jwk", str(file))
    assert (refused.code, first.private_jwk["d"] in refused.err) == (1, False)
    file.write_text(json.dumps(first.jwk))
    made = run("keys", "create", "--name", "bound", "--dpop-jwk", str(file))
    [listed] = run("keys", "list", "--json").json
    assert listed["dpopJkt"] == first.jkt
    assert run("keys", "verify", typed=made.out).out == "KEY_NOT_PROVED\n"
    key, url = made.out.strip(), "https://api.example/orders"
    proof = first.proof("POST", url, token=key, iat=int(time.time()))
    proved = ("keys", "verify", "--dpop", proof, "--request")
    said = [run(*proved, f"{method} {url}", typed=key).out for method in ("GET", "POST", "POST")]
    assert said == ["KEY_NOT_PROVED\n", "VALID\n", "KEY_NOT_PROVED\n"], "for its request, and once"
    assert "together" in run("keys", "verify", "--dpop", proof, typed=key).err
    run("keys", "rotate", listed["id"], "--dpop-jkt", second.jkt)
    assert [key["dpopJkt"] for key in run("keys", "list", "--json").json] == [first.jkt, second.jkt]


def test_keys_that_end_soon_are_marked(run: Run) -> None:
    """A key within 14 days of its end is marked in the listing and told of by the doctor, unless another took over."""
    make_tenant(run)
    ends = [iso_timestamp(time.time_ns() // 1_000_000 + days * 86_400_000) for days in (13, 15)]
    run("keys", "create", "--name", "soon", "--expires-at", ends[0])
    run("keys", "create", "--name", "later", "--expires-at", ends[1])
    run("keys", "create", "--name", "never")
    listed = run("keys", "list", "--json").json
    assert [(key["name"], key["endsSoon"]) for key in listed] == [("soon", True), ("later", False), ("never", False)]
    told = [finding for finding in run("doctor", "--json").json if finding["subject"] == "keys"]
    assert [finding["remedy"] for finding in told] == [f"watchword keys rotate {listed[0]['id']} --tenant shop"]
    run("keys", "rotate", listed[0]["id"])
    assert [key["endsSoon"] for key in run("keys", "list", "--json").json] == [False, False, False, True]


def test_sessions_are_ended(run: Run) -> None:
    """Without any session, none is ended, for one user and for everyone."""
    make_user(run)
    assert run("sessions", "end", "--user", "ann@example.com").out == "0\n"
    everyones = run("sessions", "end", "--all")
    assert (everyones.out, everyones.err) == ("0\n", "Everyone has to log in again.\n")


def test_plain_listing_is_aligned(run: Run) -> None:
    """In a pipe a listing is aligned text, and no name can steer the reader's terminal."""
    make_tenant(run)
    run("keys", "create", "--name", "web", "--origin", "https://a.example", "--kind", "publishable")
    lines = run("keys", "list").out.splitlines()
    assert lines[0].split() == ["id", "name", "kind", "mode", "status", "endsSoon", "key", "lastUsedAt"]
    assert re.fullmatch(r"key_\w+ +web +publishable +test +active +no +pk_test_\w{4}…\w{4} +-", lines[1])


def test_scan_rules_find_our_keys(run: Run) -> None:
    """The printed rules are valid TOML and find every kind of key, and nothing of another length."""
    rules = tomllib.loads(run("keys", "scan-rules").out)["rules"]
    keys = [make_key(kind, mode) for kind in ("secret_key", "publishable_key") for mode in ("live", "test")]
    for key in keys:
        [found] = [rule for rule in rules if re.search(rule["regex"], f'token = "{key}"')]
        assert any(keyword in key for keyword in found["keywords"])
        assert not any(re.search(rule["regex"], key[:-1]) or re.search(rule["regex"], key + "x") for rule in rules)


def test_scan_rules_for_trufflehog(run: Run) -> None:
    """TruffleHog's rules name a detector for each kind, with the same pattern."""
    text = run("keys", "scan-rules", "--for", "trufflehog").out
    [secret, publishable] = re.findall(r"key: '(.*)'", text)
    assert re.search(secret, make_key("secret_key", "test"))
    assert re.search(publishable, make_key("publishable_key", "live"))


def test_init_and_migrate(run: Run) -> None:
    """Init makes a private directory with all that a start needs, and both verbs may be repeated."""
    for words in (["init"], ["init"], ["migrate"], ["migrate"]):
        assert run(*words).code == 0
    data = Path("watchword-data")
    assert {"secret", "ca.pem", "server.pem", "watchword.db"} <= {path.name for path in data.iterdir()}
    assert data.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in data.iterdir() if path.is_file()} == {0o600}


def test_settings_listing(run: Run) -> None:
    """The settings are listed with default and meaning, and as the page of the documentation."""
    listed = {entry["variable"]: entry for entry in run("settings", "--json").json}
    assert listed["WATCHWORD_PORT"]["default"] == "8443"
    assert listed["WATCHWORD_SECRET"]["secret"] is True
    assert "WATCHWORD_PORT" in run("settings").out
    assert run("settings", "--markdown").out.startswith("# Settings\n")
