"""The device authorization endpoint (RFC 8628 §3.1): a device without a browser gets two codes."""

from __future__ import annotations

from watchword.callers.call import Call
from watchword.credentials.access_token import IssuerNames
from watchword.oauth.client_authentication import ClientAuthentication
from watchword.oauth.device_codes import DEVICE_TTL_SECONDS, INTERVAL_SECONDS, DeviceCodeStore
from watchword.oauth.device_models import DeviceAnswer, DeviceRequest
from watchword.oauth.grant_device_code import DeviceCodeGrant
from watchword.oauth.resources import require_resources
from watchword.oauth.routes import twice
from watchword.oauth.scopes import require_user_scopes
from watchword.oauth_errors import UnauthorizedClientError
from watchword.wire.response import Response, json_response
from watchword.wire.routes import Route


class DeviceEndpoint:
    """Answers the root's device authorization endpoint and each tenant's."""

    def __init__(self, clients: ClientAuthentication, codes: DeviceCodeStore, names: IssuerNames) -> None:
        self._clients = clients
        self._codes = codes
        self._names = names

    async def answer(self, call: Call) -> Response:
        """Give a device its codes, and the address at which a person allows it."""
        request: DeviceRequest = call.body
        client = await self._clients.require_client(call, request)
        if DeviceCodeGrant.grant_type not in client.grants:
            raise UnauthorizedClientError
        codes = await self._codes.issue(
            client,
            scopes=require_user_scopes(client, request.scope),
            resources=require_resources(self._names, client, request.resource),
            now_ms=call.now_ms,
        )
        page = f"{self._names.issuer(client.tenant_slug)}/oauth/device"
        answer = DeviceAnswer(
            device_code=codes.device_code,
            user_code=codes.user_code,
            verification_uri=page,
            verification_uri_complete=f"{page}?user_code={codes.user_code}",
            expires_in=DEVICE_TTL_SECONDS,
            interval=INTERVAL_SECONDS,
        )
        return json_response(200, answer)


def make_device_routes(endpoint: DeviceEndpoint) -> tuple[Route, ...]:
    """Return the routes."""
    return twice(
        (
            Route(
                method="POST",
                path="/oauth/device_authorization",
                handler=endpoint.answer,
                callers="client",
                summary="Get the codes of a device (RFC 8628 §3.1)",
                limit="device",
                style="oauth",
                form=DeviceRequest,
                answer=DeviceAnswer,
                tag="OAuth",
            ),
        )
    )
