"""The test server of the TypeScript package: in Node's own test runner, in vitest, and when it does not come up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from npm_packages import NODE
from sdk_typescript.node_program import NodePrograms, block_of
from sdk_typescript.package import PROJECT, Package

HEAD = """
import { startWatchword } from '@watchword/sdk/testing'
const tell = (value) => console.log(JSON.stringify(value))
"""
README = PROJECT / "README.md"
PYTHON = {"WATCHWORD_PYTHON": sys.executable}


def run(directory: Path, *words: str) -> str:
    """Run a test runner in Node and return what it printed; it has to end well."""
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1", "CI": "1", **PYTHON}
    done = subprocess.run(
        [NODE, *words], cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_runs_in_node_s_test_runner(directory: Path) -> None:
    """The README's test for ``node:test`` passes as it is printed."""
    (directory / "order.test.mts").write_text(block_of(README, "ts node-test"))
    assert "# pass 1" in run(directory, "--test", "--test-reporter=tap")


def test_the_example_runs_in_vitest(directory: Path, package: Package) -> None:
    """The README's fixture and test for vitest pass as they are printed."""
    (directory / "session.test.ts").write_text(block_of(README, "ts vitest"))
    (directory / "vitest.config.mjs").write_text(
        "export default { cacheDir: '.vite', test: { testTimeout: 60_000 } }\n"
    )
    printed = run(directory, str(package.modules / "vitest" / "vitest.mjs"), "run")
    assert "1 passed" in printed


async def tell(node: NodePrograms, source: str, **environment: str) -> Any:  # noqa: ANN401 - JSON
    """Run a program that tells one value."""
    return await node(HEAD + source, **{**PYTHON, **environment})


async def test_its_clock_is_set(node: NodePrograms) -> None:
    """A session ends when its time has passed at the server, and the clock goes to any time that is one."""
    source = """
const server = await startWatchword()
const headers = { 'Content-Type': 'application/json', 'X-Client-Key': server.clientKey }
const body = JSON.stringify({ email: server.email, password: server.password })
const { token, exp } = await (await fetch(`${server.url}/api/users/login`, { method: 'POST', headers, body })).json()
const read = async () => (await fetch(`${server.url}/api/orders`, { headers: { Authorization: `Bearer ${token}` } })).status
const statuses = [await read()]
await server.clock.set(exp - 60)
statuses.push(await read())
await server.clock.advance(61)
statuses.push(await read())
const refused = await server.clock.set(NaN).catch(({ code }) => code)
await server.stop()
const gone = await fetch(server.url).then(() => 'there', () => 'gone')
const late = await server.clock.advance(1).catch(({ code }) => code)
tell([statuses, refused, gone, late])
"""
    assert await tell(node, source) == [[200, 200, 419], "WRONG_TIME", "gone", "TEST_SERVER_NOT_RUNNING"]


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("/nowhere/python", "ENOENT"),
        (NODE, "watchword-client[testing]"),
        ("/bin/true", "it has ended"),
        ("/bin/echo", "it said"),
    ],
)
async def test_a_server_that_does_not_come_up_is_an_error(node: NodePrograms, python: str, said: str) -> None:
    """A Python that is missing or has no test server is named with what to do, and nothing waits for ever."""
    source = "tell(await startWatchword({ python: process.env.OTHER }).catch(({ code, message }) => [code, message]))"
    code, message = await tell(node, source, OTHER=python)
    assert code == "TEST_SERVER_NOT_RUNNING"
    assert said in message
    assert python in message


async def test_it_ends_with_the_program(node: NodePrograms) -> None:
    """A program that ends without stopping its server leaves none behind."""
    url = await tell(node, "const { url } = await startWatchword()\nconsole.log(JSON.stringify(url))\nprocess.exit(0)")
    source = """
for (let there = true; there; ) there = await fetch(process.env.LEFT).then(() => true, () => false)
tell('gone')
"""
    assert await tell(node, source, LEFT=url) == "gone"
