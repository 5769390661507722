"""The verbs that manage OAuth clients, their secrets and what users allowed them."""

from __future__ import annotations

import base64
import re

import pytest

from commands.conftest import Run

UNKNOWN = "cli_00000000000000000000000000"
WEB = "https://partner.example/callback"
CODE = ("--grant", "authorization_code", "--grant", "refresh_token", "--redirect-uri", WEB)


@pytest.fixture
def tenant(run: Run) -> str:
    said = run("tenants", "create", "shop")
    assert said.code == 0
    return said.out.strip()


def make_client(run: Run, *words: str) -> str:
    said = run("clients", "create", "--name", "Partner", "--json", *words)
    assert said.code == 0, said.err
    client_id: str = said.json["clientId"]
    return client_id


def test_a_client_is_made_for_a_shell(run: Run, tenant: str) -> None:
    """Id and secret are printed alone, in lines that a shell can read; the rest goes to standard error."""
    said = run("clients", "create", "--name", "Till", "--mode", "live")
    assert tenant
    assert re.fullmatch(r"client_id=cli_\w{26}\nclient_secret=[\w-]{43}\n", said.out)
    assert said.err == "Keep the secret now, it is shown this once.\n"
    [client] = run("clients", "list", "--json").json
    assert (client["name"], client["kind"], client["mode"]) == ("Till", "confidential", "live")
    assert client["grants"] == ["client_credentials"]


def test_a_public_client_has_no_secret(run: Run, tenant: str) -> None:
    """A public client's secret is null, and none can be added."""
    said = run("clients", "create", "--name", "App", "--kind", "public", "--json", *CODE)
    assert tenant
    assert said.json["clientSecret"] is None
    client_id = said.json["clientId"]
    assert run("clients", "add-secret", client_id).code == 1
    assert run("clients", "show", client_id, "--json").json["mode"] == "test"


def test_every_field_can_be_set(run: Run, tenant: str) -> None:
    """Fields without an option of their own are set by name, as JSON or as text, and changed alike."""
    words = ("--set", "token_format=opaque", "--set", "access_ttl_seconds=60", "--set", "dpop_bound=true")
    client_id = make_client(run, *CODE, "--grant", "device_code", "--scope", "openid", *words)
    assert tenant
    shown = run("clients", "show", client_id, "--json").json
    assert (shown["tokenFormat"], shown["accessTtlSeconds"], shown["dpopBound"]) == ("opaque", 60, True)
    assert shown["grants"][2] == "urn:ietf:params:oauth:grant-type:device_code"
    assert shown["scopes"] == ["openid"]
    changed = run(
        "clients", "change", client_id, "--set", "scopes=null", "--origin", "https://a.example", "--name", "B"
    )
    assert changed.err == f"{client_id} is changed.\n"
    shown = run("clients", "show", client_id, "--json").json
    assert (shown["scopes"], shown["webOrigins"], shown["name"]) == (None, ["https://a.example"], "B")
    assert "webOrigins" in run("clients", "show", client_id).out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--redirect-uri", "https://*.example/cb"), "redirect_uris[0]: must not have a wildcard"),
        (("--set", "token_format=saml"), "token_format: must be one of jwt, opaque"),
        (("--set", "colour=red"), "colour: is not a field of this request"),
        (("--set", "token_format"), "--set token_format: give FIELD=VALUE"),
        (("--scope", "openid", "--set", "scopes=null"), "--set scopes: give FIELD=VALUE, and each field once"),
        (("--grant", "password"), "grants[0]: must be one of authorization_code, client_credentials"),
        (("--grant", "authorization_code"), "redirect_uris: must list at least one"),
        (("--kind", "public"), "grants: must not hold client_credentials"),
        (("--expires-at", "yesterday"), "secret_expires_at: must be a time"),
        (("--tenant", "none"), "There is no tenant none"),
    ],
)
def test_a_wrong_client_is_not_made(run: Run, tenant: str, words: tuple[str, ...], told: str) -> None:
    """What is wrong is named, the exit code is 1, and no client is made."""
    said = run("clients", "create", "--name", "Partner", *words)
    assert tenant
    assert (said.code, said.out) == (1, "")
    assert told in said.err
    assert run("clients", "list").err == "No OAuth clients.\n"


def test_what_weakens_a_client_is_told(run: Run, tenant: str) -> None:
    """Implicit and the exemption from PKCE come with a warning on screen, also when the client is enabled again."""
    said = run("clients", "create", "--name", "Old", "--grant", "implicit", "--redirect-uri", WEB, "--json")
    assert tenant
    assert "Warning: " in said.err
    assert "weakened by implicit" in said.err
    client_id = said.json["clientId"]
    said = run("clients", "change", client_id, "--grant", "authorization_code", "--set", "pkce_exempt=true")
    assert "weakened by pkce_exempt" in said.err
    assert "implicit" not in said.err
    run("clients", "disable", client_id)
    assert "weakened by pkce_exempt" in run("clients", "enable", client_id).err


def test_secrets_from_making_to_revocation(run: Run, tenant: str) -> None:
    """Secrets are added, rotated with an overlap and revoked; each stands in the listing with its end."""
    client_id = make_client(run)
    assert tenant
    added = run("clients", "add-secret", client_id, "--expires-at", "2999-01-01T00:00:00Z", "--json").json
    assert len(base64.urlsafe_b64decode(added["clientSecret"] + "=")) == 32
    rotated = run("clients", "rotate", client_id, "--overlap-seconds", "60")
    assert re.fullmatch(r"[\w-]{43}\n", rotated.out)
    assert rotated.err.count(" ends at ") == 2
    assert run("clients", "revoke-secret", client_id, added["secretId"]).err == f"{added['secretId']} is revoked.\n"
    secrets = run("clients", "show", client_id, "--json").json["secrets"]
    assert [secret["status"] for secret in secrets].count("expired") == 1
    assert [secret["expiresAt"] is None for secret in secrets].count(True) == 1
    shown = run("clients", "show", client_id)
    assert added["clientSecret"] not in shown.out
    assert rotated.out.strip() not in shown.out


@pytest.mark.parametrize(
    "words",
    [
        ("show",), ("change", "--name", "X"), ("disable",), ("enable",), ("delete",), ("add-secret",), ("rotate",),
    ],
)  # fmt: skip
def test_an_unknown_client_is_named(run: Run, tenant: str, words: tuple[str, ...]) -> None:
    """A client that the tenant has not is said to be missing, by id and tenant."""
    said = run("clients", words[0], UNKNOWN, *words[1:])
    assert tenant
    assert (said.code, said.err) == (1, f"shop has no OAuth client {UNKNOWN}\n")


def test_an_unknown_secret_is_named(run: Run, tenant: str) -> None:
    """A secret that the client has not is said to be missing."""
    client_id = make_client(run)
    assert tenant
    said = run("clients", "revoke-secret", client_id, "sec_1")
    assert (said.code, "no secret sec_1" in said.err) == (1, True)


def test_a_client_is_disabled_and_deleted(run: Run, tenant: str) -> None:
    """Disabling shows in the listing, deleting leaves none."""
    client_id = make_client(run)
    assert tenant
    assert run("clients", "disable", client_id).code == 0
    assert run("clients", "list", "--json").json[0]["disabled"] is True
    assert run("clients", "enable", client_id).code == 0
    assert "yes" not in run("clients", "list").out
    assert run("clients", "delete", client_id).err == f"{client_id} is deleted.\n"
    assert run("clients", "list", "--json").json == []


def test_grants_are_listed_and_unknown_ones_named(run: Run, tenant: str) -> None:
    """Without grants the listing says so, and one that is none is not ended."""
    assert tenant
    assert run("clients", "grants").err == "No grants.\n"
    assert run("clients", "grants", "--json").json == []
    assert run("clients", "grants", "--user", "nobody@example.com").code == 1
    said = run("clients", "end-grant", "grt_1")
    assert (said.code, said.err) == (1, "shop has no living grant grt_1\n")
