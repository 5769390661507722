"""What the program of a benchmark does around it: a console, a directory of its own, and servers that end with it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from servers import CannotMeasureError

Measure = Callable[[Path, contextlib.ExitStack, Console], None]
"""Takes the directory, what ends whatever it starts, and the console to print on."""


def run_program(measure: Measure, *, table_width: int) -> int:
    """Measure, and return the exit code; where nothing can be measured the console says why."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=table_width)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="watchword-bench-")))
        try:
            measure(directory, stack, console)
        except CannotMeasureError as error:
            console.print(str(error), markup=False)
            return 1
    return 0
