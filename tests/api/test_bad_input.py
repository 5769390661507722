"""Bodies and queries that mean nothing here get a clear refusal, which names what is wrong; and nothing is kept of them."""

from __future__ import annotations

import gzip
import sys

import pytest

from scenario import code_of
from world import PASSWORD, Api

BROKEN_JSON = {
    b'{"name": "a",}': (1, 13 if sys.version_info >= (3, 13) else 14),  # Python 3.13 points at the comma itself
    b'{"name": "a"\n "price": 1}': (2, 2),
    b"{": (1, 2),
    b"[1, 2": (1, 6),
    b"\xff{}": (1, 1),
    b'{"name": "\xc3\x28"}': (1, 11),
    b'{"a": 01}': (1, 8),
    b"{'name': 1}": (1, 2),
    b'{"name": "a\tb"}': (1, 12),
    b'{"name": "\\x"}': (1, 11),
    b"{} {}": (1, 4),
    b"\xef\xbb\xbf{}": (1, 1),
    b"nul": (1, 1),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/api/products", "/api/users/login"])
@pytest.mark.parametrize(("body", "place"), BROKEN_JSON.items())
async def test_broken_json_names_its_place(shared: Api, path: str, body: bytes, place: tuple[int, int]) -> None:
    """JSON that is none is 400 with line and column."""
    refusal = await shared.call("POST", path, who="sk_live_a", content=body)
    extensions = refusal.json()["errors"][0]["extensions"]
    assert (refusal.status_code, code_of(refusal)) == (400, "BAD_REQUEST")
    assert (extensions["line"], extensions["column"]) == place


UNFIT_JSON = {
    "nothing": b"",
    "spaces": b"  \n ",
    "a list": b"[]",
    "a text": b'"text"',
    "null": b"null",
    "a number": b"1",
    "NaN": b'{"name":"a","price":NaN}',
    "infinity": b'{"name":"a","price":Infinity}',
    "minus infinity": b'{"name":"a","price":-Infinity}',
    "a float beyond all": b'{"name":"a","price":1e999}',
    "beyond 64 bits": b'{"name":"a","price":18446744073709551616}',
    "beyond 63 bits": b'{"name":"a","price":9223372036854775808}',
    "beyond 53 bits": b'{"name":"a","price":9007199254740993}',
    "very negative": b'{"name":"a","price":-9223372036854775809}',
    "a million digits": b'{"name":"a","price":' + b"9" * 1_000_000 + b"}",
    "a name twice": b'{"name":"a","price":1,"name":"b"}',
    "a name twice, escaped": b'{"name":"a","price":1,"n\\u0061me":"b"}',
    "a NUL": b'{"name":"a\\u0000","price":1}',
    "a NUL as name": b'{"name":"a","price":1,"\\u0000":1}',
    "a high surrogate": b'{"name":"\\ud800","price":1}',
    "a low surrogate": b'{"name":"\\udfff","price":1}',
    "surrogates in the wrong order": b'{"name":"\\udc00\\ud800","price":1}',
    "a surrogate as name": b'{"name":"a","price":1,"\\ud800":1}',
    "a surrogate in UTF-8": b'{"name":"\xed\xa0\x80","price":1}',
    "10,000 lists": b'{"name":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "100,000 open lists": b"[" * 100_000,
    "50 levels": b'{"name":' + b"[" * 50 + b"]" * 50 + b"}",
    "70,000 names": b'{"x":1,' + b",".join(b'"f%d":1' % number for number in range(70_000)) + b"}",
    "10,000 names": b'{"x":1,' + b",".join(b'"f%d":1' % number for number in range(10_000)) + b"}",
    "300,000 lists": b'{"name":[' + b"[]," * 300_000 + b"1]}",
}


@pytest.mark.parametrize("path", ["/api/products", "/api/users/login", "/api/keys/verify"])
@pytest.mark.parametrize("body", UNFIT_JSON.values(), ids=UNFIT_JSON.keys())
async def test_unfit_json_is_refused(shared: Api, path: str, body: bytes) -> None:
    """JSON that no reader should take is 400 in a short answer, wherever it is sent."""
    refusal = await shared.call("POST", path, who="sk_live_a", content=body)
    assert refusal.status_code == 400, refusal.text
    assert len(refusal.content) < 20_000
    assert refusal.json()["errors"][0]["name"] in {"BadRequest", "ValidationError"}


WRONG_FIELDS = [
    ("POST", "/api/products", b'{"name":1,"price":"1"}', {"name", "price"}),
    ("POST", "/api/products", b'{"name":"a","price":1.5}', {"price"}),
    ("POST", "/api/products", b'{"name":"a","price":1.0}', {"price"}),
    ("POST", "/api/products", b'{"name":"a","price":-1}', {"price"}),
    ("POST", "/api/products", b'{"name":"a","price":true}', {"price"}),
    ("POST", "/api/products", b'{"price":1}', {"name"}),
    ("POST", "/api/products", b'{"name":"a","price":1,"tenant_id":"ten_1","id":"x"}', {"tenant_id", "id"}),
    ("POST", "/api/products", b'{"name":"a","price":1,"__proto__":{}}', {"__proto__"}),
    ("PATCH", "/api/products/{product_live_a}", b'{"price":[1]}', {"price"}),
    ("PATCH", "/api/products/{product_live_a}", b'{"name":null}', {"name"}),
    ("PATCH", "/api/products/{product_live_a}", b'{"createdAt":"2026-01-01"}', {"createdAt"}),
    ("POST", "/api/keys/verify", b'{"key":1,"scopes":"a"}', {"key", "scopes"}),
    ("POST", "/api/keys/verify", b'{"key":"k","scopes":["a",2]}', {"scopes[1]"}),
    ("POST", "/api/users/login", b'{"email":[],"password":{}}', {"email", "password"}),
    ("POST", "/api/users/login", b'{"email":"a"}', {"password"}),
    ("POST", "/api/users/login", b"{}", {"email", "password"}),
    ("POST", "/api/invitations/accept", b'{"code":""}', {"code"}),
]


@pytest.mark.parametrize(("method", "path", "body", "fields"), WRONG_FIELDS)
async def test_wrong_fields_are_named(shared: Api, method: str, path: str, body: bytes, fields: set[str]) -> None:
    """A wrong, missing or unknown field is 400 and named by its path, all of them at once."""
    refusal = await shared.call(method, path, who="sk_live_a", content=body)
    assert (refusal.status_code, code_of(refusal)) == (400, "VALIDATION_ERROR")
    named = refusal.json()["errors"][0]["extensions"]["fields"]
    assert {field["path"] for field in named} == fields
    assert all(field["message"] for field in named)


@pytest.mark.parametrize(
    "query",
    [
        "limit=a", "limit=-1", "limit=99999999999999999999", "limit=1.5", "limit=%00", "limit=1&limit=2", "page=0",
        "page=18446744073709551616", "sort=password", "sort=-", "sort=" + "name," * 50, "after=%FF", "after=made-up",
        "where[price][equals]=NaN", "where[price][equals]=9223372036854775808", "where[price][equals]=1e999",
        "where[tenant_id][equals]=a", "where[name][drop]=a", "where[name]=a", "where=a", "where[name][equals]=%zz",
        "where[name][equals]=%", "where[name][equals]=%ff", "where[name][equals]=%ed%a0%80", "where" + "[and][0]" * 100,
        "where[price][exists]=perhaps", "select[password]=true", "select[name]=2", "nonsense=1", "&" * 500,
        "a=1&" * 300, "where[name][equals]=%00", "limit=%F0%9F%98%80", "limit=٣",
    ],
)  # fmt: skip
async def test_wrong_queries_are_refused(shared: Api, query: str) -> None:
    """A query that means nothing here is 400, never a page of everything."""
    refusal = await shared.call("GET", f"/api/products?{query}", who="sk_live_a")
    assert refusal.status_code == 400, refusal.text
    assert "docs" not in refusal.json()


@pytest.mark.parametrize("path", ["/api/keys", "/api/tenants", "/api/users/sessions"])
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=a", "limit=1&limit=1", "after=" + "a" * 65, "limit=%zz"]
)
async def test_wrong_pages_are_refused(shared: Api, path: str, query: str) -> None:
    """The pages of keys, tenants and sessions are bounded, too."""
    assert (await shared.call("GET", f"{path}?{query}", who="admin_a")).status_code == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "json",
    ],
)
async def test_other_types_are_refused(shared: Api, content_type: str) -> None:
    """A body that is not announced as JSON is 415: a form of a foreign page cannot write."""
    body = b'{"name":"a","price":1}'
    for path in ("/api/products", "/api/users/login", "/api/keys/verify"):
        refusal = await shared.call("POST", path, who="sk_live_a", content=body, headers={"content-type": content_type})
        assert (refusal.status_code, code_of(refusal)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_compressed_body_is_refused_as_such(shared: Api) -> None:
    """A body in a coding that is not read is 415 with the one that is (RFC 9110 §12.5.3), not taken for broken JSON."""
    for path in ("/api/products", "/api/keys/verify"):
        sent = {"content-type": "application/json", "content-encoding": "gzip"}
        refusal = await shared.call("POST", path, who="sk_live_a", content=gzip.compress(b"{}"), headers=sent)
        assert (refusal.status_code, code_of(refusal)) == (415, "UNSUPPORTED_MEDIA_TYPE")
        assert refusal.headers["accept-encoding"] == "identity"
        sent["content-encoding"] = "Identity"
        refusal = await shared.call("POST", path, who="sk_live_a", content=b"{}", headers=sent)
        assert (refusal.status_code, code_of(refusal)) == (400, "VALIDATION_ERROR")


async def test_nothing_of_all_this_was_kept(shared: Api) -> None:
    """After every refusal of this module the products are those that were there before."""
    count = await shared.call("GET", "/api/products/count", who="sk_live_a")
    assert count.json() == {"totalDocs": 12}
    login = await shared.call("POST", "/api/users/login", json={"email": "editor.a@example.com", "password": PASSWORD})
    assert login.status_code == 200
