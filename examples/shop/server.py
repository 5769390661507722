"""The shop's own server: gives out the page, and orders for whoever is signed in there, with the secret key.

``python server.py [PORT [DIRECTORY]]``: the port to listen on, and where the compiled TypeScript package is. The
environment names the server and the keys, as ``demo.env`` does.
"""
# ruff: noqa: INP001, T201 - a script; the names that http.server calls; it says where it is

from __future__ import annotations

import json
import mimetypes
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from watchword_client import WatchwordError, create_client, create_server_client

HERE = Path(__file__).resolve().parent
PACKAGE = Path(sys.argv[2]) if sys.argv[2:] else HERE.parents[1] / "sdks" / "typescript" / "dist"
BODY_BYTES_MAX = 10_000


def order(token: str, product_id: str) -> str:
    """Order one piece of a product for whoever has this session, and return the order's number.

    What the page says of a price counts for nothing: it is the product's own.
    """
    client_key, secret_key = os.environ["WATCHWORD_CLIENT_KEY"], os.environ["WATCHWORD_SECRET_KEY"]
    with create_client(client_key, token=token) as visitor, create_server_client(client_key, secret_key) as shop:
        email = visitor.collections.users.me().data.user.email
        product = visitor.from_("products").find_by_id(product_id).data
        if product is None:
            return ""
        made = shop.api.create_order(
            order_products=[{"product": product["id"], "quantity": 1, "unit_price": product["price"]}],
            total_amount=product["price"],
            email=email,
        )
        return str(made.data["orderNumber"])


class Shop(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self) -> None:
        """Give out the page, its settings, and the compiled TypeScript package."""
        path = self.path.partition("?")[0]
        if path == "/config.js":
            url, key = os.environ["WATCHWORD_URL"], os.environ["WATCHWORD_CLIENT_KEY"]
            text = f"globalThis.WATCHWORD_URL = {json.dumps(url)}\nglobalThis.CLIENT_KEY = {json.dumps(key)}\n"
            self.answer(200, text.encode(), "text/javascript")
            return
        folder, name = (PACKAGE, path.removeprefix("/sdk/")) if path.startswith("/sdk/") else (HERE / "page", path[1:])
        files = {file.name: file for file in folder.iterdir() if file.is_file()}
        file = files.get(name or "index.html")
        if file is None:
            self.answer(404, b"", "text/plain")
        else:
            self.answer(200, file.read_bytes(), mimetypes.guess_type(file.name)[0] or "text/plain")

    def do_POST(self) -> None:
        """Order."""
        length = int(self.headers.get("content-length", 0))
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if self.path != "/order" or scheme != "Bearer" or not 0 < length <= BODY_BYTES_MAX:
            self.answer_json(400, {"error": "This is no order."})
            return
        try:
            number = order(token, str(json.loads(self.rfile.read(length))["product"]))
        except WatchwordError as error:
            self.answer_json(error.status or 503, {"error": error.message})
        except (ValueError, KeyError, TypeError):
            self.answer_json(400, {"error": "This is no order."})
        else:
            self.answer_json(*((201, {"orderNumber": number}) if number else (404, {"error": "No such product."})))

    def answer_json(self, status: int, content: dict[str, Any]) -> None:
        """Answer with JSON."""
        self.answer(status, json.dumps(content).encode(), "application/json")

    def answer(self, status: int, content: bytes, media_type: str) -> None:
        """Answer."""
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has where it is called
        """Say nothing: an address can hold what belongs to a visitor."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("localhost", int(sys.argv[1]) if sys.argv[1:] else 8000), Shop)
    print(f"http://localhost:{server.server_port}", flush=True)
    server.serve_forever()
