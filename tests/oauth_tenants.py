"""What a tenant allows strangers, for the tests of registration and metadata documents."""

from __future__ import annotations

from typing import Any

from watchword.tenants.models import ChangeTenant, SettingsChange
from world import OPERATOR, Api


async def allow(api: Api, *, tenant: str = "a", **settings: Any) -> None:  # noqa: ANN401 - the fields of SettingsChange
    """Change the settings of a tenant, as its administrator does."""
    await api.application.tenants.change(
        api.world.tenants[tenant],
        ChangeTenant(settings=SettingsChange(**settings)),
        actor=OPERATOR,
        now_ms=api.application.clock.now_ms(),
    )
