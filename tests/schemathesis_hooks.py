"""What Schemathesis cannot know from an OpenAPI document: formats of ours, and which good data cannot be guessed."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("web-origin", st.integers(1, 999).map(lambda number: f"https://shop{number}.example"))
schemathesis.openapi.format("picture-url", st.integers(1, 999).map(lambda number: f"https://cdn.example/{number}.png"))
schemathesis.openapi.format("cidr", st.integers(0, 255).map(lambda number: f"10.{number}.0.0/16"))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ANN401 - Schemathesis hands over what it made
    """Leave good queries without a cursor, which comes from an answer only and excludes a page."""
    if case.query and case.meta is not None and case.meta.generation.mode.is_positive:
        case.query.pop("after", None)


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:  # noqa: ANN401 - Schemathesis hands over what it made
    """Write whole numbers without a fraction: JSON Schema takes 1.0 for an integer, and the product does not."""
    if isinstance(body, dict):
        return {name: _whole(value) for name, value in body.items()}
    return body


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
