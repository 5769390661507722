"""The table of a benchmark, and how it stands to what the product promises."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from rich.console import Console
from rich.table import Table

import paths as names
from logins import ALONE, PACED_QUIET, PACED_STORM, QUIET, STORM
from rounds import Results

MEMORY_MIB_MAX = 90
OURS = (names.CEILING, names.HELLO)


class Aim(msgspec.Struct):
    """A promised ratio: what over what, and its bound from below, or from above."""

    path: str
    over: tuple[str, str]
    bound: float
    server: str = names.WATCHWORD
    figure: str = "per_second"
    is_ceiling: bool = False


AIMS = (
    Aim(names.ME, OURS, 1.2),
    Aim(names.PRODUCT, OURS, 1.0),
    Aim(names.PRODUCT_BY_KEY, OURS, 1.0),
    Aim(names.TEN, OURS, 0.5),
    Aim(names.FORGED, OURS, 1.2),
    Aim(names.EXPIRED, OURS, 1.2),
    Aim(names.UNKNOWN_KEY, OURS, 1.2),
    Aim(names.PRODUCT, (names.PRODUCT, names.POCKETBASE), 10),
    Aim(names.TEN_WITHOUT_TOTAL, (names.TEN_WITHOUT_TOTAL, names.POCKETBASE), 5),
    Aim(names.TEN, (names.TEN, names.POCKETBASE), 50),
    Aim(names.CREATE, (names.CREATE, names.POCKETBASE), 1.5),
    Aim(names.FORGED, (names.ME, names.WATCHWORD), 1.0),
    Aim(names.EXPIRED, (names.ME, names.WATCHWORD), 1.0),
    Aim(names.UNKNOWN_KEY, (names.PRODUCT_BY_KEY, names.WATCHWORD), 1.0),
    Aim(names.ME, (names.ME, names.WATCHWORD), 0.6, server=names.HTTPS),
    Aim(names.PRODUCT, (names.PRODUCT, names.WATCHWORD), 0.6, server=names.HTTPS),
    Aim(names.PRODUCT_BY_KEY, (names.PRODUCT_BY_KEY, names.WATCHWORD), 0.6, server=names.HTTPS),
    Aim(names.TEN, (names.TEN, names.WATCHWORD), 0.6, server=names.HTTPS),
    Aim(names.LOGIN, (names.LOGIN, ALONE), 0.6),
    Aim(STORM, (QUIET, names.WATCHWORD), 3, figure="p99_us", is_ceiling=True),
    Aim(PACED_STORM, (PACED_QUIET, names.WATCHWORD), 3, figure="p99_us", is_ceiling=True),
    Aim(names.PRODUCT, (names.PRODUCT, names.FASTAPI_USERS_POSTGRES), 3, server=names.POSTGRES),
    *(
        Aim(path, (path, names.WATCHWORD), 0.8, server=names.LARGE)
        for path in (
            names.ME,
            names.PRODUCT,
            names.PRODUCT_BY_KEY,
            names.TEN,
            names.FORGED,
            names.EXPIRED,
            names.UNKNOWN_KEY,
            names.CREATE,
            names.LOGIN,
        )
    ),
)


class Report:
    """Shows what was measured."""

    def __init__(self, results: Results, resident_mib: dict[str, float]) -> None:
        self._results = results
        self._resident_mib = resident_mib

    def show(self, console: Console) -> None:
        """Print both tables."""
        console.print(self._figures())
        console.print(self._aims())

    def _figures(self) -> Table:
        table = Table(title="Medians of all rounds; ratios of the same round")
        table.add_column("path", no_wrap=True)
        table.add_column("server", no_wrap=True)
        for name in (
            "requests/s",
            "p50 ms",
            "p99 ms",
            "to hello",
            "to pocketbase",
            "to fastapi-users",
            "load",
            "CPU µs",
        ):
            table.add_column(name, justify="right", no_wrap=True)
        for path in self._results.paths():
            for number, server in enumerate(self._results.servers(path)):
                table.add_row(path if number == 0 else "", server, *self._row(path, server))
            table.add_section()
        return table

    def _row(self, path: str, server: str) -> list[str]:
        results = self._results
        median: Callable[[str], float] = lambda name: results.median(path, server, name)  # noqa: E731
        peers = (OURS, (path, names.POCKETBASE), (path, names.FASTAPI_USERS))
        return [
            f"{median('per_second'):,.0f}",
            f"{median('p50_us') / 1000:.2f}",
            f"{median('p99_us') / 1000:.2f}",
            *(_ratio(results.ratio((path, server), peer)) for peer in peers),
            f"{median('busy'):.0%}",
            f"{median('cpu_us'):.1f}",
        ]

    def _aims(self) -> Table:
        table = Table(title="Against the aims")
        for name in ("path", "server", "over"):
            table.add_column(name, no_wrap=True)
        for name in ("measured", "by CPU", "aim"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("")
        for aim in AIMS:
            measured = self._results.ratio((aim.path, aim.server), aim.over, aim.figure)
            if measured is None:
                continue
            is_met = measured <= aim.bound if aim.is_ceiling else measured >= aim.bound
            table.add_row(
                aim.path,
                aim.server,
                aim.over[1] if aim.over[0] in {aim.path, names.CEILING} else ", ".join(aim.over),
                f"{measured:.2f}",
                self._by_cpu(aim),
                f"{'≤' if aim.is_ceiling else '≥'} {aim.bound:g}",
                "" if is_met else "missed",
            )
        for server, mib in self._resident_mib.items():
            is_met = mib <= MEMORY_MIB_MAX
            table.add_row(
                "memory, MiB", server, "", f"{mib:.0f}", "", f"≤ {MEMORY_MIB_MAX}", "" if is_met else "missed"
            )
        return table

    def _by_cpu(self, aim: Aim) -> str:
        if aim.figure != "per_second" or aim.path == names.LOGIN:
            return ""
        inverse = self._results.ratio((aim.path, aim.server), aim.over, "cpu_us")
        return _ratio(1 / inverse if inverse else None)


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
