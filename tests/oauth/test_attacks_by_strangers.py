"""Who proves nothing leaves next to nothing: the log and the store of proofs do not grow with what strangers send."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from oauth_exchange import EXCHANGE
from oauth_flow import Flow, require_refused
from oauth_keys import ClientKey
from support import SetClock
from watchword.db.database import Statement
from watchword.oauth.refusals import RECORDED_PER_MINUTE
from world import Api

KEY = ClientKey("ES256")
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS = ("authorization_code", "refresh_token", DEVICE, EXCHANGE)


@pytest.fixture
async def flow(api: Api) -> Flow:
    """A public client of tenant a, which anybody can name."""
    return await Flow.begin(api, kind="public", grants=GRANTS)


def proof(api: Api) -> dict[str, str]:
    return {"dpop": KEY.proof("POST", f"{api.application.settings.url}/oauth/token")}


async def send(flow: Flow, fields: dict[str, str | None], headers: dict[str, str] | None = None) -> httpx.Response:
    return await flow.send("/oauth/token", fields, headers=headers)


async def proofs_kept(api: Api) -> int:
    bookkeeping = api.application._foundation.stores.bookkeeping
    row = await bookkeeping.fetch_row(Statement("SELECT count(*) FROM seen_proofs"))
    assert row is not None
    return int(row[0])


def refusals(api: Api) -> list[dict[str, Any]]:
    return [event for event in api.events() if event["event"] == "oauth.token_refused"]


@pytest.mark.parametrize(
    "fields",
    [
        {"grant_type": "authorization_code", "code": "ac_" + "x" * 43},
        {"grant_type": "authorization_code", "code": "x" * 5_000},
        {"grant_type": "authorization_code"},
        {"grant_type": "refresh_token", "refresh_token": "rt_" + "x" * 43},
        {"grant_type": DEVICE, "device_code": "dc_" + "x" * 43},
        {"grant_type": EXCHANGE, "subject_token": "x", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
        {"grant_type": "password"},
    ],
    ids=lambda fields: f"{fields['grant_type'][-18:]} {len(str(fields))}",
)
async def test_a_strangers_proofs_are_not_kept(flow: Flow, fields: dict[str, str | None]) -> None:
    """Good DPoP proofs in a public client's name, with nothing that tokens are given for, take no place in the store."""
    for _ in range(3):
        assert (await send(flow, fields, proof(flow.api))).status_code == 400
    assert await proofs_kept(flow.api) == 0


async def test_a_device_that_waits_keeps_no_proofs(flow: Flow, clock: SetClock) -> None:
    """Anybody can begin a device's sign-in, so that asking how it stands leaves no proof until somebody has allowed it."""
    begun = (await flow.send("/oauth/device_authorization", {"scope": "products:read"})).json()
    for _ in range(3):
        asked = await send(flow, {"grant_type": DEVICE, "device_code": begun["device_code"]}, proof(flow.api))
        require_refused(asked, "authorization_pending")
        clock.advance(5_000)
    assert await proofs_kept(flow.api) == 0


async def test_the_holders_proof_is_kept_and_counts_once(flow: Flow) -> None:
    """A proof beside a code that is good is used up with it, and no other code is had for it (RFC 9449 §11.1)."""
    headers = proof(flow.api)
    fields = {
        "grant_type": "authorization_code",
        "redirect_uri": "https://client.example/callback",
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
    first, second = await flow.code(), await flow.code()
    assert (await send(flow, {**fields, "code": first}, headers)).status_code == 200
    assert await proofs_kept(flow.api) == 1
    require_refused(await send(flow, {**fields, "code": second}, headers), "invalid_dpop_proof")
    assert (await send(flow, {**fields, "code": second}, proof(flow.api))).status_code == 200


async def test_refusals_fill_no_log(flow: Flow, clock: SetClock) -> None:
    """Of a client's refusals the first of each minute are recorded, and the next minute's first tells how many more."""
    clock.advance(60_000 - clock.now_ms() % 60_000)
    bad: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": "rt_" + "x" * 43}
    for _ in range(RECORDED_PER_MINUTE + 5):
        require_refused(await send(flow, bad))
    assert len(refusals(flow.api)) == RECORDED_PER_MINUTE
    assert not any("unrecorded" in event for event in refusals(flow.api))
    other = await Flow.begin(flow.api, kind="public", grants=GRANTS)
    require_refused(await send(other, bad))
    assert refusals(flow.api)[-1]["subject"] == other.client.id
    clock.advance(60_000)
    for _ in range(2):
        require_refused(await send(flow, bad))
    last = refusals(flow.api)[-2:]
    assert [event.get("unrecorded") for event in last] == ["5", None]
    assert [event["subject"] for event in last] == [flow.client.id] * 2


async def test_an_unknown_client_leaves_no_refusal(api: Api) -> None:
    """Names that no client has are counted for nobody."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = b"grant_type=refresh_token&refresh_token=x&client_id=cli_unknown"
    require_refused(await api.call("POST", "/oauth/token", content=body, headers=headers), "invalid_client", 401)
    assert refusals(api) == []
