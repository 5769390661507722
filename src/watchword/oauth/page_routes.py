"""The pages of the authorization server: each at the root, and under each tenant's own path."""

from __future__ import annotations

from watchword.oauth.routes import twice
from watchword.oauth.small_pages import SmallPages
from watchword.wire.routes import Route


def make_page_routes(small: SmallPages) -> tuple[Route, ...]:
    """Return the routes."""
    return (
        Route(
            method="GET",
            path="/oauth/files/{name}",
            handler=small.file,
            callers="page",
            style="page",
            summary="Get the style sheet or the script of the pages",
            tag="Pages",
        ),
        *twice(
            (
                Route(
                    method="GET",
                    path="/oauth/signed-out",
                    handler=small.signed_out,
                    callers="page",
                    style="page",
                    summary="Say that nobody is signed in any more",
                    tag="Pages",
                ),
            )
        ),
    )
