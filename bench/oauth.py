"""Measure the authorization server beside oidc-provider and one built with Authlib: one run, interleaved rounds, medians.

Run: ``python3 develop.py bench oauth``, or ``python bench/oauth.py [--quick]``. Server and load on cores of their own.
oidc-provider keeps everything in memory, ours and Authlib's on SQLite: what it wins by that, it may. Each signs as it does
when nothing is set: ours with EdDSA, oidc-provider with RS256; Authlib's example with ES256.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import io
import itertools
import os
import secrets
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from fill import Manifest, fill, make_bars
from program import run_program
from rounds import Load, Results, always, finish_load, get, post, run_load, start_load
from servers import Server, start_authlib, start_oidc_provider, start_watchword
from watchword.app import Application
from watchword.config import load_settings
from watchword.db.database import Transaction
from watchword.oauth.client_models import CreateClient, IssuedClient
from watchword.oauth.grant import GrantContext
from watchword.oauth.models import OAuthClient, TokenFormat
from watchword.observe import Log
from watchword.tenants.actor import OPERATOR

FORM = "application/x-www-form-urlencoded"
ASK = b"grant_type=client_credentials&scope=products%3Aread"

SIGNED, OPAQUE, WRONG = "token, JWT", "token, opaque", "refused: wrong secret"
INTROSPECTION = "introspection, opaque"
REFRESH = "refresh"
BY_SESSION, BY_TOKEN = "one product, session token", "one product, JWT access token"
QUIET, STORM = "me, quiet", "me, in a token storm"
OURS, OIDC_PROVIDER, AUTHLIB = "watchword", "oidc-provider", "authlib"

TABLE_WIDTH = 140

REFRESH_TOKENS = 40_000
REFRESH_TOKENS_AT_ONCE = 500

PACED_CONNECTIONS, PACE_MS = 16, 20
"""Some 800 requests a second, so that no queue of their own hides the wait."""


class Peer(msgspec.Struct):
    """A server with two clients, the first of which gets signed tokens and the second opaque ones."""

    server: Server
    token_path: str
    introspection_path: str
    signed: tuple[str, str]
    opaque: tuple[str, str]


class Aim(msgspec.Struct):
    """A promised ratio: what over what, from below, or from above."""

    path: str
    over: tuple[str, str]
    bound: float
    figure: str = "per_second"
    is_ceiling: bool = False


AIMS = (
    Aim(SIGNED, (SIGNED, OIDC_PROVIDER), 6),
    Aim(OPAQUE, (OPAQUE, OIDC_PROVIDER), 2),
    Aim(INTROSPECTION, (INTROSPECTION, OIDC_PROVIDER), 4),
    Aim(WRONG, (SIGNED, OURS), 1),
    Aim(BY_TOKEN, (BY_SESSION, OURS), 0.95),
    Aim(STORM, (QUIET, OURS), 2, figure="p99_us", is_ceiling=True),
)


class OurClients(msgspec.Struct):
    """The two clients of ours, each with its secret, and refresh tokens of the first."""

    signed: tuple[str, str]
    opaque: tuple[str, str]
    refresh_tokens: list[str]


async def make_clients(data: Path, tenant_id: str) -> OurClients:
    """Make the clients of ours, and grants to refresh: each refresh token is used once."""
    settings = load_settings({}, data, {"WATCHWORD_DATA": str(data)})
    application = await Application.open(settings, log=Log(io.BytesIO()))
    try:
        signed = await make_client(application, tenant_id, "jwt")
        opaque = await make_client(application, tenant_id, "opaque")
        refresh_tokens = await _make_refresh_tokens(application, signed.client)
    finally:
        await application.close()
        application.log.close()
    return OurClients(pair_of(signed), pair_of(opaque), refresh_tokens)


async def make_client(application: Application, tenant_id: str, token_format: TokenFormat) -> IssuedClient:
    """Make a client whose access tokens have this form."""
    wanted = CreateClient(
        name=f"Bench {token_format}",
        kind="confidential",
        grants=["client_credentials", "authorization_code", "refresh_token"],
        redirect_uris=["https://client.example/callback"],
        token_format=token_format,
    )
    return await application.oauth.clients.create(
        tenant_id, "live", wanted, actor=OPERATOR, now_ms=application.clock.now_ms()
    )


async def _make_refresh_tokens(application: Application, client: OAuthClient) -> list[str]:
    oauth, now_ms = application.oauth, application.clock.now_ms()
    context = GrantContext(now_ms, "127.0.0.1")
    tokens: list[str] = []

    async def make_some(tx: Transaction) -> list[str]:
        made = []
        for _ in range(REFRESH_TOKENS_AT_ONCE):
            grant = await oauth.grants.start(
                tx,
                client,
                user_id=None,
                session_id=None,
                scopes=("products:read",),
                resources=(),
                authenticated_at_ms=None,
                now_ms=now_ms,
            )
            made.append(await oauth.grant_tokens.begin_refresh(tx, client, grant, context) or "")
        return made

    while len(tokens) < REFRESH_TOKENS:
        tokens += await application.database.transaction(make_some)
    return tokens


def pair_of(issued: IssuedClient) -> tuple[str, str]:
    """Return a client's name and secret."""
    return issued.client.id, "" if issued.secret is None else issued.secret.text


class OAuthBench:
    """One run."""

    def __init__(self, arguments: argparse.Namespace, directory: Path, stack: contextlib.ExitStack) -> None:
        self._rounds, self._seconds = arguments.rounds, arguments.seconds
        self._directory = directory
        self._stack = stack
        several = (os.cpu_count() or 1) > 1
        self._server_cores = {0} if several else None
        self._load_core = 1 if several else None

    def run(self, console: Console) -> None:
        """Start everything, go through the rounds, print the tables."""
        data = self._directory / "watchword"
        with make_bars() as bars:
            manifest = asyncio.run(fill(data, keys=10, users=100, products=10_000, bars=bars))
        peers = self._start(data, manifest)
        results = Results()
        loads = self._make_loads(peers, manifest)
        with Progress(console=console, transient=True) as bars:
            task = bars.add_task("measuring", total=self._rounds * (len(loads) + 1))
            for _ in range(self._rounds):
                for (path, name), load in loads.items():
                    bars.update(task, description=f"{path}: {name}")
                    results.add(path, name, run_load(load, seconds=self._seconds, core=self._load_core))
                    bars.advance(task)
                self._storm(peers[OURS], manifest, results)
                bars.advance(task)
        console.print(_figures(results))
        console.print(_against_aims(results))

    def _start(self, data: Path, manifest: Manifest) -> dict[str, Peer]:
        cores, directory = self._server_cores, self._directory
        made = asyncio.run(make_clients(data, manifest.tenant_id))
        self._unused = iter(made.refresh_tokens)
        others = [("signed", secrets.token_urlsafe(32)), ("opaque", secrets.token_urlsafe(32))]
        texts = [":".join(pair) for pair in others]
        start = self._stack.enter_context
        ours = start(start_watchword(OURS, data, cores, directory=directory))
        provider = start(start_oidc_provider(texts, cores, directory=directory))
        authlib = start(start_authlib(texts, cores, directory=directory))
        return {
            OURS: Peer(ours, "/oauth/token", "/oauth/introspect", made.signed, made.opaque),
            OIDC_PROVIDER: Peer(provider, "/token", "/token/introspection", others[0], others[1]),
            AUTHLIB: Peer(authlib, "/token", "/introspect", others[0], others[1]),
        }

    def _make_loads(self, peers: dict[str, Peer], manifest: Manifest) -> dict[tuple[str, str], Load]:
        loads: dict[tuple[str, str], Load] = {}
        for name, peer in peers.items():
            loads[SIGNED, name] = _token_load(peer, peer.signed)
            loads[OPAQUE, name] = _token_load(peer, peer.opaque)
            loads[WRONG, name] = _token_load(peer, (peer.signed[0], secrets.token_urlsafe(32)), expect=401)
            tokens = [_get_token(peer, peer.opaque) for _ in range(50)]
            bodies = [f"token={quote(token)}".encode() for token in tokens]
            asked = [post(peer.introspection_path, body, basic(peer.opaque), media_type=FORM) for body in bodies]
            loads[INTROSPECTION, name] = Load(server=peer.server, requests=always(asked))
        loads[REFRESH, OURS] = Load(server=peers[OURS].server, requests=lambda: self._refreshes(peers[OURS]))
        paths = [f"/api/products/{product_id}" for product_id in manifest.product_ids]
        ours = peers[OURS]
        credentials = {BY_SESSION: manifest.tokens[:50], BY_TOKEN: [_get_token(ours, ours.signed) for _ in range(50)]}
        for path, texts in credentials.items():
            requests = [
                get(product, f"Authorization: Bearer {texts[number % 50]}") for number, product in enumerate(paths)
            ]
            loads[path, OURS] = Load(server=ours.server, requests=always(requests))
        return loads

    def _refreshes(self, peer: Peer) -> list[bytes]:
        """Take refresh tokens that no run has used, more than any server takes in one."""
        tokens = itertools.islice(self._unused, REFRESH_TOKENS // self._rounds)
        bodies = [f"grant_type=refresh_token&refresh_token={quote(token)}".encode() for token in tokens]
        return [post(peer.token_path, body, basic(peer.signed), media_type=FORM) for body in bodies]

    def _storm(self, peer: Peer, manifest: Manifest, results: Results) -> None:
        """Measure ``me`` quietly, and while tokens are asked for as fast as they come."""
        requests = always(get("/api/users/me", f"Authorization: Bearer {token}") for token in manifest.tokens)
        me = Load(server=peer.server, requests=requests, connections=PACED_CONNECTIONS, pause_ms=PACE_MS)
        results.add(QUIET, OURS, run_load(me, seconds=self._seconds, core=self._load_core))
        tokens = _token_load(peer, peer.signed, connections=8)
        storm = start_load(tokens, seconds=self._seconds + 1, core=self._load_core)
        results.add(STORM, OURS, run_load(me, seconds=self._seconds, core=self._load_core))
        finish_load(storm, tokens)


def basic(pair: tuple[str, str]) -> str:
    """Return the header by which a client proves itself."""
    return f"Authorization: Basic {base64.b64encode(':'.join(pair).encode()).decode()}"


def _token_load(peer: Peer, pair: tuple[str, str], *, expect: int = 200, connections: int = 32) -> Load:
    requests = always([post(peer.token_path, ASK, basic(pair), media_type=FORM)])
    return Load(server=peer.server, requests=requests, expect=expect, connections=connections)


def _get_token(peer: Peer, pair: tuple[str, str]) -> str:
    answer = httpx.post(
        f"http://127.0.0.1:{peer.server.port}{peer.token_path}", content=ASK, auth=pair, headers={"content-type": FORM}
    )
    token: str = answer.raise_for_status().json()["access_token"]
    return token


def _figures(results: Results) -> Table:
    table = Table(title="Medians of all rounds; ratios of the same round")
    for name in ("path", "server"):
        table.add_column(name, no_wrap=True)
    for name in ("requests/s", "p50 ms", "p99 ms", "to oidc-provider", "load", "CPU µs"):
        table.add_column(name, justify="right", no_wrap=True)
    for path in results.paths():
        for number, server in enumerate(results.servers(path)):
            ratio = results.ratio((path, server), (path, OIDC_PROVIDER))
            table.add_row(
                path if number == 0 else "",
                server,
                f"{results.median(path, server, 'per_second'):,.0f}",
                f"{results.median(path, server, 'p50_us') / 1000:.2f}",
                f"{results.median(path, server, 'p99_us') / 1000:.2f}",
                "" if ratio is None else f"{ratio:.2f}",
                f"{results.median(path, server, 'busy'):.0%}",
                f"{results.median(path, server, 'cpu_us'):.1f}",
            )
        table.add_section()
    return table


def _against_aims(results: Results) -> Table:
    table = Table("path", "over", "measured", "aim", "", title="Against the aims")
    for aim in AIMS:
        measured = results.ratio((aim.path, OURS), aim.over, aim.figure)
        if measured is None:
            continue
        is_met = measured <= aim.bound if aim.is_ceiling else measured >= aim.bound
        over = aim.over[1] if aim.over[0] == aim.path else ", ".join(aim.over)
        sign = "≤" if aim.is_ceiling else "≥"
        table.add_row(aim.path, over, f"{measured:.2f}", f"{sign} {aim.bound:g}", "" if is_met else "missed")
    return table


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1 second")
    arguments = parser.parse_args()
    arguments.rounds, arguments.seconds = (3, 1.0) if arguments.quick else (5, 2.0)
    return run_program(
        lambda directory, stack, console: OAuthBench(arguments, directory, stack).run(console), table_width=TABLE_WIDTH
    )


if __name__ == "__main__":
    sys.exit(main())
