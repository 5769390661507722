"""``watchword serve``: the server, its first words to the person who started it, and its workers."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from watchword.app import Application
from watchword.clock import SystemClock
from watchword.commands.acting import DataOption
from watchword.commands.banner import Banner, show_banner
from watchword.config import Settings, gather_texts, open_data_directory, settings_from_texts
from watchword.data_directory import GENERATIONS_NAME
from watchword.db.generations import Generations
from watchword.demo import DEMO_ENV_NAME, DEMO_SLUG, Where, ensure_demo
from watchword.observe import Log
from watchword.supervisor import Supervisor
from watchword.wire.certificate import prepare_certificate
from watchword.wire.certificate_files import AUTHORITY_NAME, CertificateFiles
from watchword.wire.listeners import HTTP_HOST, Sockets, bind_sockets, make_tls_context, run
from watchword.worker import serve_application


class Start(msgspec.Struct, frozen=True):
    """All that was decided before the first connection."""

    settings: Settings
    texts: dict[str, str]
    sockets: Sockets
    certificate: CertificateFiles | None
    with_demo: bool

    @property
    def where(self) -> Where:
        """How clients reach the server."""
        settings = self.settings
        own_authority = self.certificate is not None and settings.tls_certificate is None
        authority = (settings.data_directory / AUTHORITY_NAME).absolute() if own_authority else None
        return Where(settings.url, authority)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve", epilog="Example: watchword serve --demo")(serve)


def serve(  # noqa: PLR0913 - each is an option
    *,
    demo: Annotated[bool, typer.Option("--demo", help="With a tenant, keys and products to try.")] = False,
    data: DataOption = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[str | None, typer.Option("--port", help="Port; 0 takes a free one.")] = None,
    http: Annotated[str | None, typer.Option("--http", metavar="[PORT]", help="Plain HTTP too, on 127.0.0.1.")] = None,
    workers: Annotated[str | None, typer.Option("--workers", metavar="N", help="Server processes.")] = None,
    behind_proxy: Annotated[str | None, typer.Option("--behind-proxy", metavar="CIDR", help="Trusted proxy.")] = None,
    tls_cert: Annotated[str | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate, PEM.")] = None,
    tls_key: Annotated[str | None, typer.Option("--tls-key", metavar="FILE", help="Its key, PEM.")] = None,
    log_level: Annotated[str | None, typer.Option("--log-level", help="debug, info, warning or error.")] = None,
) -> None:
    """Start the server; Ctrl-C stops it. Settings come from WATCHWORD_… too (see: watchword settings)."""
    options = {
        "WATCHWORD_DATA": data,
        "WATCHWORD_HOST": host,
        "WATCHWORD_PORT": port,
        "WATCHWORD_HTTP_PORT": http,
        "WATCHWORD_WORKERS": workers,
        "WATCHWORD_BEHIND_PROXY": behind_proxy,
        "WATCHWORD_TLS_CERT": tls_cert,
        "WATCHWORD_TLS_KEY": tls_key,
        "WATCHWORD_LOG_LEVEL": log_level,
    }
    start = prepare_start({name: text for name, text in options.items() if text is not None}, with_demo=demo)
    try:
        if start.settings.workers == 1:
            _serve_alone(start)
        else:
            _serve_with_workers(start)
    finally:
        start.sockets.close()


def prepare_start(options: dict[str, str], *, with_demo: bool) -> Start:
    """Read the settings, bind the sockets and see to the certificate; ports that were to be free are known then."""
    texts = gather_texts(os.environ, Path.cwd(), options)
    if with_demo:
        texts.setdefault("WATCHWORD_DEFAULT_TENANT", DEMO_SLUG)
    settings = settings_from_texts(texts)
    open_data_directory(settings)
    certificate = prepare_certificate(settings, SystemClock().now_ms())
    if certificate is not None:
        make_tls_context(certificate)  # so that a wrong certificate ends the start before anything else is touched
    sockets = bind_sockets(settings)
    texts["WATCHWORD_PORT"] = str(sockets.port)
    if sockets.http_port is not None:
        texts["WATCHWORD_HTTP_PORT"] = str(sockets.http_port)
    settings = settings_from_texts(texts)
    return Start(settings, texts, sockets, certificate, with_demo)


def _serve_alone(start: Start) -> None:
    told: list[Banner] = []

    async def prepare(application: Application) -> None:
        told.append(await _prepare(application, start))

    def on_ready() -> None:
        show_banner(told[0])

    run(serve_application(start.settings, start.sockets, start.certificate, prepare=prepare, on_ready=on_ready))


def _serve_with_workers(start: Start) -> None:
    """Prepare what the workers find, then keep them alive; connections wait in the sockets until the first is up."""
    settings = start.settings
    show_banner(run(_prepare_for_workers(start)))
    log = Log(sys.stderr.buffer, log_format=settings.log_format, level=settings.log_level)
    generations = Generations(settings.data_directory / GENERATIONS_NAME)
    supervisor = Supervisor(
        start.sockets,
        start.texts,
        workers=settings.workers,
        log=log,
        clock=SystemClock(),
        on_death=generations.bump_all,
    )
    try:
        asyncio.run(supervisor.run())
    finally:
        generations.close()
        log.close()


async def _prepare_for_workers(start: Start) -> Banner:
    application = await Application.open(start.settings)
    try:
        return await _prepare(application, start)
    finally:
        await application.close()


async def _prepare(application: Application, start: Start) -> Banner:
    settings = start.settings
    demo: dict[str, str] = {}
    if start.with_demo:
        demo = await ensure_demo(application, start.where)
    http = f"http://{HTTP_HOST}:{settings.http_port}" if settings.http_port is not None else None
    return Banner(
        where=start.where,
        http=http,
        workers=settings.workers,
        demo=demo,
        demo_env=settings.data_directory / DEMO_ENV_NAME,
        has_users=bool(await application.users.list_users(None, limit=1)),
        data=settings.data_directory,
        listening=settings.listening_url if settings.listening_url != settings.url else None,
    )
