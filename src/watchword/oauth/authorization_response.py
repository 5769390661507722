"""The answer to an authorization request: parameters that travel through the browser to the client's redirect URI.

Each carries ``iss``, so that a client of several servers knows whose answer it is (RFC 9207).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from watchword.credentials.access_token import IssuerNames
from watchword.oauth.authorization_request import Destination
from watchword.oauth_errors import OAuthError
from watchword.wire.pages import Language, Pages, redirect_to
from watchword.wire.response import Response


class AuthorizationResponses:
    """Sends answers on their way."""

    def __init__(self, pages: Pages, names: IssuerNames) -> None:
        self._pages = pages
        self._names = names

    def give(self, destination: Destination, answer: Mapping[str, str], language: Language) -> Response:
        """Send what was allowed (RFC 6749 §4.1.2)."""
        return self._send(destination, answer, language)

    def refuse(self, destination: Destination, error: OAuthError, language: Language) -> Response:
        """Send why nothing was (RFC 6749 §4.1.2.1)."""
        return self._send(destination, {"error": error.oauth_code, "error_description": error.message}, language)

    def _send(self, destination: Destination, answer: Mapping[str, str], language: Language) -> Response:
        parameters = dict(answer)
        if destination.state is not None:
            parameters["state"] = destination.state
        parameters["iss"] = self._names.issuer(destination.client.tenant_slug)
        if destination.mode == "form_post":
            return self._pages.render_page(
                "form_post",
                language,
                form_targets=(destination.redirect_uri,),
                with_script=True,
                redirect_uri=destination.redirect_uri,
                destination=shown_destination(destination.redirect_uri),
                answer=parameters,
            )
        return redirect_to(_with_parameters(destination, urlencode(parameters)))


def shown_destination(redirect_uri: str) -> str:
    """Return as much of a redirect URI as tells a person where it leads: its host, or a private scheme's name."""
    parts = urlsplit(redirect_uri)
    return parts.netloc or parts.scheme


def _with_parameters(destination: Destination, encoded: str) -> str:
    uri = destination.redirect_uri
    if destination.mode == "fragment":
        return f"{uri}#{encoded}"
    if "?" not in uri:
        return f"{uri}?{encoded}"
    # A query that was registered with the URI is kept (RFC 6749 §3.1.2).
    return f"{uri}{encoded}" if uri.endswith(("?", "&")) else f"{uri}&{encoded}"
