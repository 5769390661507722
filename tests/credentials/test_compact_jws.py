"""The guarantees of ``credentials/compact_jws.py``, by published vectors and beside joserfc."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from watchword.credentials.compact_jws import encode_segment, mac, open_compact, sign_compact
from watchword.errors import NotAuthenticatedError

VECTORS = Path(__file__).parent.parent / "vectors"
SECRET = bytes(range(32))
HEADER = encode_segment(b'{"alg":"HS256","typ":"test","kid":"one"}')


def _load(name: str) -> Any:  # noqa: ANN401 - JSON of many shapes
    return json.loads((VECTORS / name).read_text("utf-8"))


def _bytes_of(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _signature_cases() -> list[Any]:
    [source] = [entry for entry in _load("SOURCES.json")["sets"] if entry["folder"] == "wycheproof"]
    mislabelled = set(source["label_faults_found"]["do_not_count"])
    cases = []
    for group in _load("wycheproof/json_web_signature_test.json")["testGroups"]:
        key = group["private"]
        if key["kty"] != "oct":
            continue
        headers = {case["jws"].partition(".")[0] for case in group["tests"] if case["result"] == "valid"}
        cases += [
            pytest.param(_bytes_of(key["k"]), headers, case, id=f"{case['tcId']} {case['comment']}")
            for case in group["tests"]
            if case["tcId"] not in mislabelled
        ]
    return cases


@pytest.mark.parametrize(("secret", "headers", "case"), _signature_cases())
def test_wycheproof_hs256(secret: bytes, headers: set[str], case: dict[str, Any]) -> None:
    """Each HS256 case of Wycheproof is refused under every header of its group, or taken under its own."""
    token = case["jws"].encode()
    taken = []
    for header in headers:
        try:
            payload = open_compact(token, header=header.encode(), secret=secret)
        except NotAuthenticatedError:
            continue
        assert encode_segment(payload) == token.split(b".")[1]
        taken.append(header)
    assert taken == ([case["jws"].partition(".")[0]] if case["result"] == "valid" else [])


def test_wycheproof_other_algorithms_never_open() -> None:
    """No token of another algorithm opens with anything public as the secret (RFC 8725 §2.1)."""
    seen = 0
    for group in _load("wycheproof/json_web_signature_test.json")["testGroups"]:
        public = group.get("public")
        if public is None:
            continue
        secrets = [json.dumps(public).encode(), b"", *(str(value).encode() for value in public.values())]
        for case in group["tests"]:
            token = case["jws"].encode()
            for secret in secrets:
                with pytest.raises(NotAuthenticatedError):
                    open_compact(token, header=token.partition(b".")[0], secret=secret)
            seen += 1
    assert seen > 300


def test_wycheproof_hmac() -> None:
    """The MAC under our signatures is HMAC-SHA-256 as Wycheproof has it, whole and cut."""
    seen = 0
    for group in _load("wycheproof/hmac_sha256_test.json")["testGroups"]:
        for case in group["tests"]:
            made = mac(bytes.fromhex(case["msg"]), bytes.fromhex(case["key"]))[: group["tagSize"] // 8]
            assert (made == bytes.fromhex(case["tag"])) == (case["result"] == "valid")
            seen += 1
    assert seen > 100


def test_rfc_7515_a1() -> None:
    """The first example of RFC 7515 opens, whitespace in its header included, since the header is compared as bytes."""
    files = _load("latchset-jose/rfc-vectors.json")["files"]
    token = files["rfc7515_A.1.jwsc"]["text"].strip().encode()
    secret = _bytes_of(json.loads(files["rfc7515_A.1.jwk"]["text"])["k"])
    payload = open_compact(token, header=token.partition(b".")[0], secret=secret)
    assert json.loads(payload) == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


def test_rfc_7520_44() -> None:
    """The HMAC example of RFC 7520 §4.4 is made and opened to the letter."""
    example = _load("ietf-jose-cookbook/jws/4_4.hmac-sha2_integrity_protection.json")
    header = example["signing"]["protected_b64u"].encode()
    secret = _bytes_of(example["input"]["key"]["k"])
    payload = example["input"]["payload"].encode()
    token = example["output"]["compact"]
    assert sign_compact(payload, header=header, secret=secret) == token
    assert open_compact(token.encode(), header=header, secret=secret) == payload


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=64))
def test_joserfc_takes_what_we_sign(payload: bytes, secret: bytes) -> None:
    """The library joserfc opens what we sign, we open what it signs, and both read the same bytes."""
    key = OctKey.import_key(secret)
    ours = sign_compact(payload, header=HEADER, secret=secret)
    assert jws.deserialize_compact(ours, key).payload == payload
    theirs = jws.serialize_compact({"alg": "HS256", "typ": "test", "kid": "one"}, payload, key)
    assert theirs == ours
    assert open_compact(theirs.encode(), header=HEADER, secret=secret) == payload


@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    """A token with one byte replaced, inserted or removed anywhere is refused."""
    payload = data.draw(st.binary(max_size=40))
    token = sign_compact(payload, header=HEADER, secret=SECRET).encode()
    place = data.draw(st.integers(0, len(token) - 1))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda value: value != token[place]))])
    inserted = bytes([data.draw(st.integers(0, 255))])
    for changed in (
        token[:place] + byte + token[place + 1 :],
        token[:place] + token[place + 1 :],
        token[:place] + inserted + token[place:],
        token + inserted,
    ):
        with pytest.raises(NotAuthenticatedError):
            open_compact(changed, header=HEADER, secret=SECRET)


@given(st.binary(max_size=300))
def test_any_bytes_get_the_one_answer(token: bytes) -> None:
    """Whatever comes, the answer is that it is not authentic, and never another error."""
    with pytest.raises(NotAuthenticatedError):
        open_compact(token, header=HEADER, secret=SECRET)


@pytest.mark.parametrize(
    "payload",
    [
        b"Zm9",
        b"Zm9v=",
        b"Zm9v==",
        b"Zm 9v",
        b"Zm9v\n",
        b"Zm+v",
        b"Zm/v",
        b"Z",
        b"Zm9.v",
        b"Zm9vZ",
        b"Zh",
        b"=",
        b"Zm\x009v",
    ],
)
def test_payload_in_another_spelling_is_refused(payload: bytes) -> None:
    """A payload that is not canonical base64url is refused even with a right signature over it."""
    signing_input = HEADER + b"." + payload
    token = signing_input + b"." + encode_segment(mac(signing_input, SECRET))
    with pytest.raises(NotAuthenticatedError):
        open_compact(token, header=HEADER, secret=SECRET)


def test_right_signature_under_another_header_is_refused() -> None:
    """Signing with the right key is not enough: the header must be the expected one, byte for byte."""
    for header in (b'{"alg":"HS256","typ":"other","kid":"one"}', b'{"alg": "HS256","typ":"test","kid":"one"}', b""):
        token = sign_compact(b"{}", header=encode_segment(header), secret=SECRET).encode()
        with pytest.raises(NotAuthenticatedError):
            open_compact(token, header=HEADER, secret=SECRET)
    with pytest.raises(NotAuthenticatedError):
        open_compact(sign_compact(b"{}", header=HEADER + b"x", secret=SECRET).encode(), header=HEADER, secret=SECRET)
