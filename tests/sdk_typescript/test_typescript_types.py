"""The package's types: what programs may write, and the types of a server's collections."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from npm_packages import NODE
from sdk_typescript.node_program import block_of, blocks_of, document_block
from sdk_typescript.package import PROJECT, Package
from world import Api

TYPES = Path(__file__).resolve().parent / "types"
ENVIRONMENT = "declare const process: { env: Record<string, string | undefined> }\n"


@pytest.fixture
def typed(directory: Path) -> Path:
    """A project that checks what stands in it strictly."""
    shutil.copy(TYPES / "tsconfig.json", directory)
    (directory / "package.json").write_text('{"type": "module"}')
    return directory


async def call_command(package: Package, *words: str, **environment: str) -> tuple[int, str, str]:
    """Call the package's own command line."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        str(package.modules / "@watchword" / "sdk" / "bin" / "sdk.mjs"),
        *words,
        env={"PATH": "", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaint = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode(), complaint.decode()


def test_the_compiler_refuses_what_would_fail(package: Package, typed: Path) -> None:
    """Writes by browsers, unknown fields, wrong types and unread errors are refused; all else passes."""
    shutil.copy(TYPES / "clients.ts", typed)
    assert package.check_types(typed) == ""


@pytest.mark.parametrize("block", ["client_key", "secret_key", "automatic_refresh", "browser_client", "server_client"])
def test_the_document_s_blocks_have_types(package: Package, typed: Path, block: str) -> None:
    """Each block, as printed, passes the strict compiler, though its environment may hold nothing."""
    text = document_block(block)
    head = "" if "import" in text else "import { createBrowserClient, createServerClient } from '@01.software/sdk'\n"
    order = "declare const order: import('@01.software/sdk').NewOrder\n"
    (typed / "block.ts").write_text(ENVIRONMENT + order + head + text + "\nexport { client }\n")
    assert package.check_types(typed) == ""


def test_the_receiver_of_webhooks_has_types(package: Package, typed: Path) -> None:
    """The README's receiver passes the strict compiler, and an event without its secret or of another shape does not."""
    receiver = next(block for block in blocks_of(PROJECT / "README.md") if "handleWebhook" in block)
    (typed / "receiver.ts").write_text(ENVIRONMENT + receiver)
    assert package.check_types(typed) == ""
    wrong = "import { handleWebhook as handle } from '@watchword/sdk/webhook'\ndeclare const request: Request\n"
    (typed / "without.ts").write_text(wrong + "handle(request, () => undefined, {})\n")
    (typed / "unknown.ts").write_text(wrong + "handle(request, ({ kind }) => kind, { secret: 'x' })\n")
    complaint = package.check_types(typed)
    assert "without.ts" in complaint
    assert "unknown.ts" in complaint
    assert "receiver.ts" not in complaint


async def test_the_types_of_a_server_are_written(package: Package, typed: Path, installation: Api) -> None:
    """``npx @watchword/sdk types --url`` prints a module that compiles and knows the server's collections; the hooks do, and the README's component."""
    code, printed, complaint = await call_command(package, "types", "--url", str(installation.client.base_url))
    assert (code, complaint) == (0, "")
    (typed / "generated.ts").write_text(printed)
    for use in ("generated_use.ts", "hooks.tsx"):
        shutil.copy(TYPES / use, typed)
    (typed / "printed.tsx").write_text(ENVIRONMENT + block_of(PROJECT / "README.md", "tsx"))
    assert package.check_types(typed) == ""


async def test_the_command_takes_the_server_of_the_environment(package: Package, installation: Api) -> None:
    """Without ``--url`` it is ``WATCHWORD_URL``."""
    code, printed, _ = await call_command(package, "types", WATCHWORD_URL=str(installation.client.base_url))
    assert (code, "products: {" in printed) == (0, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "npx @watchword/sdk types --url"),
        (("types", "--url"), 2, "npx @watchword/sdk types --url"),
        (("types", "--host", "x"), 2, "npx @watchword/sdk types --url"),
        (("types",), 1, "WATCHWORD_URL"),
        (("types", "--url", "nowhere"), 1, "no web address"),
        (("types", "--url", "http://api.example"), 1, "Use https"),
    ],
)
async def test_the_command_says_what_is_wrong(package: Package, words: tuple[str, ...], code: int, said: str) -> None:
    """A wrong command line, and a server that cannot be asked, end with a sentence and a code, and no types."""
    ended, printed, complaint = await call_command(package, *words)
    assert (ended, printed) == (code, "")
    assert said in complaint
