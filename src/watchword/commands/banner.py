"""What a server says when it is ready: where it is, who may enter, and lines to try that work when pasted."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TextIO

import msgspec

from watchword import __version__
from watchword.demo import Where


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when the server is ready; ``demo`` is empty without demonstration data.

    ``listening`` is the address listened on, where it is another than clients call.
    """

    where: Where
    http: str | None
    workers: int
    demo: dict[str, str]
    demo_env: Path
    data: Path
    has_users: bool
    listening: str | None = None

    def __repr__(self) -> str:
        return f"Banner({self.where.url})"


def show_banner(banner: Banner, to: TextIO | None = None) -> None:
    """Print the banner: with colours on a terminal, as plain text elsewhere."""
    stream = to or sys.stdout
    lines = _lines(banner)
    if stream.isatty():
        _print_in_colour(lines)
    else:
        stream.write("".join(f"{line}\n" for _, line in lines))
        stream.flush()


def try_lines(banner: Banner) -> list[str]:
    """Return three commands: sign in, read with the publishable key, write with the secret key."""
    demo, url = banner.demo, banner.where.url
    curl = "curl"
    if banner.where.authority is not None:
        curl += f" --cacert {shlex.quote(_short(banner.where.authority))}"
    credentials = msgspec.json.encode(
        {"email": demo["WATCHWORD_EMAIL"], "password": demo["WATCHWORD_PASSWORD"]}
    ).decode()
    as_json = "-H 'Content-Type: application/json'"
    product = shlex.quote('{"name": "Tea", "price": 4500}')
    return [
        f"{curl} {url}/api/users/login {as_json} -d {shlex.quote(credentials)}",
        f"{curl} '{url}/api/products?limit=3' -H 'X-API-Key: {demo['WATCHWORD_CLIENT_KEY']}'",
        f"{curl} {url}/api/products {as_json} -H 'X-API-Key: {demo['WATCHWORD_TEST_SECRET_KEY']}' -d {product}",
    ]


def _lines(banner: Banner) -> list[tuple[str, str]]:
    """Return each line with the name of its style."""
    lines = [
        ("title", f"Watchword {__version__} is ready"),
        ("", ""),
        ("", f"  URL        {banner.where.url}"),
    ]
    if banner.listening is not None:
        lines.append(("", f"  Listening  {banner.listening}"))
    if banner.http is not None:
        lines.append(("", f"  HTTP       {banner.http}"))
    lines.append(("", f"  Docs       {banner.where.url}/docs"))
    if banner.workers > 1:
        lines.append(("", f"  Workers    {banner.workers}"))
    if banner.demo:
        return [*lines, *_demo_lines(banner)]
    if not banner.has_users:
        data = "" if banner.data == Path("watchword-data") else f" --data {shlex.quote(str(banner.data))}"
        lines += [
            ("", ""),
            ("", "There are no accounts yet. Make the first super-admin in another terminal:"),
            ("command", f"  watchword users create-super-admin you@example.com{data}"),
        ]
    return [*lines, ("", "")]


def _demo_lines(banner: Banner) -> list[tuple[str, str]]:
    demo = banner.demo
    lines = [
        ("", f"  E-mail     {demo['WATCHWORD_EMAIL']}"),
        ("", f"  Password   {demo['WATCHWORD_PASSWORD']}"),
        ("", f"  Keys       {_short(banner.demo_env)} (live and test, publishable and secret)"),
        ("", ""),
        ("", "Try it: sign in, read products, make one among the test data"),
    ]
    return [*lines, *[("command", f"  {line}") for line in try_lines(banner)], ("", "")]


def _short(path: Path) -> str:
    """Write a path relative to the working directory where it is inside it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _print_in_colour(lines: list[tuple[str, str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it, and it takes its time
    from rich.text import Text  # noqa: PLC0415 - the same

    console = Console(highlight=False, markup=False)
    for style, line in lines:
        # Never wrapped by us: a command that is broken over two lines does not work when pasted.
        console.print(Text(line, style={"title": "bold green", "command": "cyan"}.get(style, "")), soft_wrap=True)
