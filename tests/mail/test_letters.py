"""The letters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from watchword.mail import letters
from watchword.mail.sender import Letter

BASE = "https://auth.example"


@pytest.mark.parametrize("write", [letters.verify_registration, letters.reset_password, letters.verify_new_address])
def test_a_code_stands_in_the_text_and_behind_the_hash_only(write: Callable[..., Letter]) -> None:
    """A mailed code never stands where a server log or a ``Referer`` would see it."""
    letter = write("ann@example.com", base_url=BASE, code="c0de_-")
    links = [word for word in letter.text.split() if word.startswith("https://")]
    assert links
    assert all(link.partition("#")[2] == "code=c0de_-" for link in links)
    assert "code to the application: c0de_-" in letter.text
    assert "c0de" not in letter.subject


@pytest.mark.parametrize(
    "letter",
    [
        letters.account_exists("ann@example.com", base_url=BASE),
        letters.password_changed("ann@example.com"),
        letters.address_change_asked("ann@example.com"),
        letters.address_changed("ann@example.com"),
        letters.signed_in_after_failures("ann@example.com", failures=7),
    ],
)
def test_a_notice_holds_no_code_and_goes_to_its_address(letter: Letter) -> None:
    """A notice gives its reader nothing that opens an account."""
    assert letter.to == "ann@example.com"
    assert "code" not in letter.text
    assert letter.text.endswith("\n")
