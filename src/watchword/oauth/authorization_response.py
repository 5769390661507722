"""The answer to an authorization request: parameters that travel through the browser to the client's redirect URI.

Each carries ``iss``, so that a client of several servers knows whose answer it is (RFC 9207). A refusal goes by itself
only where an administrator vouched for the address: a refusal is all that a stranger needs to send people on by us.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from watchword.credentials.access_token import IssuerNames
from watchword.oauth.authorization_request import Destination
from watchword.oauth.leaving import is_vouched_for, show_leaving, shown_destination
from watchword.oauth.page_kit import PageKit, brand_of
from watchword.oauth_errors import AccessDeniedError, OAuthError
from watchword.wire.pages import Language, redirect_to
from watchword.wire.response import Response


class AuthorizationResponses:
    """Sends answers on their way."""

    def __init__(self, kit: PageKit, names: IssuerNames) -> None:
        self._kit, self._pages = kit, kit.pages
        self._names = names

    def give(self, destination: Destination, answer: Mapping[str, str], language: Language) -> Response:
        """Send what was allowed (RFC 6749 §4.1.2)."""
        parameters = self._complete(destination, answer)
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
        return redirect_to(_with_parameters(destination, parameters))

    async def refuse(self, destination: Destination, error: OAuthError, language: Language) -> Response:
        """Send why nothing was (RFC 6749 §4.1.2.1), or ask the person first (RFC 9700 §4.11.2)."""
        answer = {"error": error.oauth_code, "error_description": error.message}
        if is_vouched_for(destination.client, destination.redirect_uri):
            return self.give(destination, answer, language)
        parameters = self._complete(destination, answer)
        as_form = destination.mode == "form_post"
        return show_leaving(
            self._pages,
            language,
            address=destination.redirect_uri if as_form else _with_parameters(destination, parameters),
            brand=brand_of(await self._kit.get_tenant(destination.client.tenant_id)),
            reason="denied" if isinstance(error, AccessDeniedError) else "refused",
            fields=parameters if as_form else None,
        )

    def _complete(self, destination: Destination, answer: Mapping[str, str]) -> dict[str, str]:
        state = {} if destination.state is None else {"state": destination.state}
        return {**answer, **state, "iss": self._names.issuer(destination.client.tenant_slug)}


def _with_parameters(destination: Destination, parameters: Mapping[str, str]) -> str:
    uri, encoded = destination.redirect_uri, urlencode(parameters)
    if destination.mode == "fragment":
        return f"{uri}#{encoded}"
    if "?" not in uri:
        return f"{uri}?{encoded}"
    # A query that was registered with the URI is kept (RFC 6749 §3.1.2).
    return f"{uri}{encoded}" if uri.endswith(("?", "&")) else f"{uri}&{encoded}"
