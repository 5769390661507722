"""Whether the process runs, and whether it can serve."""

from __future__ import annotations

from typing import Final

from watchword.callers.call import Call
from watchword.db.database import Database, Statement
from watchword.errors import UnavailableError
from watchword.operations.models import HealthAnswer
from watchword.wire.response import Response, json_response

_PROBE: Final = Statement("SELECT 1")


class Health:
    """The probes of a load balancer or a person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def live(self, _call: Call) -> Response:
        """Answer without asking anything: a process that can say this needs no restart."""
        return json_response(200, HealthAnswer("ok"))

    async def ready(self, _call: Call) -> Response:
        """Answer after the database did.

        Raises:
            UnavailableError: it does not answer.
        """
        if await self._database.fetch_row(_PROBE) is None:
            raise UnavailableError(cause="the database answered nothing")
        return json_response(200, HealthAnswer("ok"))
