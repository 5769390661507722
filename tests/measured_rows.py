"""Which tests are watched for the coverage gate: of those with an installation of their own, the first row of each.

Watching doubles the time of all Python that runs meanwhile. What some rows reach, all rows reach: a gate that these
pass, all pass.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import watchword
import watchword_client

INSTALLATIONS = frozenset({"template", "doors", "stored_api"})
"""Fixtures by which a test comes to an installation; its rows take a hundred times what others take."""


class MeasuredRows:
    """A pytest plugin that takes away whatever watches the run, and gives it back for the tests to be measured."""

    def __init__(self, *, distributes: bool) -> None:
        self._distributes = distributes
        self._tracer: Any = None
        self._tracer_of_threads: Any = None
        self._measured: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Iterator[None]:
        """Import what is measured while it is watched, and collect unwatched; who only hands out tests does neither."""
        self._tracer, self._tracer_of_threads = sys.gettrace(), threading.gettrace()
        if not self._distributes:
            import_all()
        self._look_away()
        return (yield)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Choose what is measured."""
        begun: set[str] = set()
        for item in session.items:
            function = item.nodeid.partition("[")[0]
            if function not in begun or INSTALLATIONS.isdisjoint(getattr(item, "fixturenames", ())):
                self._measured.add(item.nodeid)
            begun.add(function)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch a test that is measured, from its fixtures' beginning to their end."""
        if item.nodeid not in self._measured:
            return (yield)
        self._watch()
        try:
            return (yield)
        finally:
            self._look_away()

    def pytest_sessionfinish(self) -> None:
        """Leave the watching as it was found."""
        self._watch()

    def _watch(self) -> None:
        threading.settrace(self._tracer_of_threads)
        sys.settrace(self._tracer)

    def _look_away(self) -> None:
        threading.settrace(None)
        sys.settrace(None)


def import_all() -> None:
    """Import every module that is measured."""
    for package in (watchword, watchword_client):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
