"""Read an order by the number that people know it by."""

from __future__ import annotations

import re
from typing import Final

from watchword.callers.call import Call
from watchword.commerce.order_numbers import NUMBER_PATTERN
from watchword.commerce.queries import find_order_id
from watchword.db.database import Database
from watchword.errors import NotFoundError
from watchword.records.read import DocumentReader
from watchword.wire.response import Response

_NUMBER: Final = re.compile(NUMBER_PATTERN)


class OrderFinder:
    """Finds orders by number."""

    def __init__(self, database: Database, reader: DocumentReader) -> None:
        self._database = database
        self._reader = reader

    async def get(self, call: Call) -> Response:
        """Answer the order that the path names by its number, as its id would."""
        return await self._reader.answer_one(call, await self.get_id(call))

    async def get_id(self, call: Call) -> str:
        """Return the id of the order that the path names by its number.

        Raises:
            NotFoundError: there is none in this tenant and mode.
        """
        number, order_id = call.parameters["order_number"], None
        # Checked before a look-up: what can be no number is answered without the database.
        if _NUMBER.fullmatch(number) is not None:
            order_id = await find_order_id(self._database, call.tenant_id, call.mode, number)
        if order_id is None:
            raise NotFoundError
        return order_id
