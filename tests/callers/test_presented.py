"""Which credential a request is taken to carry."""

from __future__ import annotations

import pytest

from watchword.callers.presented import Presented, read_credentials, read_session_token
from watchword.errors import NotAuthenticatedError, TwoCredentialsError
from watchword.wire.request import Request

TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"
OTHER_TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.b3Ro"
SK = "sk_live_" + "a" * 36
SK_2 = "sk_live_" + "b" * 36
PK = "pk_live_" + "a" * 36
PK_2 = "pk_test_" + "b" * 36
COOKIE = f"theme=dark; __Host-watchword={OTHER_TOKEN}"


def request(**headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request("GET", b"/", pairs, client_address="", scheme="https")


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, Presented()),
        ({"authorization": f"Bearer {TOKEN}"}, Presented(session_token=TOKEN)),
        ({"authorization": f"bearer {TOKEN}"}, Presented(session_token=TOKEN)),
        ({"authorization": f"JWT {TOKEN}"}, Presented(session_token=TOKEN)),
        ({"authorization": f"Bearer {SK}"}, Presented(secret_key=SK)),
        ({"x_api_key": SK}, Presented(secret_key=SK)),
        ({"apikey": SK}, Presented(secret_key=SK)),
        ({"apikey": SK, "x_api_key": SK, "authorization": f"Bearer {SK}"}, Presented(secret_key=SK)),
        ({"x_api_key": PK}, Presented(publishable_key=PK)),
        ({"apikey": PK}, Presented(publishable_key=PK)),
        ({"x_client_key": PK}, Presented(publishable_key=PK)),
        ({"x_publishable_key": PK}, Presented(publishable_key=PK)),
        ({"x_client_key": PK, "x_publishable_key": PK}, Presented(publishable_key=PK)),
        ({"x_client_key": PK, "x_api_key": SK}, Presented(publishable_key=PK, secret_key=SK)),
        ({"apikey": PK, "authorization": f"Bearer {TOKEN}"}, Presented(publishable_key=PK, session_token=TOKEN)),
        ({"cookie": COOKIE}, Presented(session_token=OTHER_TOKEN, from_cookie=True)),
        (
            {"cookie": COOKIE, "x_client_key": PK},
            Presented(session_token=OTHER_TOKEN, publishable_key=PK, from_cookie=True),
        ),
        ({"cookie": COOKIE, "authorization": f"Bearer {TOKEN}"}, Presented(session_token=TOKEN)),
        ({"cookie": COOKIE, "x_api_key": SK}, Presented(secret_key=SK)),
        ({"cookie": "theme=dark"}, Presented()),
    ],
)
def test_each_credential_is_known_by_its_shape(headers: dict[str, str], wanted: Presented) -> None:
    """Each header gives what its value's shape says; a header wins over the cookie."""
    assert read_credentials(request(**headers)) == wanted


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}", "x_api_key": SK},
        {"authorization": f"Bearer {SK}", "x_api_key": SK_2},
        {"x_api_key": SK, "apikey": SK_2},
        {"x_client_key": PK, "x_publishable_key": PK_2},
        {"x_api_key": PK, "x_client_key": PK_2},
    ],
)
def test_two_different_credentials_are_refused(headers: dict[str, str]) -> None:
    """Two proofs, or two publishable keys, that differ are refused: neither wins."""
    with pytest.raises(TwoCredentialsError) as refusal:
        read_credentials(request(**headers))
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": f"Bearer\t{TOKEN}"},
        {"authorization": f"Bearer {PK}"},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Bearer \xff\xfe"},
        {"x_api_key": ""},
        {"x_api_key": TOKEN},
        {"x_api_key": "SK_LIVE_abc"},
        {"apikey": "your-api-key"},
        {"x_client_key": SK},
        {"x_publishable_key": SK},
        {"x_publishable_key": TOKEN},
    ],
)
def test_what_has_no_known_shape_is_refused(headers: dict[str, str]) -> None:
    """A credential header that holds nothing of a known shape is refused, never ignored."""
    with pytest.raises(NotAuthenticatedError):
        read_credentials(request(**headers))


def test_session_token_is_read_from_wherever_it_is() -> None:
    """The token text is given for refresh, proved or not."""
    assert read_session_token(request(cookie=COOKIE)) == OTHER_TOKEN
    assert read_session_token(request(authorization=f"JWT {TOKEN}")) == TOKEN
    assert read_session_token(request(x_api_key=SK)) is None
