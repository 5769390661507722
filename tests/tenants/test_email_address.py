"""What is an e-mail address, and when two are the same."""

from __future__ import annotations

import pytest

from watchword.errors import InvalidFieldsError
from watchword.tenants.email_address import fold_email, require_email


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("User@Example.COM", "user@example.com"),
        (" a@b.c ", "a@b.c"),
        ("STRASSE@x.de", "straße@x.de"),
        ("e\u0301@x.fr", "é@x.fr"),
    ],
)
def test_case_and_composition_make_no_difference(one: str, other: str) -> None:
    """Two spellings of one address fold to the same text."""
    assert fold_email(one) == fold_email(other)


@pytest.mark.parametrize(("one", "other"), [("a@b.c", "b@b.c"), ("a+b@c.d", "a@c.d"), ("\u24d0@b.c", "a@b.c")])
def test_different_addresses_stay_different(one: str, other: str) -> None:
    """Addresses that a mail server tells apart are not taken for one another."""
    assert fold_email(one) != fold_email(other)


@pytest.mark.parametrize("email", ["user@example.com", "a@b", "이름@예.한국", "first.last+tag@sub.example.com"])
def test_addresses_are_taken(email: str) -> None:
    """What can be an address is kept as it was written."""
    assert require_email(f" {email} ") == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "@",
        "a@",
        "@b.c",
        "a b@c.d",
        "a@b@c",
        "a@b..c",
        "a@.b",
        "a@b.",
        "a@b.c\nBcc: d@e.f",
        "a\r\n@b.c",
        "a@b.c,d@e.f",
        "a@b.c;d@e.f",
        "Name <a@b.c>",
        '"a"@b.c',
        "a@[192.0.2.1]",
        "a\x00@b.c",
        "a\u202e@b.c",
        "x" * 65 + "@b.c",
        "a@" + "b" * 260,
    ],
)
def test_other_texts_are_refused(email: str) -> None:
    """What could be no address, two addresses or a header line is refused."""
    with pytest.raises(InvalidFieldsError):
        require_email(email)
