"""A listener to the feed of revocations over HTTP, in as few lines as one can be written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from world import Api

FEED = "/api/revocations"


class Heard(msgspec.Struct):
    """One event as it came."""

    event: str
    id: str
    data: dict[str, Any]

    @property
    def named(self) -> tuple[str, str, str]:
        """What a test looks for: the event, the kind and the id of the thing."""
        return self.event, self.data.get("kind", ""), self.data.get("id", "")


def read_events(text: str) -> list[Heard]:
    """Read the events of a whole text."""
    heard = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in fields:
            heard.append(Heard(fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return heard


async def caught_up(api: Api, who: str = "sk_live_a", *, last: str = "") -> list[Heard]:
    """Return what the feed holds for a caller now."""
    headers = {"last-event-id": last} if last else {}
    answer = await api.call("GET", f"{FEED}?follow=false", who=who, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream"
    return read_events(answer.text)


class Listener:
    """An open connection."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def next(self, *, seconds: float = 5) -> Heard:
        """Wait for the next event."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    return Heard(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                else:
                    fields = {}
        raise EOFError

    async def until(self, *named: str, seconds: float = 5) -> Heard:
        """Wait for the event of this name, kind and id."""
        async with asyncio.timeout(seconds):
            while True:
                heard = await self.next(seconds=seconds)
                if heard.named[: len(named)] == named:
                    return heard


@asynccontextmanager
async def listening(api: Api, who: str = "sk_live_a", *, last: str = "") -> AsyncIterator[Listener]:
    """Follow the feed; the listener has everything when the block begins."""
    headers = {**api.world.credential(who), **({"last-event-id": last} if last else {})}
    async with api.client.stream("GET", FEED, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        listener = Listener(answer)
        await listener.until("current")
        yield listener
