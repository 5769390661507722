"""What a guard reads out of headers, of the server's answers and of scopes; without a server."""

from __future__ import annotations

import base64
import json

import pytest

from sdk_python.guarded import bearer
from watchword_client.flow import Reply
from watchword_client.protect import Caller, Refusal
from watchword_client.protect.access_token import read_kid
from watchword_client.protect.asking import Proofs, Questions
from watchword_client.protect.presented import read_presented

QUESTIONS = Questions(
    "https://auth.example",
    "https://auth.example/t/shop",
    "https://orders.example",
    "live",
    Proofs(secret_key="sk_live_a", client_key=None, client_id="cli_1", client_secret="a"),
)


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        ("super-admin", True, True),
        ("tenant-admin", True, True),
        ("tenant-editor", True, True),
        ("tenant-viewer", True, False),
        ("user", False, False),
        ("made-up", False, False),
    ],
)
def test_a_role_bounds_a_session(role: str, reads: bool, writes: bool) -> None:  # noqa: FBT001 - columns
    """A viewer's session reads and writes nothing, as at the server; without a role that is known it does neither."""
    told = {"user": {"id": "usr_1", "role": role}, "session": "ses_1", "exp": 1}
    presented = read_presented(bearer("eyJ.a.b"), address=None)
    caller = QUESTIONS.read(presented, Reply(200, {}, json.dumps(told).encode())).caller
    assert (caller.may("orders:read"), caller.may("orders:write")) == (reads, writes)


@pytest.mark.parametrize(("told", "code"), [({}, ""), ({"mode": "live"}, ""), ({"mode": "test"}, "UNAUTHORIZED")])
def test_an_opaque_token_of_the_other_mode_is_refused(told: dict[str, str], code: str) -> None:
    """A token that the server says is a test client's is none to an API on live data, whoever asked about it."""
    answer = {"active": True, "aud": ["https://orders.example"], "sub": "cli_1", "client_id": "cli_1", "exp": 1, **told}
    presented, came = read_presented(bearer("at_a"), address=None), ""
    try:
        QUESTIONS.read(presented, Reply(200, {}, json.dumps(answer).encode()))
    except Refusal as refusal:
        came = refusal.code
    assert came == code


def test_a_header_that_nests_without_end_is_refused() -> None:
    """What a stranger nests so deep that no reader follows is no token, and no fault of the program's."""
    head = base64.urlsafe_b64encode(b'{"typ":"at+jwt","a":' + b"[" * 6_000).decode()
    with pytest.raises(Refusal):
        read_kid(f"{head}.e30.e30")


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer a"), ("authorization", "Bearer b")],
        [("x-api-key", "sk_live_a"), ("X-API-Key", "sk_live_b")],
    ],
)
def test_a_header_that_came_twice_is_refused(headers: list[tuple[str, str]]) -> None:
    """Which of two would win is not asked."""
    with pytest.raises(Refusal) as refused:
        read_presented(headers, address=None)
    assert refused.value.code == "BAD_REQUEST"


def test_a_challenge_cannot_be_split() -> None:
    """What stands in a challenge cannot end its text or begin another header."""
    refusal = Refusal("INSUFFICIENT_SCOPE", scope='orders:read" x\r\ny: z')
    [value] = [
        text for name, text in refusal.headers(realm="a", resource_metadata=None).items() if name == "www-authenticate"
    ]
    assert value == 'Bearer realm="a", error="insufficient_scope", scope="orders:read xy: z"'


@pytest.mark.parametrize(
    ("held", "scope", "may"),
    [
        (None, "orders:read", True),
        ((), "orders:read", False),
        (("orders:read",), "orders:read", True),
        (("orders:*",), "orders:read", True),
        (("*:read",), "orders:read", True),
        (("orders:read",), "orders:*", False),
        (("orders:read",), "orders:write", False),
        (("openid",), "openid", True),
        (("*:*",), "openid", False),
    ],
)
def test_scopes(held: tuple[str, ...] | None, scope: str, may: bool) -> None:  # noqa: FBT001 - a column
    """A wider scope gives a narrower one and never the other way."""
    assert Caller("t", "live", "client", "s", None, held, "c").may(scope) is may
