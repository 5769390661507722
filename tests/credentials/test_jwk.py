"""The guarantees of ``credentials/jwk.py`` and ``foreign_jwt.py``, by published vectors and by what attackers send."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from oauth_keys import ClientKey, segment, unsigned
from watchword.credentials.foreign_jwt import WrongJwtError, read_jwt
from watchword.credentials.jwk import (
    FOREIGN_ALGORITHMS,
    KEYS_MAX,
    WrongJwkError,
    make_decoys,
    read_jwk,
    read_jwk_set,
    thumbprint_of,
)

VECTORS = Path(__file__).parent.parent / "vectors"
EC = ClientKey("ES256").jwk
OKP = ClientKey("EdDSA").jwk
RSA = ClientKey("RS256").jwk


def _load(name: str) -> Any:  # noqa: ANN401 - JSON of many shapes
    return json.loads((VECTORS / name).read_text("utf-8"))


def _wycheproof() -> list[Any]:
    [source] = [entry for entry in _load("SOURCES.json")["sets"] if entry["folder"] == "wycheproof"]
    mislabelled = set(source["label_faults_found"]["do_not_count"])
    cases = []
    for group in _load("wycheproof/json_web_signature_test.json")["testGroups"]:
        key = group.get("public")
        if key is None:
            continue
        cases += [
            pytest.param(key, case, id=f"{case['tcId']} {case['comment']}")
            for case in group["tests"]
            if case["tcId"] not in mislabelled
        ]
    return cases


def _opens(key: dict[str, Any], text: str) -> bool:
    try:
        known = read_jwk(key)
        # The payloads of these cases are texts and no claims: the signature is what they are about.
        head, payload, _ = text.split(".")
        jwt = read_jwt(f"{head}.{segment(b'{}')}.{text.split('.')[2]}")
        return known.is_signature(jwt.algorithm, jwt.signature, f"{head}.{payload}".encode())
    except (WrongJwkError, WrongJwtError, ValueError):
        return False


@pytest.mark.parametrize(("key", "case"), _wycheproof())
def test_wycheproof_signatures(key: dict[str, Any], case: dict[str, Any]) -> None:
    """No invalid case of Wycheproof's asymmetric signatures is taken, and each valid one of an algorithm that we take is."""
    try:
        header = json.loads(base64.urlsafe_b64decode(case["jws"].split(".")[0] + "=="))
    except ValueError:
        header = {}
    taken = header.get("alg") in FOREIGN_ALGORITHMS
    assert _opens(key, case["jws"]) == (case["result"] == "valid" and taken)


def test_the_thumbprint_of_the_rfc() -> None:
    """The key of RFC 7638 §3.1 has the thumbprint that stands there."""
    files = _load("latchset-jose/rfc-vectors.json")["files"]
    assert thumbprint_of(json.loads(files["rfc7638_3.1.jwk"]["text"])) == files["rfc7638_3.1.thp"]["text"]


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_a_thumbprint_is_the_same_elsewhere(algorithm: str) -> None:
    """Another library names a key by the same thumbprint."""
    key = ClientKey(algorithm, kid="one")
    assert read_jwk(key.jwk).thumbprint == key.jkt


def test_decoys_prove_nothing() -> None:
    """The keys that nobody holds fit each algorithm, and have no name under which anybody could be bound."""
    decoys = make_decoys()
    assert {name for key in decoys for name in key.algorithms} == set(FOREIGN_ALGORITHMS)
    assert {key.thumbprint for key in decoys} == {""}


WRONG = {
    "symmetric": {"kty": "oct", "k": "c2VjcmV0"},
    "private EC": ClientKey("ES256").private_jwk,
    "private OKP": ClientKey("EdDSA").private_jwk,
    "private RSA": ClientKey("RS256").private_jwk,
    "public with a symmetric part": {**EC, "k": "c2VjcmV0"},
    "no kty": {name: value for name, value in EC.items() if name != "kty"},
    "kty no text": {**EC, "kty": ["EC"]},
    "another kty": {**EC, "kty": "AKP"},
    "another curve": {**EC, "crv": "P-384"},
    "a curve of old": {**EC, "crv": "secp256k1"},
    "off the curve": {**EC, "x": EC["y"], "y": EC["x"]},
    "at infinity": {**EC, "x": segment(bytes(32)), "y": segment(bytes(32))},
    "coordinate too short": {**EC, "x": segment(b"\x01")},
    "coordinate padded": {**EC, "x": EC["x"] + "="},
    "coordinate missing": {name: value for name, value in EC.items() if name != "y"},
    "key for agreement": {**OKP, "crv": "X25519"},
    "Ed25519 too long": {**OKP, "x": segment(bytes(33))},
    "for encryption": {**EC, "use": "enc"},
    "only for signing": {**EC, "key_ops": ["sign"]},
    "key_ops no list": {**EC, "key_ops": "verify"},
    "another alg": {**EC, "alg": "RS256"},
    "an alg that is none": {**EC, "alg": "none"},
    "an alg that is no text": {**EC, "alg": ["ES256"]},
    "RSA of 1024 bits": {**RSA, "n": segment(b"\xff" * 128)},
    "RSA of 16384 bits": {**RSA, "n": segment(b"\xff" * 2048)},
    "RSA even": {**RSA, "n": segment(b"\xff" * 255 + b"\xfe")},
    "exponent 1": {**RSA, "e": "AQ"},
    "exponent even": {**RSA, "e": "BA"},
    "exponent vast": {**RSA, "e": segment(b"\xff" * 64)},
    "exponent not shortest": {**RSA, "e": segment(b"\x00\x01\x00\x01")},
    "modulus no text": {**RSA, "n": 3},
    "kid no text": {**EC, "kid": 1},
}


@pytest.mark.parametrize("jwk", WRONG.values(), ids=WRONG)
def test_a_wrong_key_is_refused(jwk: dict[str, Any]) -> None:
    """A key that is private, symmetric, weak, malformed or for something else is none (RFC 7517 §4, RFC 7518 §6)."""
    with pytest.raises(WrongJwkError):
        read_jwk(jwk)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "PS256", "EdDSA", "ES384"])
def test_the_key_decides_the_algorithm(algorithm: str) -> None:
    """A key proves nothing under an algorithm of another kind (RFC 8725 §3.1)."""
    assert not read_jwk(EC).is_signature(algorithm, bytes(64), b"x")


def test_the_named_algorithm_of_an_rsa_key_is_the_only_one() -> None:
    """An RSA key that is for PS256 proves nothing as RS256 (RFC 8017 §8: one key, one scheme)."""
    assert read_jwk({**RSA, "alg": "PS256"}).algorithms == {"PS256"}


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"keys": {}}, {"keys": ["a"]}, {"keys": [EC] * (KEYS_MAX + 1)}, {"keys": [EC, WRONG["symmetric"]]}],
    ids=["nothing", "a list", "empty", "keys no list", "keys no objects", "too many", "a secret one"],
)
def test_a_wrong_set_is_refused(document: object) -> None:
    """A set that is none, or shows a secret, is refused whole (RFC 7517 §5)."""
    with pytest.raises(WrongJwkError):
        read_jwk_set(document)


def test_unknown_keys_of_a_set_are_left_out() -> None:
    """Keys of kinds that we do not take do not spoil those that we do (RFC 7517 §5)."""
    keys = read_jwk_set({"keys": [{**EC, "kid": "a"}, {"kty": "AKP", "alg": "ML-DSA-44"}, {**EC, "use": "enc"}, OKP]})
    assert [key.kid for key in keys] == ["a", None]


GOOD = unsigned({"alg": "ES256"}, {"a": 1}, b"x")


def _compact(header: bytes, payload: bytes) -> str:
    return f"{segment(header)}.{segment(payload)}.eA"


MALFORMED = {
    "empty": "",
    "two segments": GOOD.rpartition(".")[0],
    "four segments": f"{GOOD}.",
    "encrypted": f"{GOOD}.a.b",
    "padded": GOOD.replace(".", "=.", 1),
    "not ASCII": GOOD + "é",
    "too long": unsigned({"alg": "ES256"}, {"a": "x" * 9000}),
    "line break": GOOD.replace(".", "\n.", 1),
    "header no object": _compact(b"[]", b"{}"),
    "payload no object": _compact(b'{"alg":"ES256"}', b"1"),
    "no alg": unsigned({"typ": "JWT"}, {}),
    "alg no text": unsigned({"alg": 1}, {}),
    "crit": unsigned({"alg": "ES256", "crit": ["b64"], "b64": False}, {}),
    "crit empty": unsigned({"alg": "ES256", "crit": []}, {}),
    "alg twice": _compact(b'{"alg":"ES256","alg":"none"}', b"{}"),
    "claim twice": _compact(b'{"alg":"ES256"}', b'{"sub":"a","sub":"b"}'),
    "nested deep": _compact(b'{"alg":"ES256","a":' + b"[" * 2000 + b"]" * 2000 + b"}", b"{}"),
    "not UTF-8": _compact(b'{"alg":"ES256","a":"\xff"}', b"{}"),
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_what_can_be_read_in_two_ways_is_refused(text: str) -> None:
    """A JWT is three canonical segments of objects with each name once, and asks for nothing unknown (RFC 7515 §4, §5.2)."""
    with pytest.raises(WrongJwtError):
        read_jwt(text)
