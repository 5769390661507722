"""The letters we write, and nothing about how they travel.

No letter repeats what a stranger typed (a name, a message): whoever can make us write to someone cannot choose the
words. A code stands in the text and behind the ``#`` of a link, where no server log and no ``Referer`` sees it. Where
nobody said which site has the pages, there is no link: the letter says which call takes the code.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from watchword.mail.sender import Letter


class Site(msgspec.Struct, frozen=True):
    """Where a reader goes from a letter.

    Shapes: ``api_url`` is the server as clients reach it; ``pages_url`` the site with pages for people, None while
    there is none; both without a slash at the end.
    """

    api_url: str
    pages_url: str | None = None


class Step(msgspec.Struct, frozen=True):
    """What a reader does with a code: the page of the site, or else the call; ``{code}`` stands for the code."""

    page: str
    call: str


_VERIFY: Final = Step("verify-email", "POST /api/users/verify/{code}")
_RESET: Final = Step("reset-password", 'POST /api/users/reset-password\n{"token": "{code}", "password": "a new one"}')
_ACCEPT: Final = Step(
    "accept-invitation",
    'POST /api/invitations/accept\n{"code": "{code}", "name": "your name", "password": "a new or your present one"}',
)


def verify_registration(to: str, *, site: Site, code: str) -> Letter:
    """Ask a new user to prove that the address is theirs."""
    return Letter(
        to,
        "Confirm your email address",
        "An account was made with this email address. To confirm that it is yours,"
        f" {_with_code(site, _VERIFY, code)}\n"
        "The code works once, for ten minutes. If you made no account, do nothing.\n",
    )


def account_exists(to: str, *, site: Site) -> Letter:
    """Tell the owner of an account that someone tried to register with the same address."""
    how = _call(site, 'POST /api/users/forgot-password\n{"email": "your address"}')
    if site.pages_url is not None:
        how = f"at\n\n{site.pages_url}/forgot-password\n"
    return Letter(
        to,
        "You already have an account",
        "Someone, perhaps you, tried to make an account with this email address. There is one already.\n"
        f"Log in with it; if you do not know its password, ask for a new one {how}\n"
        "If it was not you, do nothing: nothing was changed.\n",
    )


def reset_password(to: str, *, site: Site, code: str) -> Letter:
    """Send the code that allows a new password."""
    return Letter(
        to,
        "Choose a new password",
        "Someone asked for a new password for the account with this email address. To choose one,"
        f" {_with_code(site, _RESET, code)}\n"
        "The code works once, for ten minutes. If you did not ask, do nothing: your password stays as it is.\n",
    )


def password_changed(to: str) -> Letter:
    """Tell a user that the password is a new one (ASVS 5.0 V6.3.7)."""
    return Letter(
        to,
        "Your password was changed",
        "The password of your account was changed and all other sessions were ended.\n"
        "If this was not you, ask for a new password at once and tell your administrator.\n",
    )


def verify_new_address(to: str, *, site: Site, code: str) -> Letter:
    """Ask a user to prove that the new address is theirs; it takes effect then."""
    return Letter(
        to,
        "Confirm your new email address",
        "This email address was entered as the new one of an account. To confirm it,"
        f" {_with_code(site, _VERIFY, code)}\n"
        "The code works once, for ten minutes. If this is not your account, do nothing.\n",
    )


def address_change_asked(to: str) -> Letter:
    """Warn the present address that another is about to replace it."""
    return Letter(
        to,
        "Your email address is about to change",
        "Someone signed in to your account and entered another email address; it takes effect once confirmed there.\n"
        "If this was not you, change your password now: that also stops the change.\n",
    )


def address_changed(to: str) -> Letter:
    """Tell the former address that it is no longer the account's."""
    return Letter(
        to,
        "Your email address was changed",
        "Your account now has another email address. If this was not you, tell your administrator at once.\n",
    )


def signed_in_after_failures(to: str, *, failures: int) -> Letter:
    """Tell a user of a sign-in that followed several wrong passwords (ASVS 5.0 V6.3.5)."""
    return Letter(
        to,
        "A sign-in after wrong passwords",
        f"Someone signed in to your account after {failures} attempts with a wrong password.\n"
        "If this was not you, change your password now: that ends every other session.\n",
    )


def invitation(to: str, *, slug: str, site: Site, code: str) -> Letter:
    """Invite someone into a tenant.

    By its slug and not its name: an administrator's own words in a letter of ours would be an open mail relay.
    """
    return Letter(
        to,
        f"Invitation to {slug}",
        f"You were invited to join {slug}. To accept, {_with_code(site, _ACCEPT, code)}\n"
        "The code works once, for seven days. If you know nothing of this, do nothing.\n",
    )


def _with_code(site: Site, step: Step, code: str) -> str:
    """End a sentence with what to do with the code; where there is a page, without any call."""
    by_hand = f"give this code to the application: {code}\n"
    if site.pages_url is not None:
        return f"open\n\n{site.pages_url}/{step.page}#code={quote(code, safe='')}\n\nor {by_hand}"
    return f"{by_hand}\nThe application sends it on {_call(site, step.call.replace('{code}', code))}"


def _call(site: Site, call: str) -> str:
    lines = "".join(f"    {line}\n" for line in call.splitlines())
    return f"to {site.api_url}:\n\n{lines}"
