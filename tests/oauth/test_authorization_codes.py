"""Authorization codes: spent once, by whom they were made for, with what fits them."""

from __future__ import annotations

import asyncio

import pytest

from grants_rig import CALLBACK, VERIFIER, GrantsRig, change, make_client
from support import START_MS
from tenancy import make_tenant
from watchword.db.database import Statement, Transaction
from watchword.oauth.authorization_codes import PresentedCode, SpentAuthorization
from watchword.oauth.models import OAuthClient
from watchword.oauth_errors import InvalidGrantError

MANY = 50


async def spend(
    rig: GrantsRig,
    code: str,
    client: OAuthClient | None = None,
    *,
    now_ms: int = START_MS,
    redirect_uri: str | None = CALLBACK,
    code_verifier: str | None = VERIFIER,
    jkt: str | None = None,
) -> SpentAuthorization | None:
    presented = PresentedCode(code=code, redirect_uri=redirect_uri, code_verifier=code_verifier, jkt=jkt)

    async def work(tx: Transaction) -> SpentAuthorization | None:
        return await rig.codes.spend(tx, client or rig.client, presented, now_ms)

    return await rig.database.transaction(work)


async def has_ended(rig: GrantsRig) -> bool:
    row = await rig.database.fetch_row(Statement("SELECT ended_at FROM oauth_grants"))
    assert row is not None
    return row[0] is not None


async def test_a_code_gives_what_was_allowed(rig: GrantsRig) -> None:
    """The grant and the nonce of the authorization request come back, as they were given."""
    session_id = await rig.add_session()
    authorized = rig.authorized(nonce="n-1", session_id=session_id)
    spent = await spend(rig, await rig.codes.issue(rig.client, authorized, START_MS))
    assert spent is not None
    assert spent.nonce == "n-1"
    grant = spent.grant
    assert (grant.user_id, grant.client_id, grant.session_id) == (rig.user_id, rig.client.id, session_id)
    assert (grant.scopes, grant.authenticated_at_ms) == (("openid", "products:read"), START_MS)


async def test_a_code_is_stored_as_its_hash_only(rig: GrantsRig) -> None:
    """A copy of the database holds no code that could be spent."""
    code = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    rows = await rig.database.fetch_rows(Statement("SELECT * FROM oauth_codes"))
    assert code.removeprefix("ac_") not in str([list(row) for row in rows])


async def test_a_code_lives_for_a_minute(rig: GrantsRig) -> None:
    """At the end of its minute it is refused; just before, it is good (RFC 6749 §4.1.2)."""
    early = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    late = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    assert await spend(rig, early, now_ms=START_MS + 59_999) is not None
    with pytest.raises(InvalidGrantError):
        await spend(rig, late, now_ms=START_MS + 60_000)


async def test_a_code_of_fapi_lives_for_half_a_minute(rig: GrantsRig) -> None:
    """The security profile's codes are shorter still (FAPI 2.0 Security Profile §5.3.2.1)."""
    client = await make_client(rig.database, rig.tenant_id, profile="fapi2")
    code = await rig.codes.issue(client, rig.authorized(), START_MS)
    with pytest.raises(InvalidGrantError):
        await spend(rig, code, client, now_ms=START_MS + 30_000)


async def test_a_second_use_ends_what_the_first_gave(rig: GrantsRig) -> None:
    """Whoever comes second, the code is known to two, and all that it gave ends (RFC 6749 §4.1.2)."""
    code = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    assert await spend(rig, code) is not None
    assert not await has_ended(rig)
    assert await spend(rig, code) is None
    assert await has_ended(rig)


async def test_a_late_second_use_ends_it_too(rig: GrantsRig) -> None:
    """A code used again after its minute was stolen all the same, whatever else is presented with it."""
    code = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    await spend(rig, code)
    assert await spend(rig, code, now_ms=START_MS + 3_600_000, code_verifier="wrong") is None
    assert await has_ended(rig)


async def test_fifty_at_once_have_one_winner(rig: GrantsRig) -> None:
    """Of parallel callers one gets the grant, and since the others were second, it ends."""
    code = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    answers = await asyncio.gather(*(spend(rig, code) for _ in range(MANY)))
    assert len([answer for answer in answers if answer is not None]) == 1
    assert await has_ended(rig)


async def test_another_client_spends_nothing(rig: GrantsRig) -> None:
    """A code of another client is as if there were none, and stays good for its own (RFC 6749 §5.2)."""
    code = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    other = await make_tenant(rig.database, "globex")
    for client in (rig.other_client, await make_client(rig.database, other.id)):
        with pytest.raises(InvalidGrantError):
            await spend(rig, code, client)
    assert await spend(rig, code) is not None


async def test_another_client_ends_nothing(rig: GrantsRig) -> None:
    """A used code in another client's hands does not end what it gave."""
    code = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    await spend(rig, code)
    with pytest.raises(InvalidGrantError):
        await spend(rig, code, rig.other_client)
    assert not await has_ended(rig)


WRONG = [
    {"code_verifier": None},
    {"code_verifier": VERIFIER[:-1] + "A"},
    {"redirect_uri": "https://client.example/callback/"},
    {"redirect_uri": "https://client.example/Callback"},
    {"redirect_uri": "https://client.example:443/callback"},
    {"redirect_uri": "https://client.example/callback?x=1"},
    {"redirect_uri": ""},
    {"jkt": "another"},
    {"jkt": None},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_what_does_not_fit_spends_nothing(rig: GrantsRig, wrong: dict[str, str | None]) -> None:
    """A thief's wrong try is refused and takes nothing from the client (RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9449 §10)."""
    code = await rig.codes.issue(rig.client, rig.authorized(jkt="thumbprint"), START_MS)
    with pytest.raises(InvalidGrantError):
        await spend(rig, code, **{"jkt": "thumbprint", **wrong})  # type: ignore[arg-type] # only names of texts
    assert await spend(rig, code, jkt="thumbprint") is not None


async def test_a_proved_code_needs_no_redirect_uri(rig: GrantsRig) -> None:
    """OAuth 2.1 leaves it out of the token request, since the verifier proves more."""
    code = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    assert await spend(rig, code, redirect_uri=None) is not None


async def test_a_code_without_proof_key_needs_its_redirect_uri(rig: GrantsRig) -> None:
    """Where nothing else ties the code to the request, it is required as before (RFC 6749 §4.1.3)."""
    code = await rig.codes.issue(rig.client, rig.authorized(code_challenge=None), START_MS)
    with pytest.raises(InvalidGrantError):
        await spend(rig, code, redirect_uri=None, code_verifier=None)
    assert await spend(rig, code, code_verifier=None) is not None


async def test_a_verifier_for_a_code_without_challenge_is_refused(rig: GrantsRig) -> None:
    """The challenge was stripped on its way: a downgrade (RFC 9700 §4.8.2)."""
    code = await rig.codes.issue(rig.client, rig.authorized(code_challenge=None), START_MS)
    with pytest.raises(InvalidGrantError):
        await spend(rig, code)


async def test_a_redirect_uri_that_was_not_asked_with_is_refused(rig: GrantsRig) -> None:
    """Where the authorization request had none, none is identical to what comes now."""
    code = await rig.codes.issue(rig.client, rig.authorized(redirect_uri=None), START_MS)
    with pytest.raises(InvalidGrantError):
        await spend(rig, code)
    assert await spend(rig, code, redirect_uri=None) is not None


@pytest.mark.parametrize(
    "statement",
    ["UPDATE users SET disabled_at = 1", "DELETE FROM memberships", "UPDATE oauth_grants SET ended_at = 1"],
)
async def test_a_code_falls_with_its_user(rig: GrantsRig, statement: str) -> None:
    """A user disabled or put out between the consent and the token request gives nothing."""
    code = await rig.codes.issue(rig.client, rig.authorized(), START_MS)
    await change(rig.database, statement)
    with pytest.raises(InvalidGrantError):
        await spend(rig, code)


@pytest.mark.parametrize("code", ["", "ac_unknown", "a" * 129, "ac_\x00", "ac_\ud800", "rt_abc", "§"])
async def test_what_is_no_code_is_refused(rig: GrantsRig, code: str) -> None:
    """Anything else gets the one answer."""
    with pytest.raises(InvalidGrantError):
        await spend(rig, code)


async def test_a_used_code_keeps_its_secrets(rig: GrantsRig) -> None:
    """Neither the code nor the verifier stands in a repr."""
    presented = PresentedCode(code="ac_secret", code_verifier=VERIFIER)
    assert "ac_secret" not in repr(presented)
    assert VERIFIER not in repr(presented)
