"""The page that asks in which tenant a user goes on, where neither the client nor the address says."""

from __future__ import annotations

from watchword.credentials.session_token import SessionProof
from watchword.oauth.page_kit import PageKit, targets_behind
from watchword.oauth.page_session import Visit
from watchword.wire.pages import Pages, redirect_to
from watchword.wire.response import Response


class TenantChoice:
    """Leads to a page of one of the user's tenants."""

    def __init__(self, pages: Pages, kit: PageKit) -> None:
        self._pages = pages
        self._kit = kit

    async def ask(self, visit: Visit, user: SessionProof, page: str) -> Response:
        """Ask, or go on at once where there is only one; ``page`` is the address behind the tenant's own path."""
        hrefs = {membership.tenant_id: f"/t/{membership.slug}/oauth/{page}" for membership in user.memberships}
        if len(hrefs) == 1:
            return redirect_to(next(iter(hrefs.values())))
        choices = [
            {"href": href, "name": (await self._kit.get_tenant(tenant_id)).name} for tenant_id, href in hrefs.items()
        ]
        return self._pages.render_page(
            "choose_tenant",
            visit.language,
            form_targets=targets_behind(f"/oauth/{page}"),
            choices=choices,
            email=user.email,
        )
