"""Payload's own SDK, unchanged, over TLS."""

from __future__ import annotations

from clients.instance import Instance
from clients.npm_clients import Node
from world import PASSWORD


def test_payloads_sdk(node: Node, instance: Instance) -> None:
    """It signs in, refreshes and learns who is signed in, works with a collection, and reads refusals."""
    email = "editor.a@example.com"
    told = node("payload.mjs", api=f"{instance.url}/api", email=email, password=PASSWORD)
    assert told["signedIn"]["user"]["collection"] == told["me"]["collection"] == "users"
    assert all(told[answer]["message"] for answer in ("signedIn", "refreshed", "me"))
    assert told["me"]["user"]["email"] == told["refreshed"]["user"]["email"] == email
    assert told["me"]["token"] == told["refreshed"]["refreshedToken"] != told["signedIn"]["token"]
    assert told["me"]["strategy"] == "local-jwt"
    assert [sorted(doc) for doc in told["found"]["docs"]] == [["id", "name"]] * 2
    assert told["found"]["totalDocs"] == told["counted"]
    assert "live a 12" not in str(told["found"])
    assert told["prices"] == [1, 2, 2, 2]
    assert told["gone"] is None
    assert told["anonymous"]["status"] == 401
    assert told["wrong"] == {"status": 401, "message": "The email or password provided is incorrect"}
    assert told["forgotten"]["message"]
    assert (told["spent"]["status"], told["unknown"]["status"]) == (400, 400)
