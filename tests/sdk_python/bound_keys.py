"""Secret keys that are bound to a key pair, and what is sent with them."""

from __future__ import annotations

import httpx

from oauth_keys import ClientKey
from sdk_python.guarded import bearer, sign_in
from watchword_client.testing import WatchwordServer

API = "https://orders.example"
"""Where callers reach the API."""


class BoundKey:
    """A key of the server's tenant, and its pair."""

    def __init__(self, server: WatchwordServer) -> None:
        self.pair = ClientKey()
        wanted = {"name": "bound", "kind": "secret", "dpop_jkt": self.pair.jkt}
        answer = httpx.post(f"{server.url}/api/keys", json=wanted, headers=bearer(sign_in(server)))
        self.text: str = answer.json()["doc"]["key"]
        self._server = server

    def proof(self, method: str, url: str, *, pair: ClientKey | None = None) -> str:
        """Make a proof of its pair, or of another."""
        return (pair or self.pair).proof(method, url, token=self.text, iat=self._server.clock.now_ms() // 1000)

    def headers(self, proof: str, *, scheme: str = "DPoP") -> dict[str, str]:
        """Return what is sent with a proof."""
        return {"authorization": f"{scheme} {self.text}", "dpop": proof}
