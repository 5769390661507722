"""The handlers of managing OAuth clients: from a call to the answer's bytes."""

from __future__ import annotations

from msgspec import UnsetType

from watchword.callers.call import Call
from watchword.oauth.client_answers import client_answer, listed_answer, read_answer, secret_answer
from watchword.oauth.client_models import (
    AddSecret,
    ClientDone,
    ClientPage,
    CreateClient,
    RotateSecret,
    SecretDone,
    SecretRotated,
)
from watchword.oauth.client_secrets import ClientSecrets
from watchword.oauth.clients import OAuthClients
from watchword.tenants.actor import actor_of, held_mode
from watchword.tenants.models import PageQuery, Removed
from watchword.wire.response import Response, json_response


class ClientEndpoints:
    """Handlers under ``/api/clients``."""

    def __init__(self, clients: OAuthClients, secrets: ClientSecrets) -> None:
        self._clients = clients
        self._secrets = secrets

    async def create(self, call: Call) -> Response:
        """Make a client and show its secret."""
        wanted: CreateClient = call.body
        mode = call.mode if isinstance(wanted.mode, UnsetType) else wanted.mode
        issued = await self._clients.create(call.tenant_id, mode, wanted, actor=actor_of(call), now_ms=call.now_ms)
        answer = client_answer(issued.client)
        if issued.secret is not None:
            answer.client_secret = issued.secret.text
        return json_response(201, ClientDone("OAuth client successfully created.", answer))

    async def list(self, call: Call) -> Response:
        """List the tenant's clients."""
        page: PageQuery = call.query
        mode = held_mode(call)
        clients = await self._clients.list(call.tenant_id, mode=mode, after=page.after, limit=page.limit + 1)
        more = len(clients) > page.limit
        docs = [listed_answer(client) for client in clients[: page.limit]]
        return json_response(
            200, ClientPage(docs=docs, limit=page.limit, has_next_page=more, next_after=docs[-1].id if more else None)
        )

    async def get(self, call: Call) -> Response:
        """Read one client with what is known of its secrets."""
        read = await self._clients.get(call.tenant_id, call.parameters["id"], mode=held_mode(call))
        return json_response(200, read_answer(read, call.now_ms))

    async def change(self, call: Call) -> Response:
        """Change one client."""
        client = await self._clients.change(
            call.tenant_id, call.parameters["id"], call.body, actor=actor_of(call), now_ms=call.now_ms
        )
        return json_response(200, ClientDone("Updated successfully.", client_answer(client)))

    async def delete(self, call: Call) -> Response:
        """Delete one client."""
        client_id = call.parameters["id"]
        await self._clients.delete(call.tenant_id, client_id, actor=actor_of(call), now_ms=call.now_ms)
        return json_response(200, Removed("Deleted successfully.", client_id))

    async def add_secret(self, call: Call) -> Response:
        """Make one more secret and show it."""
        wanted: AddSecret = call.body or AddSecret()
        secret = await self._secrets.add(
            call.tenant_id, call.parameters["id"], wanted, actor=actor_of(call), now_ms=call.now_ms
        )
        answer = secret_answer(secret.record, call.now_ms)
        answer.client_secret = secret.text
        return json_response(201, SecretDone("Secret successfully created.", answer))

    async def rotate(self, call: Call) -> Response:
        """Replace the secrets of one client and show the new one."""
        wanted: RotateSecret = call.body or RotateSecret()
        rotation = await self._secrets.rotate(
            call.tenant_id, call.parameters["id"], wanted, actor=actor_of(call), now_ms=call.now_ms
        )
        answer = secret_answer(rotation.issued.record, call.now_ms)
        answer.client_secret = rotation.issued.text
        old = [secret_answer(secret, call.now_ms) for secret in rotation.old]
        return json_response(201, SecretRotated("Secret successfully rotated.", answer, old))

    async def revoke_secret(self, call: Call) -> Response:
        """End one secret of a client."""
        ended = await self._secrets.revoke(
            call.tenant_id,
            call.parameters["id"],
            call.parameters["secret_id"],
            actor=actor_of(call),
            now_ms=call.now_ms,
        )
        return json_response(200, SecretDone("Revoked successfully.", secret_answer(ended, call.now_ms)))
