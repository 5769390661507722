"""One worker: it serves on the socket it inherits and ends with the one who gave it."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from pathlib import Path

from watchword.supervisor import Handover
from watchword.worker import main


def test_worker_serves_until_its_parent_is_gone(tmp_path: Path) -> None:
    """A worker answers on the inherited socket, and stops in order when the pipe from its parent ends."""
    statuses: list[int] = []
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    handover = Handover({"WATCHWORD_DATA": str(tmp_path / "data"), "WATCHWORD_TLS": "off"}, listening.detach(), None)
    orders, parent = os.pipe()
    os.write(parent, handover.encode())

    def story() -> None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", "/health/ready")
            statuses.append(connection.getresponse().status)
            connection.close()
        finally:
            os.close(parent)

    teller = threading.Thread(target=story)
    teller.start()
    began = time.monotonic()
    with os.fdopen(orders, "rb") as stream:
        main(stream)
    teller.join()
    assert statuses == [200]
    assert time.monotonic() - began < 10
