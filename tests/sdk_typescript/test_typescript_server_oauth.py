"""Token exchange with the TypeScript package on a server: a credential traded for one that may do less (RFC 8693)."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_world import SECRET, add_client
from sdk_typescript.node_program import NodePrograms
from world import Api

GRANTS = ("client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange")

HEAD = """
import { createBrowserClient, createServerClient } from '@watchword/sdk'
const { NEXT_PUBLIC_SOFTWARE_CLIENT_KEY: clientKey, SOFTWARE_SECRET_KEY: secretKey, WATCHWORD_URL, EXCHANGER } = process.env
const { oauth } = createServerClient({ clientKey, secretKey })
const proof = { clientId: EXCHANGER, clientSecret: process.env.EXCHANGER_SECRET, tenant: 'tenant-a' }
const act = async (token, method = 'GET') => {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  const body = method === 'GET' ? {} : { body: JSON.stringify({ name: 'Tea', price: 4500 }) }
  return (await fetch(`${WATCHWORD_URL}/api/products`, { method, headers, ...body })).status
}
const tell = (value) => console.log(JSON.stringify(value))
const subjects = {
  api_key: async () => ({}),
  access_token: async () => ({ subjectToken: (await oauth.clientCredentials(proof)).accessToken }),
  session: async () => {
    const { collections } = createBrowserClient({ clientKey })
    const { token } = await collections.users.login({ email: 'user@example.com', password: 'password' })
    return { subjectToken: token, subjectTokenType: 'session' }
  },
}
"""


@pytest.fixture
async def exchanging(installation: Api, environment: dict[str, str]) -> dict[str, str]:
    """The environment of a server whose client may exchange tokens."""
    client_id = await add_client(installation.application, installation.world.tenants["a"], grants=GRANTS)
    return {**environment, "EXCHANGER": client_id, "EXCHANGER_SECRET": SECRET}


async def run(node: NodePrograms, source: str, environment: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Run a program that tells one value."""
    return await node(HEAD + source, **environment)


@pytest.mark.parametrize("subject", ["api_key", "access_token", "session"])
async def test_a_credential_becomes_a_token_that_may_do_less(
    node: NodePrograms, exchanging: dict[str, str], subject: str
) -> None:
    """The client's own key, an access token or a session gives a short token that reads what was asked, and writes nothing."""
    source = (
        f"const subject = await subjects.{subject}()\n"
        "const token = await oauth.tokenExchange({ ...proof, ...subject, scope: 'products:read' })\n"
        "tell([token.scope, token.expiresIn, await act(token.accessToken), await act(token.accessToken, 'POST')])"
    )
    scope, expires_in, reads, writes = await run(node, source, exchanging)
    assert (scope, reads, writes) == ("products:read", 200, 403)
    assert 0 < expires_in <= 600


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("{ subjectToken: narrow.accessToken, scope: 'orders:read' }", "invalid_scope"),
        ("{ subjectToken: clientKey, subjectTokenType: 'api_key' }", "invalid_request"),
        ("{ subjectToken: secretKey, subjectTokenType: 'session' }", "invalid_request"),
        ("{ subjectToken: 'made up' }", "invalid_request"),
        ("{ clientSecret: 'wrong' }", "invalid_client"),
    ],
)
async def test_what_proves_too_little_gives_nothing(
    node: NodePrograms, exchanging: dict[str, str], options: str, code: str
) -> None:
    """More than the subject has, a credential of another kind and a wrong secret are refused in OAuth's words."""
    source = (
        "const narrow = await oauth.tokenExchange({ ...proof, scope: 'products:read' })\n"
        f"const options = {{ ...proof, ...{options} }}\n"
        "tell(await oauth.tokenExchange(options).catch(({ code }) => code))"
    )
    assert await run(node, source, exchanging) == code
