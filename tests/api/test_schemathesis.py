"""The OpenAPI document tells the truth: Schemathesis with every check on, as several callers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import RunningClock
from world import Api, World, open_api

HOOKS = Path(__file__).parents[1] / "schemathesis_hooks.py"

ENDS_THE_CALLER = ("/api/users/logout", "/api/users/refresh-token", "/api/keys/self-revoke")
"""Left out where a credential is sent: after the first good call everything else would only answer 401."""

GOES_ON = "/api/revocations"
"""Left out where it would answer: the answer ends when whoever asked leaves."""

NEEDS_A_CODE = ("POST /api/invitations/accept", "POST /api/users/reset-password", "POST /api/users/verify/{token}")
NEEDS_MORE_THAN_A_SCHEMA_SAYS = (
    "POST /api/keys", "PATCH /api/keys/{id}", "PATCH /api/users/me", "POST /api/users/register", "POST /api/tenants/{id}/members",
    "POST /api/orders", "PATCH /api/orders/{id}", "PATCH /api/orders/by-number/{order_number}",
    "POST /api/clients", "PATCH /api/clients/{id}", "POST /api/clients/{id}/secrets", "POST /api/clients/{id}/rotate",
)  # fmt: skip
"""Fields that exclude or need each other, times that must lie ahead, passwords that must be hard to guess, people and
products that must exist."""


class Live(msgspec.Struct, frozen=True):
    """A served installation, in a loop and thread of its own."""

    url: str
    door: Api

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document as it is served."""
        with urllib.request.urlopen(f"{self.url}/api/openapi.json") as answer:
            document: dict[str, Any] = json.load(answer)
        return document


@pytest.fixture
def live(template: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """An installation whose clock runs on, so that no limit of a minute answers for the route."""
    directory, world = template
    served: list[Live] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        own = tmp_path_factory.mktemp("schemathesis")
        async with open_api(directory, world, own, "fast", RunningClock()) as door:
            served.append(Live(str(door.client.base_url), door))
            ready.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    yield served[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def config(live: Live, who: str) -> str:
    """Write the configuration: credential, real ids for the paths, and what may answer what."""
    world = live.door.world
    lines = [
        "color = false",
        f"hooks = {json.dumps(str(HOOKS))}",
        "[generation]",
        "allow-x00 = false",  # refused everywhere, which test_bad_input.py shows
        "[headers]",
        *(f"{name} = {json.dumps(value)}" for name, value in sent_headers(world, who).items()),
        "[checks.negative_data_rejection]",
        "expected-statuses = [400, 401, 403, 404, 405, 409, 412, 413, 414, 415, 419, 429, 431]",
        "[checks.positive_data_acceptance]",
        'expected-statuses = ["2xx", 304, 401, 403, 404, 409, 412, 419, 429]',
    ]
    for path, parameters in own_parameters(world.names(), who).items():
        filled = ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in parameters.items())
        lines += ["[[operations]]", f"include-path = {json.dumps(path)}", f"parameters = {{{filled}}}"]
    for name in (*NEEDS_A_CODE, *NEEDS_MORE_THAN_A_SCHEMA_SAYS):
        lines += [
            "[[operations]]",
            f"include-name = {json.dumps(name)}",
            "[operations.checks.positive_data_acceptance]",
            'expected-statuses = ["2xx", 400, 401, 403, 404, 409, 412, 429]',
        ]
    return "\n".join(lines)


def sent_headers(world: World, who: str) -> dict[str, str]:
    """Return the credential in the header's own spelling, as the document names it."""
    proper = {
        "authorization": "Authorization",
        "x-api-key": "X-Publishable-Key" if who.startswith("pk") else "X-API-Key",
    }
    headers = {proper[name]: value for name, value in world.credential(who).items()}
    return {**headers, "X-Tenant-ID": "tenant-a"} if who == "super" else headers


def own_parameters(names: dict[str, str], who: str) -> dict[str, dict[str, str]]:
    """Return real ids of the caller's tenant for the parameters of paths, so that more than 404 is answered."""
    own = {
        "/api/products/{id}": {"path.id": names["product_live_a"]},
        "/api/orders/{id}": {"path.id": names["order_live_a"]},
        "/api/orders/by-number/{order_number}": {"path.order_number": names["number_live_a"]},
    }
    if who in {"super", "admin_a"}:
        tenant = {"path.id": names["tenant_a"]}
        own |= {
            "/api/keys/{id}": {"path.id": names["key_sk_live_a"]},
            "/api/keys/{id}/rotate": {"path.id": names["key_sk_test_a"]},
            "/api/grants/{id}": {"path.id": names["grant_a"]},
            "/api/clients/{id}": {"path.id": names["client_a"]},
            "/api/clients/{id}/secrets": {"path.id": names["client_a"]},
            "/api/clients/{id}/rotate": {"path.id": names["client_a"]},
            "/api/tenants/{id}": tenant,
            "/api/tenants/{id}/members": tenant,
            "/api/tenants/{id}/invitations": tenant,
            "/api/tenants/{id}/members/{user_id}": {**tenant, "path.user_id": names["user_viewer_a"]},
            "/api/tenants/{id}/invitations/{invitation_id}": tenant,
        }
    return own


def check(
    live: Live,
    who: str,
    document: dict[str, Any],
    directory: Path,
    *arguments: str,
    phases: str = "fuzzing",
    examples: int,
) -> None:
    """Run Schemathesis and fail with its report; nothing may have ended in a fault of ours."""
    (directory / "openapi.json").write_text(json.dumps(document))
    (directory / "schemathesis.toml").write_text(config(live, who))
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        *("--config-file", str(directory / "schemathesis.toml"), "run", str(directory / "openapi.json")),
        *("--url", live.url, "--checks", "all", "--mode", "all"),
        *("--phases", phases, "--max-examples", str(examples)),
        *("--generation-deterministic", "--no-shrink", "--warnings", "off", *arguments),
    ]
    run = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=900, check=False)
    failed = [event for event in live.door.events() if event["event"] == "request.failed"]
    assert failed == []
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]


def without_security(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out how to prove oneself, so that no made-up credential comes beside the one that is sent."""
    for operations in document["paths"].values():
        for operation in operations.values():
            del operation["security"]
    del document["components"]["securitySchemes"]
    return document


@pytest.mark.parametrize(
    ("who", "paths", "phases", "examples"),
    [
        # One caller goes through every case that can be counted up, and it may call everything.
        ("super", "^/(api|docs|health|$)", "coverage,fuzzing", 4),
        ("sk_live_a", "^/api/(products|orders|keys/verify)", "fuzzing", 12),
        ("pk_live_a", "^/api/(products|keys/verify)", "fuzzing", 20),
    ],
)
def test_the_document_tells_the_truth(
    live: Live, tmp_path: Path, who: str, paths: str, phases: str, examples: int
) -> None:
    """Good data is taken and bad data refused, with the statuses, types, headers and bodies that the document names."""
    excluded = [part for path in (*ENDS_THE_CALLER, GOES_ON) for part in ("--exclude-path", path)]
    before = len(live.door.log_text())
    document = without_security(live.document())
    check(live, who, document, tmp_path, "--include-path-regex", paths, *excluded, phases=phases, examples=examples)
    lines = [json.loads(line) for line in live.door.log_text()[before:].splitlines()]
    statuses = Counter(line["status"] for line in lines if line["event"] == "request")
    assert statuses[200] + statuses[201] > 20, f"too little was let in to mean anything: {statuses}"


def test_what_ends_a_caller_tells_the_truth(live: Live, tmp_path: Path) -> None:
    """So do the routes that end the credential they are called with."""
    included = [part for path in ENDS_THE_CALLER for part in ("--include-path", path)]
    check(live, "editor_b", without_security(live.document()), tmp_path, *included, examples=5)


def test_no_route_ignores_a_missing_proof(live: Live, tmp_path: Path) -> None:
    """What the document says needs a proof is refused without one and with a made-up one."""
    check(
        live,
        "nobody",
        live.document(),
        tmp_path,
        "--exclude-path-regex",
        "^/(docs|health|oauth|t/|[.]well-known)",
        examples=3,
    )
    check(
        live, "editor_a", live.document(), tmp_path, "--include-path-regex", "^/api/(users/(me|sessions)|products|tenants)$",
        examples=4,
    )  # fmt: skip
