"""A row of a table of tests through the HTTP door: a request, and what must and must not come of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx
import msgspec

from world import PASSWORD, Api, World

NO_EVENTS = ("request", "mail")
"""How the log lines begin that are no events: of requests and of letters."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Shapes: texts in braces (``{tenant_a}``, ``{token_admin_a}``, ``{secret_sk_live_a}``) are filled in from the world
    wherever the request has them; ``wanted`` and ``unwanted`` are parts of the body; ``events`` are all the events
    that the request leaves; ``headers_wanted`` are exact, and None wants the header absent.
    """

    name: str
    method: str = "GET"
    path: str
    who: str = "nobody"
    headers: dict[str, str] = {}
    json: object = None
    content: bytes | None = None
    status: int
    wanted: str | tuple[str, ...] = ()
    unwanted: str | tuple[str, ...] = ()
    headers_wanted: Mapping[str, str | None] = {}
    events: tuple[str, ...] = ()


def name_of(scenario: Scenario) -> str:
    """Name a row in the list of tests."""
    return scenario.name


async def run(api: Api, scenario: Scenario) -> httpx.Response:
    """Send the row's request and hold the answer, the events and the log against it."""
    logged_before = len(api.log_text())
    names = filled_names(api.world)
    response = await api.call(
        scenario.method,
        fill(scenario.path, names),
        who=scenario.who,
        json=_fill_json(scenario.json, names),
        content=scenario.content,
        headers={name: fill(value, names) for name, value in scenario.headers.items()},
    )
    require_row(response, scenario, names)
    require_sound(response)
    logged = api.log_text()[logged_before:]
    assert _events_in(logged) == scenario.events
    for secret in (PASSWORD, "eyJ", "argon2", *api.world.keys.values()):
        assert secret not in logged
    return response


def require_row(response: httpx.Response, scenario: Scenario, names: Mapping[str, str]) -> None:
    """Hold an answer against the row's own words."""
    assert response.status_code == scenario.status, response.text
    for part in _parts(scenario.wanted):
        assert fill(part, names) in response.text
    for part in _parts(scenario.unwanted):
        assert fill(part, names) not in response.text
    for header, value in scenario.headers_wanted.items():
        assert response.headers.get(header) == value, header


def require_sound(response: httpx.Response) -> None:
    """Hold an answer against what is promised of every answer."""
    headers = response.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-request-id"].startswith("req_")
    assert "origin" in headers["vary"].lower()
    assert "server" not in headers
    assert "x-powered-by" not in headers
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert headers["content-type"].startswith("application/json")
        assert headers["cache-control"] == "no-store"
    if response.status_code == 401:
        assert headers["www-authenticate"].startswith('Bearer realm="watchword"')
    if response.status_code >= 400 and response.request.method != "HEAD":
        (error,) = response.json()["errors"]
        assert set(error) == {"message", "name", "extensions"}
        assert error["extensions"]["code"].isupper()


def filled_names(world: World) -> dict[str, str]:
    """Return what braces are filled with: ids, tokens and keys by short names."""
    return {
        **world.names(),
        **{f"token_{name}": token for name, token in world.tokens.items()},
        **{f"secret_{name}": key for name, key in world.keys.items()},
    }


def fill(text: str, names: Mapping[str, str]) -> str:
    """Fill in a text; braces that name nothing stay, since JSON has braces too."""
    if "{" not in text:
        return text
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def code_of(response: httpx.Response) -> str:
    """Return the error's code."""
    return str(response.json()["errors"][0]["extensions"]["code"])


def _events_in(logged: str) -> tuple[str, ...]:
    names = [str(json.loads(line)["event"]) for line in logged.splitlines()]
    return tuple(name for name in names if not name.startswith(NO_EVENTS))


def _fill_json(value: object, names: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return fill(value, names)
    if isinstance(value, dict):
        return {name: _fill_json(inner, names) for name, inner in value.items()}
    if isinstance(value, list):
        return [_fill_json(inner, names) for inner in value]
    return value


def _parts(wanted: str | tuple[str, ...]) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) else wanted
