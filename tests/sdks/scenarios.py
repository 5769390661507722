"""What every SDK does alike, as one table: a small program in the SDK's language, and what must come of it.

Each SDK has a driver that is called with a scenario's name, does what ``does`` says and prints one line of JSON, which
has to be ``wanted`` to the letter; ``counted`` is what arrived at the server meanwhile, by method and route. The driver
finds its server in the environment:

``WATCHWORD_URL`` and ``WATCHWORD_CA_FILE`` (also as ``NODE_EXTRA_CA_CERTS``), ``SCENARIO_CLIENT_KEY``,
``SCENARIO_SECRET_KEY``, ``SCENARIO_TEST_SECRET_KEY``, ``SCENARIO_LIMITED_KEY`` (a client key for two requests a
minute), ``SCENARIO_EMAIL``, ``SCENARIO_PASSWORD``, ``SCENARIO_CONTROL``.

Time is set on both sides. The driver's clock does not sleep: where the SDK waits, it moves its own time on and sends
``POST {SCENARIO_CONTROL}/advance`` with ``{"seconds": n}``, which moves the server's. Other messages to the control:
``/stop`` (with ``{"until": "advance"}`` the server comes back when time moves), ``/restart``, and ``/log-out``, which
ends all sessions of the person.

In what is printed, errors are ``{"code": …, "status": …}``, with status 0 where no answer came; ``waits`` counts how
often the SDK let time pass, ``told`` the calls of ``onTokenRefresh``, ``ended`` the times that the program was told
that its session has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

LOGIN = "POST /api/users/login"
REFRESH = "POST /api/users/refresh-token"
LIST = "GET /api/products"
CREATE = "POST /api/products"


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One row; ``trusts`` False leaves the server's authority out of the environment."""

    name: str
    does: str
    wanted: Mapping[str, Any]
    counted: Mapping[str, int] = {}
    trusts: bool = True


SCENARIOS = (
    Scenario(
        name="login",
        does="Sign in with a client key, ask who is signed in, list the products.",
        wanted={"email": "editor.a@example.com", "role": "tenant-editor", "docs": 10, "total": 12},
        counted={LOGIN: 1, "GET /api/users/me": 1, LIST: 1, REFRESH: 0},
    ),
    Scenario(
        name="login_refused",
        does="Sign in with a wrong password.",
        wanted={"error": {"code": "UNAUTHORIZED", "status": 401}, "waits": 0},
        counted={LOGIN: 1},
    ),
    Scenario(
        name="logout",
        does="Sign in, sign out, list the products by the client key alone.",
        wanted={"docs": 10, "token": False},
        counted={"POST /api/users/logout": 1, REFRESH: 0},
    ),
    Scenario(
        name="renewed_in_time",
        does="Sign in, let 95 % of the token's life pass, list; print whether the token is another one.",
        wanted={"docs": 10, "told": 1, "changed": True},
        counted={REFRESH: 1, LIST: 1},
    ),
    Scenario(
        name="hundred_at_expiry",
        does="Sign in, let 95 % of the token's life pass, list a hundred times at once.",
        wanted={"answered": 100, "told": 1},
        counted={REFRESH: 1, LIST: 100},
    ),
    Scenario(
        name="expired",
        does="Sign in, let 101 % of the token's life pass, ask twenty times at once who is signed in, then list.",
        wanted={"answered": 0, "first": {"code": "TOKEN_EXPIRED", "status": 419}, "ended": 1, "docs": 10},
        counted={REFRESH: 1, LIST: 1},
    ),
    Scenario(
        name="expired_at_the_server",
        does="Sign in, have the server's clock alone moved by 101 % of the token's life, list; list once more.",
        wanted={"error": {"code": "TOKEN_EXPIRED", "status": 419}, "ended": 1, "docs": 10},
        counted={REFRESH: 1, LIST: 2},
    ),
    Scenario(
        name="logged_out_elsewhere",
        does="Sign in, /log-out, ask who is signed in, which fails; list the products.",
        wanted={"error": {"code": "UNAUTHORIZED", "status": 401}, "ended": 1, "docs": 10},
        counted={LIST: 1, REFRESH: 0},
    ),
    Scenario(
        name="logged_out_elsewhere_at_once",
        does="Sign in, /log-out, ask twenty times at once who is signed in.",
        wanted={"answered": 0, "ended": 1},
        counted={REFRESH: 0},
    ),
    Scenario(
        name="limited",
        does="Let 50 seconds pass, list three times by the limited key; print the whole seconds waited, rounded down.",
        wanted={"answered": 3, "waited": 10},
        counted={LIST: 4},
    ),
    Scenario(
        name="limited_for_long",
        does="List three times by the limited key; the third is told to wait longer than anyone would.",
        wanted={"error": {"code": "RATE_LIMIT_EXCEEDED", "status": 429}, "retry_after": 60, "waits": 0},
        counted={LIST: 3},
    ),
    Scenario(
        name="restarted",
        does="Sign in, list, /restart, list again and ask who is signed in.",
        wanted={"docs": [10, 10], "email": "editor.a@example.com", "ended": 0},
        counted={LOGIN: 1, LIST: 2},
    ),
    Scenario(
        name="away_for_a_moment",
        does="List, /stop until the clock advances, list again.",
        wanted={"docs": [10, 10], "waits": 1},
        counted={LIST: 2},
    ),
    Scenario(
        name="offline",
        does="/stop, list.",
        wanted={"error": {"code": "NETWORK_ERROR", "status": 0}, "waits": 3},
    ),
    Scenario(
        name="wrong_authority",
        does="List, without trusting the authority that certified the server.",
        wanted={"error": {"code": "CERTIFICATE_NOT_TRUSTED", "status": 0}, "waits": 0},
        counted={LIST: 0},
        trusts=False,
    ),
    Scenario(
        name="wrong_key",
        does="List by a client key of the right shape that no server knows: pk_live_ and thirty-six times a.",
        wanted={"error": {"code": "UNAUTHORIZED", "status": 401}, "waits": 0},
        counted={LIST: 1},
    ),
    Scenario(
        name="missing_key",
        does="Make a client without a key.",
        wanted={"error": {"code": "MISSING_KEY", "status": 0}},
    ),
    Scenario(
        name="misshapen_key",
        does="Make a client with the key undefined (the word).",
        wanted={"error": {"code": "WRONG_KEY", "status": 0}},
    ),
    Scenario(
        name="keys_of_two_modes",
        does="Make a server client with the live client key and the test secret key.",
        wanted={"error": {"code": "WRONG_KEY", "status": 0}},
    ),
    Scenario(
        name="secret_in_browser",
        does="Make a person's client with the secret key.",
        wanted={"error": {"code": "SECRET_KEY_IN_BROWSER", "status": 0}},
    ),
    Scenario(
        name="no_https",
        does="Make a client for http://api.example.com.",
        wanted={"error": {"code": "INSECURE_BASE_URL", "status": 0}},
    ),
    Scenario(
        name="key_may_not_write",
        does="Create a product (name Tea, price 4500) by the client key alone.",
        wanted={"error": {"code": "FORBIDDEN", "status": 403}, "waits": 0},
        counted={CREATE: 1},
    ),
    Scenario(
        name="wrong_fields",
        does="Create a product without any field by a server client; print the paths of the fields refused, sorted.",
        wanted={"error": {"code": "VALIDATION_ERROR", "status": 400}, "fields": ["name", "price"], "request_id": True},
        counted={CREATE: 1},
    ),
    Scenario(
        name="written",
        does="By a server client: create a product (name Tea, price 4500), set its price to 5000, find it by id, count "
        "those of this price, remove it, find it by id.",
        wanted={"price": [4500, 5000, 5000], "count": 1, "removed": "Tea", "found": None},
    ),
    Scenario(
        name="walked",
        does="Walk through all products of the server client by pages of five; print how many, and of how many ids.",
        wanted={"docs": 12, "ids": 12},
        counted={LIST: 3},
    ),
    Scenario(
        name="ordered",
        does="By a server client: order two of the oldest product (sort createdAt) for the number 260107482935; order "
        "the same again; pay it; have it delivered, which is a jump; get it.",
        wanted={
            "placed": "pending",
            "again": {"code": "CONFLICT", "status": 409},
            "paid": "paid",
            "jump": {"code": "STATUS_JUMP", "status": 409},
            "got": ["260107482935", "paid", 200],
        },
        counted={"POST /api/orders": 2, "PATCH /api/orders/by-number/{order_number}": 2},
    ),
    Scenario(
        name="person_may_not_order",
        does="By a person's client without a session: read the orders.",
        wanted={"error": {"code": "FORBIDDEN", "status": 403}, "waits": 0},
    ),
)
