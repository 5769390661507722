"""What the examples are set up with, from the environment."""

from __future__ import annotations

import os

from watchword_client.protect import Protection


def make_protection() -> Protection:
    """Make the guard of the API: its issuer and its own name, and the tenant's secret key."""
    return Protection(
        issuer=os.environ["WATCHWORD_ISSUER_URL"],
        audience=os.environ["API_AUDIENCE"],
        secret_key=os.environ["SOFTWARE_SECRET_KEY"],
        client_key=os.environ.get("NEXT_PUBLIC_SOFTWARE_CLIENT_KEY"),
    )
