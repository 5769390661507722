"""The Python client of Watchword: sign-in sessions, API keys, collections, orders and OAuth, sync and async."""

from __future__ import annotations

from watchword_client.auth import WatchwordAuth
from watchword_client.client import (
    AsyncClient,
    AsyncServerClient,
    Client,
    Options,
    ServerClient,
    create_async_client,
    create_async_server_client,
    create_client,
    create_server_client,
)
from watchword_client.clock import Clock
from watchword_client.errors import FieldFault, WatchwordError
from watchword_client.models import (
    Account,
    Count,
    Document,
    Done,
    Page,
    Pagination,
    RateLimit,
    Refreshed,
    Result,
    SignedIn,
    Tokens,
    User,
)
from watchword_client.oauth import Authorization, begin_authorization, is_answer_to
from watchword_client.orders import generate_order_number
from watchword_client.query import FindOptions
from watchword_client.retry import Retry
from watchword_client.version import __version__

__all__ = [
    "Account",
    "AsyncClient",
    "AsyncServerClient",
    "Authorization",
    "Client",
    "Clock",
    "Count",
    "Document",
    "Done",
    "FieldFault",
    "FindOptions",
    "Options",
    "Page",
    "Pagination",
    "RateLimit",
    "Refreshed",
    "Result",
    "Retry",
    "ServerClient",
    "SignedIn",
    "Tokens",
    "User",
    "WatchwordAuth",
    "WatchwordError",
    "__version__",
    "begin_authorization",
    "create_async_client",
    "create_async_server_client",
    "create_client",
    "create_server_client",
    "generate_order_number",
    "is_answer_to",
]
