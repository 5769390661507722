"""What is read, and changed, in the tests of what is remembered of callers."""

from __future__ import annotations

from world import Api

PRODUCTS = "/api/products?limit=1"
ME = "/api/users/me"


async def change(api: Api, method: str, path: str, who: str, json: object = None) -> None:
    """Change something through the API, which works."""
    response = await api.call(method, path, who=who, json=json)
    assert response.status_code in {200, 201}, response.text
