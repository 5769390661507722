"""Scopes as sets: what two have in common, and what is left of them under limits."""

from __future__ import annotations

import pytest

from watchword.credentials.scope_sets import common_scopes, narrow


@pytest.mark.parametrize(
    ("held", "allowed", "common"),
    [
        (("products:*",), ("*:read",), ("products:read",)),
        (("*:*",), ("products:read", "orders:*"), ("products:read", "orders:*")),
        (("products:read", "openid"), ("*:*", "openid"), ("products:read", "openid")),
        (("products:read", "openid"), ("*:*",), ("products:read",)),
        (("products:read",), ("products:write", "orders:*"), ()),
        (("*:*", "products:read"), ("*:*",), ("*:*",)),
        (("openid",), ("*:*",), ()),
        ((), ("*:*",), ()),
    ],
)
def test_common_scopes_are_what_both_give(
    held: tuple[str, ...], allowed: tuple[str, ...], common: tuple[str, ...]
) -> None:
    """Without a scope asked for, a token gets what both the subject and the client have, either way round."""
    assert common_scopes(held, allowed) == common
    assert set(common_scopes(allowed, held)) == set(common)


@pytest.mark.parametrize(
    ("scopes", "limits", "left"),
    [
        (("products:read", "openid"), (), ("products:read", "openid")),
        (("*:*", "products:read"), (("*:*",),), ("*:*", "products:read")),
        (("products:*", "orders:read"), (("*:read",),), ("products:read", "orders:read")),
        (("*:*",), (("*:read",), ("products:*", "orders:*")), ("products:read", "orders:read")),
        (("products:write", "openid"), (("products:read",),), ()),
        (("products:read",), ((),), ()),
    ],
)
def test_each_limit_narrows(
    scopes: tuple[str, ...], limits: tuple[tuple[str, ...], ...], left: tuple[str, ...]
) -> None:
    """Scopes stay as they were written while every limit covers them, and are cut down to what all give otherwise."""
    assert narrow(scopes, limits) == left
