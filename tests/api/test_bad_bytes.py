"""Bytes that are no good HTTP get a clear refusal in every lane: never a 500, never a hang, never another's answer."""

from __future__ import annotations

import re

import pytest

from raw_http import Wire

GOOD = "GET /health/live HTTP/1.1\r\nhost: a\r\n"
JSON_TYPE = "content-type: application/json\r\n"
MEBIBYTE = 1024 * 1024

# Heads and framings that two servers could read in two ways (RFC 9112 §2.2, §5, §6, §11.2).
UNREADABLE = {
    "both lengths": b"POST /api/products HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    "both lengths, the other way": b"POST /api/products HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /api/products HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ",
    "the same length twice": b"POST /api/products HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
    "a list of lengths": b"POST /api/products HTTP/1.1\r\nhost: a\r\ncontent-length: 2, 2\r\n\r\n{}",
    "a length with a sign": b"POST /api/products HTTP/1.1\r\nhost: a\r\ncontent-length: +2\r\n\r\n{}",
    "a negative length": b"POST /api/products HTTP/1.1\r\nhost: a\r\ncontent-length: -2\r\n\r\n{}",
    "a hexadecimal length": b"POST /api/products HTTP/1.1\r\nhost: a\r\ncontent-length: 0x2\r\n\r\n{}",
    "a length beyond 64 bits": b"POST /api/products HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n{}",
    "an unknown coding": b"POST /api/users/logout HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding before chunked": b"POST /api/users/logout HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding after chunked": b"POST /api/users/logout HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "identity": b"POST /api/users/logout HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity\r\n\r\n",
    "chunked twice": b"POST /api/users/logout HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked with a space before the colon": b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /api/users/logout HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded header": b"GET /health/live HTTP/1.1\r\nhost: a\r\nx-one: a\r\n folded\r\n\r\n",
    "a header that begins with a space": b"GET /health/live HTTP/1.1\r\n host: a\r\n\r\n",
    "a bare line feed": b"GET /health/live HTTP/1.1\nhost: a\n\n",
    "a bare line feed in a header": b"GET /health/live HTTP/1.1\r\nhost: a\r\nx-one: a\nx-two: b\r\n\r\n",
    "a bare carriage return": b"GET /health/live HTTP/1.1\r\nhost: a\r\nx-one: a\rx-two: b\r\n\r\n",
    "a NUL in a value": b"GET /health/live HTTP/1.1\r\nhost: a\r\nx-one: a\x00b\r\n\r\n",
    "a NUL in a name": b"GET /health/live HTTP/1.1\r\nhost: a\r\nx\x00one: a\r\n\r\n",
    "a NUL in the target": b"GET /health\x00/live HTTP/1.1\r\nhost: a\r\n\r\n",
    "a header without a name": b"GET /health/live HTTP/1.1\r\nhost: a\r\n: a\r\n\r\n",
    "a header without a colon": b"GET /health/live HTTP/1.1\r\nhost: a\r\nnonsense\r\n\r\n",
    "no host": b"GET /health/live HTTP/1.1\r\n\r\n",
    "a space in the target": b"GET /health/live ?a HTTP/1.1\r\nhost: a\r\n\r\n",
    "raw bytes in the target": b"GET /health/\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n",
    "a fragment in the target": b"GET /health/live#top HTTP/1.1\r\nhost: a\r\n\r\n",
    "no version": b"GET /health/live\r\n\r\n",
    "HTTP/0.9": b"GET /health/live HTTP/0.9\r\nhost: a\r\n\r\n",
    "HTTP/2 in plain words": b"GET /health/live HTTP/2.0\r\nhost: a\r\n\r\n",
    "HTTP/1.2": b"GET /health/live HTTP/1.2\r\nhost: a\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown method": b"FETCH /health/live HTTP/1.1\r\nhost: a\r\n\r\n",
    "a method in small letters": b"get /health/live HTTP/1.1\r\nhost: a\r\n\r\n",
    "a tunnel": b"CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\n\r\n",
    "an absolute target without a path": b"GET http://a HTTP/1.1\r\nhost: a\r\n\r\n",
    "the beginning of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    "a chunk size that is none": b"POST /api/users/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": b"POST /api/users/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}",
    "a chunk longer than it says": b"POST /api/users/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "a chunk with a bare line feed": b"POST /api/users/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\n{}\n0\n\n",
}  # fmt: skip


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_unreadable_bytes_are_refused_and_the_line_is_cut(shared_wire: Wire, data: bytes) -> None:
    """What can be read in two ways, or in none, is 400 in the document's shape, and nothing behind it is served."""
    connection = await shared_wire.connect()
    connection.send(data + GOOD.encode() + b"\r\n")
    answer = await connection.read_answer()
    assert (answer.status, answer.json()["errors"][0]["name"]) == (400, "BadRequest")
    assert answer.headers["connection"] == "close"
    assert re.fullmatch(r"req_[0-9a-f]{24}", answer.headers["x-request-id"])
    assert answer.headers["cache-control"] == "no-store"
    assert await connection.is_closed_by_server()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /health/live?" + b"a=1&" * 5_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414),
        (b"GET /?" + b"a=1&" * 1_000_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414),
        (GOOD.encode() + b"x-long: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (GOOD.encode() + b"x-endless: " + b"a" * 2_000_000, 431),
        (GOOD.encode() + b"a" * 2_000_000, 431),
        (GOOD.encode() + b"".join(b"x-%d: a\r\n" % number for number in range(200)) + b"\r\n", 431),
        (GOOD.encode() + b"authorization: Bearer " + b"a" * 66_000 + b"\r\n\r\n", 431),
        (b"POST /api/users/logout HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-endless: " + b"a" * 2_000_000, 431),
    ],
    ids=["query", "path", "a million parameters", "header", "endless header", "endless name", "many headers", "credential", "endless trailer"],
)  # fmt: skip
async def test_huge_heads_are_refused(shared_wire: Wire, data: bytes, status: int) -> None:
    """Targets and headers that no client needs are refused before anything is done with them."""
    connection = await shared_wire.connect()
    connection.send(data)
    answer = await connection.read_answer()
    if answer.status == 401:  # the route was faster than the trailer
        assert status == 431
        await connection.is_closed_by_server()
        return
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    await connection.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ("GET http://b.example/health/live HTTP/1.1\r\nhost: a\r\n\r\n", 200),
        ("GET //health/live HTTP/1.1\r\nhost: a\r\n\r\n", 404),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", 404),
        ("GET * HTTP/1.1\r\nhost: a\r\n\r\n", 404),
        ("TRACE /api/health HTTP/1.1\r\nhost: a\r\nauthorization: Bearer secret\r\n\r\n", 405),
        ("GET /health/live HTTP/1.0\r\n\r\n", 200),
        ("GET /api/users/me HTTP/1.0\r\n\r\n", 401),
        ("GET /health/live HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n", 200),
        ("GET /health/live HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n", 200),
        ("GET /health/../health/live HTTP/1.1\r\nhost: a\r\n\r\n", 404),
        ("GET /health/%2e%2e/health/live HTTP/1.1\r\nhost: a\r\n\r\n", 404),
        ("GET /api/products/%zz HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET /api/products/% HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET /api/products/%ff HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET /api/products/a%00b HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET /health/live HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        ("GET /api/health HTTP/1.1\r\nhost: a\r\norigin: https://a\r\norigin: https://b\r\n\r\n", 400),
    ],
)  # fmt: skip
async def test_unusual_requests_have_one_answer(shared_wire: Wire, data: str, status: int) -> None:
    """Unusual targets, versions and methods get one answer, the same in both lanes; nothing is echoed by TRACE."""
    answer = await shared_wire.ask(data.encode())
    assert answer.status == status
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    "lines",
    [
        "authorization: Bearer {token}\r\nauthorization: Bearer {token}\r\n",
        "authorization: Bearer {token}\r\nAuthorization: Bearer other\r\n",
        "x-api-key: {key}\r\nx-api-key: {key}\r\n",
        "cookie: __Host-watchword={token}\r\ncookie: __Host-watchword={token}\r\n",
        "cookie: __Host-watchword={token}; __Host-watchword={token}\r\n",
        "x-client-key: {public}\r\nx-client-key: {public}\r\n",
        "authorization: Bearer {token}\r\nx-tenant-id: tenant-a\r\nx-tenant-id: tenant-b\r\n",
        "authorization: Bearer {token}\r\nx-api-key: {key}\r\n",
        "x-api-key: {key}\r\napikey: {other}\r\n",
        "authorization: Bearer {token}\r\nsec-fetch-site: same-origin\r\nsec-fetch-site: cross-site\r\n",
    ],
)
async def test_repeated_credentials_are_refused(shared_wire: Wire, lines: str) -> None:
    """A header that decides who is calling comes once, whatever both say; two proofs are one too many."""
    world = shared_wire.world
    filled = lines.format(
        token=world.tokens["admin_a"],
        key=world.keys["sk_live_a"],
        other=world.keys["sk_live_b"],
        public=world.keys["pk_live_a"],
    )
    answer = await shared_wire.ask(shared_wire.request("GET", "/api/products", lines=filled))
    assert answer.status == 400
    for secret in (*world.tokens.values(), *world.keys.values()):
        assert secret.encode() not in answer.body


async def test_trailers_prove_nobody(shared_wire: Wire) -> None:
    """A credential that comes behind the body is no credential."""
    for who in ("admin_a", "sk_live_a"):
        request = (
            "POST /api/products HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            "transfer-encoding: chunked\r\n\r\n1a\r\n" + '{"name":"trailer","price":1}'[:26]
        )
        request = request.replace("1a\r\n", "1c\r\n")[:-26] + '{"name":"trailer","price":1}'
        data = f"{request}\r\n0\r\n{shared_wire.credential(who)}\r\n"
        assert (await shared_wire.ask(data.encode())).status == 401


async def test_pipelined_answers_come_in_order(shared_wire: Wire) -> None:
    """Requests sent without waiting are answered in their order, whichever lane each one takes."""
    login = b'{"email":"nobody@example.com","password":"not the password"}'
    requests = [
        shared_wire.request("GET", "/health/live"),
        shared_wire.request("POST", "/api/users/login", body=login),
        shared_wire.request("GET", "/api/products?limit=1", who="sk_live_a"),
        shared_wire.request("GET", "/api/products/count?where[name][exists]=true", who="sk_live_a"),
        shared_wire.request("GET", "/nowhere"),
        shared_wire.request("GET", "/health/live", lines="upgrade: h2c\r\nconnection: upgrade\r\n"),
        shared_wire.request("HEAD", "/api/health"),
        shared_wire.request("GET", "/api/users/me", who="viewer_b"),
    ]
    connection = await shared_wire.connect()
    connection.send(b"".join(requests))
    answers = [await connection.read_answer(bodyless=request.startswith(b"HEAD")) for request in requests]
    assert [answer.status for answer in answers] == [200, 401, 200, 200, 404, 200, 200, 200]
    assert answers[2].json()["docs"][0]["name"] == "live a 12"
    assert answers[3].json() == {"totalDocs": 12}
    assert answers[7].json()["user"]["name"] == "viewer_b"
    await connection.close()


async def test_a_fault_behind_good_requests_does_not_overtake_them(shared_wire: Wire) -> None:
    """Requests before unreadable bytes get their own answers, the slow one too; then the connection ends."""
    login = b'{"email":"nobody@example.com","password":"not the password"}'
    connection = await shared_wire.connect()
    connection.send(
        shared_wire.request("GET", "/health/live")
        + shared_wire.request("POST", "/api/users/login", body=login)
        + b"no HTTP at all\r\n\r\n"
    )
    assert [(await connection.read_answer()).status for _ in range(2)] == [200, 401]
    assert await connection.is_closed_by_server()


async def test_nothing_behind_close_is_served(shared_wire: Wire) -> None:
    """A request behind one that ends the connection gets no answer."""
    connection = await shared_wire.connect()
    closing = shared_wire.request("GET", "/health/live", lines="connection: close\r\n")
    connection.send(closing + shared_wire.request("GET", "/api/users/me"))
    answer = await connection.read_answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await connection.is_closed_by_server()


@pytest.mark.parametrize("target", ["/health/live", "/api/products?limit=2", "/nowhere", "/docs"])
async def test_head_is_get_without_its_body(shared_wire: Wire, target: str) -> None:
    """HEAD gives the status and length of GET and no byte of body, so that the next answer is read right."""
    connection = await shared_wire.connect()
    request = shared_wire.request("HEAD", target, who="sk_live_a")
    connection.send(request + request.replace(b"HEAD", b"GET", 1))
    head, get = await connection.read_answer(bodyless=True), await connection.read_answer()
    assert head.status == get.status
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))
    await connection.close()


async def test_body_is_asked_for_only_where_it_is_read(shared_wire: Wire) -> None:
    """A client that waits for 100 is told to send a body that is wanted, and refused at once where it is not."""
    expecting = f"{JSON_TYPE}content-length: 28\r\nexpect: 100-continue\r\n"
    connection = await shared_wire.connect()
    connection.send(shared_wire.request("POST", "/api/users/login", lines=expecting))
    assert (await connection.read_answer()).status == 100
    connection.send(b'{"email":"","password":"xx"}')
    assert (await connection.read_answer()).status == 400
    await connection.close()
    assert (await shared_wire.ask(shared_wire.request("POST", "/api/keys", lines=expecting))).status == 401
    huge = expecting.replace("28", str(MEBIBYTE + 1))
    assert (await shared_wire.ask(shared_wire.request("POST", "/api/users/login", lines=huge))).status == 413


@pytest.mark.parametrize("path", ["/api/users/login", "/api/products", "/api/keys/verify"])
async def test_long_bodies_are_refused(shared_wire: Wire, path: str) -> None:
    """A body over the bound is 413, by its announced length or once that much has come in chunks."""
    announced = shared_wire.request(
        "POST", path, who="sk_live_a", lines=f"{JSON_TYPE}content-length: {MEBIBYTE + 1}\r\n"
    )
    assert (await shared_wire.ask(announced)).status == 413
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    connection = await shared_wire.connect()
    connection.send(
        shared_wire.request("POST", path, who="sk_live_a", lines=f"{JSON_TYPE}transfer-encoding: chunked\r\n")
        + chunk * 17
        + b"0\r\n\r\n"
    )
    answer = await connection.read_answer()
    assert (answer.status, answer.code) == (413, "CONTENT_TOO_LARGE")
    connection.send(shared_wire.request("GET", "/health/live"))
    assert (await connection.read_answer()).status == 200
    await connection.close()


async def test_a_body_at_the_bound_is_read(shared_wire: Wire) -> None:
    """A body of exactly the bound is read: what is refused is what it says."""
    body = b'{"email":"a@example.com","password":"' + b"x" * 100 + b'"}'
    body += b" " * (MEBIBYTE - len(body))
    assert (await shared_wire.ask(shared_wire.request("POST", "/api/users/login", body=body))).status == 401
