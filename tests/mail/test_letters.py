"""The letters."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

import pytest

from watchword.mail import letters
from watchword.mail.letters import Site
from watchword.mail.sender import Letter

WITH_PAGES = Site("https://auth.example", "https://app.example/account")
WITHOUT_PAGES = Site("https://auth.example")


WRITERS = [
    letters.verify_registration,
    letters.reset_password,
    letters.verify_new_address,
    functools.partial(letters.invitation, slug="acme"),
]


@pytest.mark.parametrize("write", WRITERS)
def test_a_code_stands_in_the_text_and_behind_the_hash_only(write: Callable[..., Letter]) -> None:
    """A mailed code never stands where a server log or a ``Referer`` would see it."""
    letter = write("ann@example.com", site=WITH_PAGES, code="c0de_-")
    links = [word for word in letter.text.split() if word.startswith("https://")]
    assert links
    assert all(link.startswith("https://app.example/account/") for link in links)
    assert all(link.partition("#")[2] == "code=c0de_-" for link in links)
    assert "POST" not in letter.text
    assert "code to the application: c0de_-" in letter.text
    assert "c0de" not in letter.subject


@pytest.mark.parametrize("write", WRITERS)
def test_without_pages_a_letter_names_the_call_and_no_dead_link(write: Callable[..., Letter]) -> None:
    """Where no site has the pages, the letter holds the code and the call that takes it, and links to no page."""
    letter = write("ann@example.com", site=WITHOUT_PAGES, code="c0de_-")
    assert [word for word in letter.text.split() if word.startswith("https://")] == ["https://auth.example:"]
    assert "code to the application: c0de_-\n" in letter.text
    [call] = [line.strip() for line in letter.text.splitlines() if line.startswith("    POST /api/")]
    assert re.fullmatch("POST /api/(users/verify/c0de_-|users/reset-password|invitations/accept)", call)
    assert letter.text.count("c0de_-") == 2


def test_the_letter_to_a_known_address_leads_to_a_new_password() -> None:
    """Whoever registers twice is led to a new password: by the site's page, or by the call where there is no page."""
    paged = letters.account_exists("ann@example.com", site=WITH_PAGES).text
    assert "https://app.example/account/forgot-password\n" in paged
    plain = letters.account_exists("ann@example.com", site=WITHOUT_PAGES).text
    assert "POST /api/users/forgot-password\n" in plain
    assert "https://auth.example/" not in plain


@pytest.mark.parametrize(
    "letter",
    [
        letters.account_exists("ann@example.com", site=WITH_PAGES),
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
