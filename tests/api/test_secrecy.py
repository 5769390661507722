"""No secret of the installation reaches a log line, an error or a repr, at the most talkative level."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import watchword
from route_calls import Victim, calls_of
from watchword.config import Settings
from watchword.setting_table import SETTINGS
from world import PASSWORD, Api

CALLERS = ("nobody", "pk_live_a", "sk_live_a", "viewer_a", "admin_a", "super")

SHOWN_ONCE = {"POST /api/keys", "POST /api/keys/{id}/rotate", "POST /api/users/login", "POST /api/users/refresh-token"} | {
    "POST /api/clients", "POST /api/clients/{id}/secrets", "POST /api/clients/{id}/rotate",
}  # fmt: skip
SHOWS_THE_CALLERS_OWN = "GET /api/users/me"
"""As the documents have it, an account's answer repeats the token that it was asked with."""

LETTERS = ("mail", "mail.outbox")
"""In development the log takes the place of the postman, and letters hold their codes."""


def secrets_of(api: Api) -> list[str]:
    """Return every secret of the world, and of tokens the part that proves them."""
    world = api.world
    master = (api.application.settings.data_directory / "secret").read_text().strip()
    signatures = [token.rpartition(".")[2] for token in world.tokens.values()]
    return [
        *world.keys.values(),
        *world.client_secrets.values(),
        *world.tokens.values(),
        *signatures,
        PASSWORD,
        master,
        "argon2",
    ]


def found_in(text: str, secrets: list[str]) -> list[str]:
    return [secret[:12] for secret in secrets if secret in text]


def log_without_letters(api: Api) -> str:
    """Return the log but for the letters, in which a developer finds the links."""
    lines = api.log_text().splitlines()
    return "\n".join(line for line in lines if not any(f'"event":"{event}"' in line for event in LETTERS))


@pytest.mark.parametrize("who", CALLERS)
async def test_every_route_keeps_every_secret(api: Api, who: str) -> None:
    """Called by anyone with anything, a route answers no secret but the one it is there to show, and logs none."""
    secrets = secrets_of(api)
    own = api.world.tokens.get(who, "")
    for call in calls_of(api, Victim("a")):
        if "logout" in call.path:
            continue
        bodies = [
            call.body,
            {},
            {"password": PASSWORD, "email": PASSWORD, "code": PASSWORD, "key": secrets[0]},
            [PASSWORD],
        ]
        for body in bodies[: 4 if call.is_write else 1]:
            answer = await api.call(call.route.method, call.path, who=who, json=body)
            if answer.status_code < 300 and call.name in SHOWN_ONCE:
                secrets += re.findall(r'"clientSecret":"([^"]+)"', answer.text)
                secrets += [
                    word for word in re.findall(r'"([^"]{40,})"', answer.text) if word[:3] in {"sk_", "pk_", "eyJ"}
                ]
                continue
            hidden = [secret for secret in secrets if not (call.name == SHOWS_THE_CALLERS_OWN and secret in own)]
            assert found_in(answer.text + str(answer.headers), hidden) == [], call.name
    assert len(api.log_text()) > 5_000
    assert found_in(log_without_letters(api), secrets) == []


async def test_secrets_in_wrong_places_are_not_repeated(api: Api) -> None:
    """A secret that was put into a path, a query, a header or broken JSON comes back in no answer and in no log."""
    secrets = secrets_of(api)
    for secret in (api.world.keys["sk_live_b"], api.world.tokens["admin_b"], PASSWORD.replace(" ", "")):
        secrets.append(secret)
        for method, path, headers, content in _misplaced(secret):
            answer = await api.call(method, path, who="admin_a", headers=headers, content=content)
            assert answer.status_code >= 400, (method, path)
            assert found_in(answer.text + str(answer.headers), secrets) == [], (method, path, headers)
    assert found_in(log_without_letters(api), secrets) == []


def _misplaced(secret: str) -> Iterator[tuple[str, str, dict[str, str], bytes | None]]:
    yield "GET", f"/api/products/{secret}", {}, None
    yield "GET", f"/{secret}", {}, None
    yield "POST", f"/api/users/verify/{secret}", {}, None
    yield "DELETE", f"/api/users/sessions/{secret}", {}, None
    yield "GET", f"/api/keys/{secret}", {}, None
    yield "GET", f"/api/tenants/{secret}/members/{secret}", {}, None
    yield "GET", f"/api/products?sort={secret}", {}, None
    yield "GET", f"/api/products?where[price][equals]={secret}", {}, None
    yield "GET", f"/api/products?after={secret}", {}, None
    yield "GET", f"/api/products?limit={secret}", {}, None
    yield "GET", f"/api/keys?limit={secret}", {}, None
    yield "GET", "/api/products", {"x-tenant-id": secret}, None
    yield "GET", "/api/products", {"authorization": f"Basic {secret}"}, None
    yield "GET", "/api/products", {"authorization": secret}, None
    yield "GET", "/api/products", {"authorization": f"Bearer {secret}x"}, None
    yield "GET", "/api/products", {"x-api-key": f"{secret}x"}, None
    yield "GET", "/api/products", {"x-publishable-key": secret}, None
    yield "GET", "/api/users/me", {"authorization": "", "cookie": f"__Host-watchword={secret}x"}, None
    yield "POST", "/api/products", {"if-match": secret, "content-type": secret}, b"{}"
    yield "POST", "/api/products", {"idempotency-key": f"{secret} {secret}"}, b'{"name":"a","price":1}'
    for path in ("/api/users/login", "/api/products", "/api/keys/verify", "/api/users/reset-password"):
        yield "POST", path, {}, f'{{"password": "{secret}", "password": "{secret}"}}'.encode()
        yield "POST", path, {}, f'{{"password": "{secret}"'.encode()
        yield "POST", path, {}, f'"{secret}"'.encode()
        yield "POST", path, {}, f'{{"email": "a@example.com", "password": ["{secret}"], "token": 1}}'.encode()
        yield "POST", path, {}, f'{{"kind": "{secret}", "mode": "{secret}", "status": "{secret}"}}'.encode()


async def test_a_fault_of_ours_tells_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the program itself fails with a secret in its hands, answer and log name the place and not the value."""
    secret = api.world.keys["sk_live_a"]

    async def fail(*_arguments: object) -> None:
        raise ZeroDivisionError(f"with {secret} and {PASSWORD}")

    monkeypatch.setattr(api.application._pipeline._identifier, "_prove", fail)
    answer = await api.call("GET", "/api/products", who="sk_live_a")
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in api.log_text()
    assert found_in(answer.text + api.log_text(), secrets_of(api)) == []


SECRET_FIELDS = {
    "password", "current_password", "current_password_camel", "token", "refreshed_token", "code", "key", "text",
    "session_token", "secret_key", "client_secret", "password_hash", "better_hash", "access_token", "refresh_token",
    "id_token", "id_token_hint", "code_verifier", "client_assertion", "subject_token", "actor_token", "device_code",
}  # fmt: skip
NO_SECRETS = {"Verdict", "VerdictAnswer", "Identity", "StoredDocument", "CertificateFiles", "_Pair"}
"""Their field of such a name holds a word of ours, a document, a path, or a struct that hides its own."""


class Filler:
    """Stands for any other field."""

    id = "x"


def structs() -> Iterator[type[msgspec.Struct]]:
    """Return every struct of the product that has a field with a secret's name."""
    for module in pkgutil.walk_packages(watchword.__path__, "watchword."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            is_own = isinstance(value, type) and value.__module__ == module.name
            if is_own and issubclass(value, msgspec.Struct) and set(value.__struct_fields__) & SECRET_FIELDS:
                yield value


@pytest.mark.parametrize("struct", list(structs()), ids=lambda struct: f"{struct.__module__}.{struct.__name__}")
def test_no_repr_shows_a_secret(struct: Any) -> None:  # noqa: ANN401 - any struct
    """A struct that carries a secret does not show it in its repr, where a log or a trace would find it."""
    if struct.__name__ in NO_SECRETS:
        return
    made = struct(**{name: "a-secret" if name in SECRET_FIELDS else Filler() for name in struct.__struct_fields__})
    assert "a-secret" not in repr(made)


async def test_settings_hide_their_secrets(api: Api) -> None:
    """The settings' repr shows no secret, and every setting that is one has a type that hides it."""
    settings: Settings = api.application.settings
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        if setting.is_secret and value is not None:
            assert value.reveal() not in repr(settings)
            assert value.reveal() not in f"{value} {value!r}"
    assert found_in(repr(settings) + repr(vars(api.application)), secrets_of(api)) == []
