"""What names and slugs may hold."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.errors import InvalidFieldsError
from watchword.tenants.names import NAME_CHARACTERS_MAX, NAME_PATTERN, require_name, require_slug


@pytest.mark.parametrize(
    ("name", "kept"), [("Acme", "Acme"), ("  Acme  ", "Acme"), ("한국 상점", "한국 상점"), ("x" * 100, "x" * 100)]
)
def test_names_keep_their_letters(name: str, kept: str) -> None:
    """A name of any script is kept, without the white space around it."""
    assert require_name(name) == kept


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 101, "a\nb", "a\x00b", "a\x7fb", "a\x85b", "a\u2028b", "a\u202eb", "a\u2066b", "a\ud800b"]
)
def test_names_that_a_listing_cannot_show_are_refused(name: str) -> None:
    """Empty and overlong names, control characters, half surrogates and direction marks are refused."""
    with pytest.raises(InvalidFieldsError):
        require_name(name)


@given(st.text(max_size=NAME_CHARACTERS_MAX))
@example("shop\n")
@example(" \u00a0 ")
@example("X\u008e")
@example("\u202epohs")
def test_the_pattern_of_names_is_what_is_checked(name: str) -> None:
    """A name is taken if and only if the pattern in the OpenAPI document matches it."""
    if re.fullmatch(NAME_PATTERN, name):
        assert require_name(name) == name.strip()
    else:
        with pytest.raises(InvalidFieldsError):
            require_name(name)


@pytest.mark.parametrize("slug", ["ab", "acme-shop", "0-9", "a" * 63])
def test_slugs_of_the_right_letters_are_taken(slug: str) -> None:
    """Lower-case letters, digits and hyphens make a slug."""
    assert require_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", "a", "a" * 64, "Acme", "a_b", "a b", "ab\n", "ä-b", "ten_01", "a/b", "..", "٣٤"])
def test_other_slugs_are_refused(slug: str) -> None:
    """Everything else is refused, an id's underscore included: a slug never reads as an id."""
    with pytest.raises(InvalidFieldsError):
        require_slug(slug)
