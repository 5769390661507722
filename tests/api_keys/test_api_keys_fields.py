"""What the fields of a key may hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import START_MS
from watchword.api_keys.fields import (
    NETWORKS_MAX,
    SCOPES_MAX,
    require_future_ms,
    require_lists_of_kind,
    require_networks,
    require_scopes,
)
from watchword.errors import InvalidFieldsError

START_S = START_MS // 1000


@pytest.mark.parametrize("scope", ["products:read", "orders:*", "*:read", "*:*", "my-things_2:write"])
def test_scopes_are_taken(scope: str) -> None:
    """A resource and an action, either of them open, make a scope."""
    assert require_scopes([scope, scope]) == (scope,)


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "products",
        "products:",
        ":read",
        "products:destroy",
        "Products:read",
        "a:b:c",
        "*",
        "a b:read",
        "x:read\n",
        "**:*",
    ],
)
def test_other_scopes_are_refused(scope: str) -> None:
    """A text that is not resource:action is refused by its place."""
    with pytest.raises(InvalidFieldsError) as refusal:
        require_scopes(["products:read", scope])
    assert refusal.value.extensions["fields"][0]["path"] == "scopes[1]"  # type: ignore[index]


def test_the_number_of_scopes_is_bounded() -> None:
    """One scope more than the bound is refused; none at all is a key that may nothing."""
    assert require_scopes([]) == ()
    assert len(require_scopes(f"a{number}:read" for number in range(SCOPES_MAX))) == SCOPES_MAX
    with pytest.raises(InvalidFieldsError):
        require_scopes(f"a{number}:read" for number in range(SCOPES_MAX + 1))


@pytest.mark.parametrize(
    ("network", "kept"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_networks_are_kept_in_one_spelling(network: str, kept: str) -> None:
    """A network is kept in its usual spelling, a single address as a network of one."""
    assert require_networks([network]) == (kept,)


@pytest.mark.parametrize(
    "network",
    [
        "",
        "*",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0",
        "example.com",
        "::ffff:10.0.0.0/104",
        "fe80::1%eth0",
        "10.0.0.0/8 ",
        "1",
    ],
)
def test_other_networks_are_refused(network: str) -> None:
    """What is no network, or one that no client address would ever be in, is refused by its place."""
    with pytest.raises(InvalidFieldsError) as refusal:
        require_networks(["10.0.0.0/8", network])
    assert refusal.value.extensions["fields"][0]["path"] == "allowed_networks[1]"  # type: ignore[index]


def test_the_number_of_networks_is_bounded() -> None:
    """One network more than the bound is refused."""
    networks = [f"10.0.{number}.0/24" for number in range(NETWORKS_MAX + 1)]
    assert len(require_networks(networks[:-1])) == NETWORKS_MAX
    with pytest.raises(InvalidFieldsError):
        require_networks(networks)


@pytest.mark.parametrize(
    ("end", "end_ms"),
    [
        (START_S + 1, START_MS + 1000),
        ("2026-01-07T10:00:00.001Z", START_MS + 1),
        ("2026-01-07T12:00:00+01:00", START_MS + 3_600_000),
        (253_402_300_799, 253_402_300_799_000),
    ],
)
def test_an_end_is_read(end: int | str, end_ms: int) -> None:
    """Unix seconds and ISO 8601 with a time zone are read to the millisecond."""
    assert require_future_ms(end, START_MS) == end_ms


@pytest.mark.parametrize(
    "end",
    [
        START_S,
        START_S - 1,
        0,
        -1,
        "2026-01-07T10:00:00Z",
        "2025-01-01T00:00:00Z",
        START_MS + 1000,
        10**30,
        "",
        "tomorrow",
        "2027-01-01",
        "2027-01-01T00:00:00",
        "2027-13-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "99999-01-01T00:00:00Z",
        str(START_S + 1),
    ],
)
def test_other_ends_are_refused(end: int | str) -> None:
    """Now and the past, milliseconds by mistake, and what names no moment are refused."""
    with pytest.raises(InvalidFieldsError):
        require_future_ms(end, START_MS)


@given(st.one_of(st.text(max_size=40), st.integers()))
def test_no_end_makes_it_fail_otherwise(end: int | str) -> None:
    """Whatever comes is read as a moment of the future or refused by field."""
    try:
        assert require_future_ms(end, START_MS) > START_MS
    except InvalidFieldsError:
        return


def test_each_kind_has_its_own_list() -> None:
    """Origins on a secret key and networks on a publishable one are refused: they would guard nothing."""
    require_lists_of_kind("secret_key", origins=[], networks=["10.0.0.0/8"])
    require_lists_of_kind("publishable_key", origins=["https://a.example"], networks=[])
    with pytest.raises(InvalidFieldsError):
        require_lists_of_kind("secret_key", origins=["https://a.example"], networks=[])
    with pytest.raises(InvalidFieldsError):
        require_lists_of_kind("publishable_key", origins=[], networks=["10.0.0.0/8"])
