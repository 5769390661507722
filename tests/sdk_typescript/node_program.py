"""Programs that use the TypeScript package, in Node: they print one line of JSON."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from npm_packages import NODE

DOCUMENT = Path(__file__).resolve().parent / "document"
SECONDS_MAX = 60


def document_block(name: str, *, order: str = "order") -> str:
    """Return a block of the document as it is printed; what its ``{...}`` leaves open is the variable of this name."""
    return (DOCUMENT / f"{name}.js").read_text("utf-8").replace("{...}", f"{{...{order}}}")


class NodePrograms:
    """Runs modules in a directory that has the package installed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def __call__(self, source: str, *, suffix: str = ".mjs", **environment: str) -> Any:  # noqa: ANN401 - JSON
        """Run a module and return the JSON that it printed last."""
        program = self.directory / f"program{suffix}"
        program.write_text(source, "utf-8")
        process = await asyncio.create_subprocess_exec(
            NODE,
            str(program),
            env={"PATH": "", **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            printed, complaint = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, complaint.decode()
        return json.loads(printed.decode().strip().splitlines()[-1])


def blocks_of(page: Path) -> list[str]:
    """Return the TypeScript blocks of a page that run anywhere; those marked ``browser`` need one."""
    return re.findall(r"^```ts\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def block_of(page: Path, mark: str) -> str:
    """Return the block of a page whose fence is marked so."""
    found = re.search(rf"^```{mark}\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]
