"""The pages of the authorization server: each at the root, and under each tenant's own path."""

from __future__ import annotations

from typing import Any

import msgspec

from watchword.oauth.account_pages import AccountPages
from watchword.oauth.authorize_endpoint import AuthorizeEndpoint
from watchword.oauth.consent import ConsentPages
from watchword.oauth.device_models import DeviceForm, DeviceQuery
from watchword.oauth.device_pages import DevicePages
from watchword.oauth.models import ConsentForm, SignInForm, SignOutForm, VisitQuery, WithdrawForm
from watchword.oauth.routes import twice
from watchword.oauth.sign_in import SignInPages
from watchword.oauth.small_pages import SmallPages
from watchword.wire.routes import Handler, Route


class PageHandlers(msgspec.Struct, frozen=True):
    """Who answers the pages."""

    authorize: AuthorizeEndpoint
    small: SmallPages
    sign_in: SignInPages
    consent: ConsentPages
    account: AccountPages
    device: DevicePages


def make_page_routes(pages: PageHandlers) -> tuple[Route, ...]:
    """Return the routes."""
    return (
        _page("GET", "/oauth/files/{name}", pages.small.file, "Get the style sheet or the script of the pages"),
        *twice(
            (
                _page("GET", "/oauth/authorize", pages.authorize.authorize, "Ask a user (RFC 6749 §3.1)", limit="authorize"),
                _page("POST", "/oauth/authorize", pages.authorize.authorize, "Ask a user by a form", limit="authorize"),
                _page("GET", "/oauth/sign-in", pages.sign_in.show, "Show the form to sign in", query=VisitQuery),
                _page("POST", "/oauth/sign-in", pages.sign_in.sign_in, "Sign in", form=SignInForm, limit="login"),
                _page("GET", "/oauth/consent", pages.consent.show, "Go on with a request", query=VisitQuery),
                _page("POST", "/oauth/consent", pages.consent.decide, "Allow or deny a request", form=ConsentForm),
                _page("GET", "/oauth/account", pages.account.show, "Show what has access", query=VisitQuery),
                _page("POST", "/oauth/withdraw", pages.account.withdraw, "Take access away", form=WithdrawForm),
                _page("POST", "/oauth/sign-out", pages.account.sign_out, "Sign out", form=SignOutForm),
                _page("GET", "/oauth/device", pages.device.show, "Ask for a device's code", query=DeviceQuery),
                _page("POST", "/oauth/device", pages.device.enter, "Take a device's code", form=DeviceForm, limit="code"),
                _page("POST", "/oauth/device/decide", pages.device.decide, "Allow or deny a device", form=DeviceForm),
                _page("GET", "/oauth/signed-out", pages.small.signed_out, "Say that nobody is signed in any more"),
            )
        ),
    )  # fmt: skip


def _page(
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    *,
    form: Any = None,  # noqa: ANN401 - a route's struct
    query: Any = None,  # noqa: ANN401 - the same
    limit: str | None = None,
) -> Route:
    return Route(
        method=method,
        path=path,
        handler=handler,
        callers="page",
        style="page",
        summary=summary,
        form=form,
        query=query,
        limit=limit,
        tag="Pages",
    )
