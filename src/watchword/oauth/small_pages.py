"""What every page needs, the style sheet and the script, and the page after signing out."""

from __future__ import annotations

from watchword.callers.call import Call
from watchword.errors import NotFoundError
from watchword.oauth.page_kit import PageKit, brand_of, page_path
from watchword.oauth.page_session import PageSessions
from watchword.wire.pages import Pages
from watchword.wire.response import Response


class SmallPages:
    """Serves what is the same for everybody."""

    def __init__(self, pages: Pages, sessions: PageSessions, kit: PageKit) -> None:
        self._pages = pages
        self._sessions = sessions
        self._kit = kit

    async def file(self, call: Call) -> Response:
        """Answer a file of the pages."""
        try:
            return self._pages.file(call.parameters["name"])
        except KeyError:
            raise NotFoundError from None

    async def signed_out(self, call: Call) -> Response:
        """Say that nobody is signed in any more."""
        visit = await self._sessions.visit(call.request, call.now_ms)
        tenant = await self._kit.find_tenant_of_path(call.parameters)
        return self._pages.render_page(
            "signed_out",
            visit.language,
            brand=None if tenant is None else brand_of(tenant),
            lines=visit.lines,
            sign_in_href=page_path(call.parameters, "sign-in"),
        )
