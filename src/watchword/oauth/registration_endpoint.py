"""The registration endpoint and the management of what was registered (RFC 7591 §3, RFC 7592 §2)."""

from __future__ import annotations

from watchword.callers.call import Call
from watchword.oauth.registered_metadata import ChangedMetadata, ClientMetadata, RegisteredClient
from watchword.oauth.registration import Registrations
from watchword.oauth.routes import twice
from watchword.wire.request import Request
from watchword.wire.response import Response, json_response, no_content
from watchword.wire.routes import Route


class RegistrationEndpoint:
    """Handlers under ``/oauth/register``."""

    def __init__(self, registrations: Registrations) -> None:
        self._registrations = registrations

    async def register(self, call: Call) -> Response:
        """Register a client."""
        registered = await self._registrations.register(
            call.parameters.get("tenant"),
            call.body,
            token=read_bearer(call.request),
            address=call.request.client_address,
            now_ms=call.now_ms,
        )
        return json_response(201, registered)

    async def read(self, call: Call) -> Response:
        """Answer what a client registered."""
        registered = await self._registrations.read(
            call.parameters["id"], call.parameters.get("tenant"), read_bearer(call.request)
        )
        return json_response(200, registered)

    async def change(self, call: Call) -> Response:
        """Register other metadata in place of a client's."""
        registered = await self._registrations.change(
            call.parameters["id"],
            call.parameters.get("tenant"),
            call.body,
            token=read_bearer(call.request),
            address=call.request.client_address,
            now_ms=call.now_ms,
        )
        return json_response(200, registered)

    async def delete(self, call: Call) -> Response:
        """Delete a client."""
        await self._registrations.delete(
            call.parameters["id"],
            call.parameters.get("tenant"),
            token=read_bearer(call.request),
            address=call.request.client_address,
            now_ms=call.now_ms,
        )
        return no_content()


def read_bearer(request: Request) -> str | None:
    """Return the token of the Authorization header, if it has one (RFC 6750 §2.1)."""
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def make_registration_routes(endpoint: RegistrationEndpoint) -> tuple[Route, ...]:
    """Return the routes."""
    return twice(
        (
            Route(
                method="POST",
                path="/oauth/register",
                handler=endpoint.register,
                callers="client",
                summary="Register a client (RFC 7591)",
                limit="client_registration",
                style="oauth",
                body=ClientMetadata,
                answer=RegisteredClient,
                status=201,
                tag="OAuth",
            ),
            *_management_routes(endpoint),
        )
    )


def _management_routes(endpoint: RegistrationEndpoint) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/oauth/register/{id}",
            handler=endpoint.read,
            callers="client",
            summary="Read what a client registered (RFC 7592)",
            limit="token",
            style="oauth",
            answer=RegisteredClient,
            tag="OAuth",
        ),
        Route(
            method="PUT",
            path="/oauth/register/{id}",
            handler=endpoint.change,
            callers="client",
            summary="Register other metadata in their place",
            limit="client_registration",
            style="oauth",
            body=ChangedMetadata,
            answer=RegisteredClient,
            tag="OAuth",
        ),
        Route(
            method="DELETE",
            path="/oauth/register/{id}",
            handler=endpoint.delete,
            callers="client",
            summary="Delete a registered client",
            limit="token",
            style="oauth",
            status=204,
            tag="OAuth",
        ),
    )
