"""Webhooks received with the TypeScript package: what is proved, and what the handler never sees."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from sdk_typescript.node_program import NodePrograms
from sdk_typescript.package import Package

VECTORS = json.loads(Path(__file__).with_name("webhook_vectors.json").read_text("utf-8"))
NOW = 1_767_225_600
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
EVENT = {"collection": "products", "operation": "update", "data": {"id": "p1", "name": "차"}}
BODY = json.dumps(EVENT).encode()

HEAD = """
import { createTypedWebhookHandler, handleWebhook } from '@watchword/sdk/webhook'
const tell = (value) => console.log(JSON.stringify(value))
"""
DELIVERY = """
const { now, secret, method, headers, body, tolerance } = JSON.parse(process.env.DELIVERY)
Date.now = () => now * 1000 + 999
const request = () => new Request('https://shop.example/hook', {
  method, headers, ...(method === 'POST' ? { body: Buffer.from(body, 'base64') } : {}),
})
const options = { secret: secret ?? undefined, ...(tolerance === null ? {} : { toleranceSeconds: Number(tolerance) }) }
"""
TAKE = """
const seen = []
const take = (event, delivery) => void seen.push([event, delivery])
const answer = await handleWebhook(request(), take, options).catch(({ code }) => ({ thrown: code }))
const told = answer.thrown ?? ((await answer.text()) || '{}')
tell({
  status: answer.status ?? null,
  code: answer.thrown ?? JSON.parse(told).errors?.[0].extensions.code ?? null,
  allow: answer.headers?.get('Allow') ?? null,
  seen,
})
"""


def sign(secret: str, message_id: str, timestamp: object, body: bytes) -> str:
    """Sign as a sender does, without the package."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def make_headers(
    *, message_id: str = "msg_1", timestamp: object = NOW, body: bytes = BODY, secret: str = SECRET
) -> dict[str, str]:
    """Return the headers of a delivery that is right."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }


async def deliver(
    node: NodePrograms,
    headers: dict[str, str] | list[tuple[str, str]],
    *,
    body: bytes = BODY,
    source: str = TAKE,
    secret: str | None = SECRET,
    **changes: Any,  # noqa: ANN401 - a row of JSON
) -> Any:  # noqa: ANN401 - JSON
    """Send one delivery to a program that takes it."""
    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    sent = base64.b64encode(body).decode()
    row = {"now": NOW, "secret": secret, "method": "POST", "headers": pairs, "body": sent, "tolerance": None, **changes}
    return await node(HEAD + DELIVERY + source, DELIVERY=json.dumps(row))


def refused(code: str, status: int | None = 400) -> dict[str, Any]:
    """Return what the program tells of a delivery that the handler never saw."""
    return {"status": status, "code": code, "allow": "POST" if status == 405 else None, "seen": []}


async def test_an_event_reaches_the_handler(node: NodePrograms) -> None:
    """What is signed is handed over, with the id and the time of its delivery, and the sender hears that it was taken."""
    told = await deliver(node, make_headers())
    assert told == {"status": 204, "code": None, "allow": None, "seen": [[EVENT, {"id": "msg_1", "timestamp": NOW}]]}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
async def test_the_published_signature_proves(node: NodePrograms, vector: dict[str, Any]) -> None:
    """The signature of the standard's own libraries is right, so that only the body, which is no event, is refused."""
    names = {f"webhook-{name}": str(vector[name]) for name in ("id", "timestamp", "signature")}
    body = vector["body"].encode()
    sent = {"secret": vector["secret"], "now": vector["timestamp"]}
    assert await deliver(node, names, body=body, **sent) == refused("WRONG_EVENT")
    assert await deliver(node, names, body=body + b" ", **sent) == refused("WRONG_SIGNATURE")


async def test_one_right_signature_among_others_is_enough(node: NodePrograms) -> None:
    """A sender whose secret changes signs with both, and unknown versions stand beside."""
    headers = make_headers()
    other = sign("whsec_" + base64.b64encode(b"x" * 32).decode(), "msg_1", NOW, BODY)
    headers["webhook-signature"] = f"{other} v1a,{other[3:]} {headers['webhook-signature']} {other}"
    assert (await deliver(node, headers))["status"] == 204


async def test_the_secret_may_come_without_its_prefix(node: NodePrograms) -> None:
    """``whsec_`` says what it is and is no part of it."""
    assert (await deliver(node, make_headers(), secret=SECRET.removeprefix("whsec_")))["status"] == 204


@pytest.mark.parametrize("seconds", [-300, 300])
async def test_a_clock_may_be_five_minutes_off(node: NodePrograms, seconds: int) -> None:
    """Up to the tolerance, before and after, a delivery is taken."""
    assert (await deliver(node, make_headers(timestamp=NOW + seconds)))["status"] == 204


@pytest.mark.parametrize(
    ("seconds", "tolerance"), [(-301, None), (301, None), (-11, "10"), (0, "NaN"), (-(10**9), None)]
)
async def test_what_was_sent_at_another_time_is_refused(
    node: NodePrograms, seconds: int, tolerance: str | None
) -> None:
    """Past the tolerance an overheard delivery is worth nothing; a tolerance that is no number lets nothing in."""
    told = await deliver(node, make_headers(timestamp=NOW + seconds), tolerance=tolerance)
    assert told == refused("WRONG_TIMESTAMP")


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
async def test_each_header_is_required(node: NodePrograms, missing: str) -> None:
    """A delivery without one of the three proves nothing."""
    headers = make_headers()
    del headers[missing]
    assert await deliver(node, headers) == refused("WRONG_HEADERS")


@pytest.mark.parametrize("timestamp", ["hello", "", f"{NOW}.5", f"-{NOW}", "1e9", f"0x{NOW:x}"])
async def test_a_time_is_whole_seconds(node: NodePrograms, timestamp: str) -> None:
    """What is no integer is refused, though it is signed."""
    assert await deliver(node, make_headers(timestamp=timestamp)) == refused("WRONG_HEADERS")


@pytest.mark.parametrize("message_id", [f"msg.{NOW}", "msg 1", "x" * 257])
async def test_an_id_cannot_be_two_things(node: NodePrograms, message_id: str) -> None:
    """A full stop, which would let the signed text be cut elsewhere, and what no sender uses are refused, though signed."""
    assert await deliver(node, make_headers(message_id=message_id)) == refused("WRONG_HEADERS")


async def test_a_delivery_cannot_be_cut_elsewhere(node: NodePrograms) -> None:
    """Bytes that are signed as time and body do not pass as another id with another body."""
    body = f"{NOW}.".encode() + BODY
    headers = make_headers(body=body)
    headers |= {"webhook-id": f"msg_1.{NOW}"}
    assert await deliver(node, headers) == refused("WRONG_HEADERS")


@pytest.mark.parametrize("repeated", ["webhook-id", "webhook-timestamp"])
async def test_a_header_cannot_come_twice(node: NodePrograms, repeated: str) -> None:
    """Two ids or times leave open which is signed."""
    headers = make_headers()
    pairs = [*headers.items(), (repeated, headers[repeated])]
    assert await deliver(node, pairs) == refused("WRONG_HEADERS")


RIGHT = make_headers()["webhook-signature"]


@pytest.mark.parametrize(
    "signature",
    [
        sign("whsec_" + base64.b64encode(b"x" * 32).decode(), "msg_1", NOW, BODY),
        sign(SECRET, "msg_2", NOW, BODY),
        sign(SECRET, "msg_1", NOW + 1, BODY),
        sign(SECRET, "msg_1", NOW, BODY + b"\n"),
        RIGHT.replace("v1,", "v2,"),
        RIGHT.replace("v1,", "v1a,"),
        RIGHT.replace("v1,", ""),
        RIGHT[:-5] + "=",
        RIGHT[:8],
        RIGHT + "AAAA",
        "v1,",
        "v1,dawfeoifkpqwoekfpqoekf",
        "v1," + base64.b64decode(RIGHT[3:]).hex(),
    ],
    ids=[
        "another secret",
        "another id",
        "another time",
        "another body",
        "an unknown version",
        "the version of the other scheme",
        "no version",
        "some bytes less",
        "a few characters",
        "more than it",
        "empty",
        "made up",
        "in hex",
    ],
)
async def test_a_wrong_signature_is_refused(node: NodePrograms, signature: str) -> None:
    """Nothing but the whole signature of this delivery by this secret lets it in."""
    headers = make_headers() | {"webhook-signature": signature}
    assert await deliver(node, headers) == refused("WRONG_SIGNATURE")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"null",
        b"[]",
        b"{}",
        json.dumps(EVENT | {"collection": ""}).encode(),
        json.dumps(EVENT | {"operation": "move"}).encode(),
        json.dumps(EVENT | {"data": []}).encode(),
        json.dumps(EVENT | {"timestamp": NOW}).encode(),
        json.dumps(EVENT | {"previousDoc": "p1"}).encode(),
        json.dumps(EVENT, ensure_ascii=False).encode("euc-kr"),
    ],
    ids=range(11),
)
async def test_what_is_no_event_is_refused(node: NodePrograms, body: bytes) -> None:
    """A body of another shape never reaches the handler, though it is signed."""
    assert await deliver(node, make_headers(body=body), body=body) == refused("WRONG_EVENT")


async def test_webhooks_are_posted(node: NodePrograms) -> None:
    """Any other method is answered with the one that is taken (RFC 9110 §15.5.6)."""
    assert await deliver(node, make_headers(), method="GET") == refused("METHOD_NOT_ALLOWED", 405)


async def test_a_body_without_end_is_not_read(node: NodePrograms) -> None:
    """The sender is not known before the body is read, so that no more than a bound of it is kept."""
    source = (
        "let chunks = 0\n"
        "const pull = (controller) => controller.enqueue(new Uint8Array(65536).fill(++chunks))\n"
        "const stream = new ReadableStream({ pull })\n"
        "const endless = new Request('https://shop.example', { method, headers, body: stream, duplex: 'half' })\n"
        "const { status } = await handleWebhook(endless, () => undefined, options)\n"
        "tell([status, chunks < 20])"
    )
    assert await deliver(node, make_headers(), source=source) == [413, True]


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        (None, "MISSING_SECRET"),
        ("", "MISSING_SECRET"),
        ("whsec_", "WRONG_SECRET"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "WRONG_SECRET"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "WRONG_SECRET"),
        ("sk_live_000000000000000000000000000000000000", "WRONG_SECRET"),
        ("not base64 at all, but a long sentence", "WRONG_SECRET"),
    ],
)
async def test_nothing_is_taken_without_a_secret(node: NodePrograms, secret: str | None, code: str) -> None:
    """A secret that is missing, or none, is an error of the set-up: an empty one would let everybody sign."""
    assert await deliver(node, make_headers(), secret=secret) == refused(code, None)


async def test_the_request_has_to_come_as_it_was_sent(node: NodePrograms) -> None:
    """A body that was read before is said to be so: its bytes are what is signed."""
    source = (
        "const read = request()\nawait read.json()\n"
        "tell(await handleWebhook(read, () => undefined, options).catch(({ code }) => code))"
    )
    assert await deliver(node, make_headers(), source=source) == "BODY_USED"


async def test_the_handler_s_failure_comes_through(node: NodePrograms) -> None:
    """The application hears of it, and answers so that the sender tries again."""
    source = (
        "const fail = async () => { throw new Error('the database is away') }\n"
        "tell(await handleWebhook(request(), fail, options).catch(({ message }) => message))"
    )
    assert await deliver(node, make_headers(), source=source) == "the database is away"


@pytest.mark.parametrize(("slug", "seen"), [("products", 1), ("orders", 0)])
async def test_a_handler_of_one_collection_hears_of_no_other(node: NodePrograms, slug: str, seen: int) -> None:
    """Events of other collections are taken, and left alone."""
    source = (
        "let seen = 0\n"
        f"const handler = createTypedWebhookHandler('{slug}', () => {{ seen += 1 }})\n"
        "const { status } = await handleWebhook(request(), handler, options)\n"
        "tell([status, seen])"
    )
    assert await deliver(node, make_headers(), source=source) == [204, seen]


def test_it_runs_anywhere(package: Package, directory: Path) -> None:
    """Bundled for any platform it needs none of Node's modules, and brings no client along."""
    entry = directory / "entry.mjs"
    entry.write_text("import { handleWebhook } from '@watchword/sdk/webhook'\nglobalThis.handle = handleWebhook\n")
    bundle = package.bundle(entry, directory / "bundle.js").read_bytes()
    assert len(bundle) < 4096
    assert b"X-Client-Key" not in bundle
