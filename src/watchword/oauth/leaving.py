"""The page that stands before an address which no administrator vouched for (RFC 9700 §4.11.2).

Whoever registers a client, or names one by its document, chooses where our answers go: sent on without a word, people
would follow a link of ours to anybody's site. Nothing that the client says of itself is on the page but the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from watchword.oauth.models import OAuthClient
from watchword.oauth.redirect_uris import is_on_own_machine
from watchword.wire.pages import Brand, Language, Pages
from watchword.wire.response import Response


def is_vouched_for(client: OAuthClient, uri: str) -> bool:
    """Say whether a browser may be sent to a client's registered address unasked.

    An administrator registered the client; or the address is the person's own machine, where a native application
    listens and no stranger has a site.
    """
    return client.source == "administrator" or is_on_own_machine(uri)


def show_leaving(
    pages: Pages,
    language: Language,
    *,
    address: str,
    reason: str,
    brand: Brand,
    fields: Mapping[str, str] | None = None,
    lines: bytes = b"",
) -> Response:
    """Show where the way would lead, and leave it to the person whether to go.

    ``reason`` names the text that says why, ``brand`` is the tenant's that the client is registered with; ``fields`` are there where the address takes the answer as a form.
    """
    return pages.render_page(
        "leaving",
        language,
        brand=brand,
        lines=lines,
        form_targets=(address,),
        address=address,
        destination=shown_destination(address),
        reason=reason,
        fields=fields,
    )


def shown_destination(uri: str) -> str:
    """Return as much of a URI as tells a person where it leads: its host, or a private scheme's name."""
    parts = urlsplit(uri)
    return parts.netloc or parts.scheme
