"""The letters we write, and nothing about how they travel.

No letter repeats what a stranger typed (a name, a message): whoever can make us write to someone cannot choose the
words. A code stands in the text and behind the ``#`` of a link, where no server log and no ``Referer`` sees it.
"""

from __future__ import annotations

from urllib.parse import quote

from watchword.mail.sender import Letter


def verify_registration(to: str, *, base_url: str, code: str) -> Letter:
    """Ask a new user to prove that the address is theirs."""
    return Letter(
        to,
        "Confirm your email address",
        "An account was made with this email address. To confirm that it is yours, open\n\n"
        f"{_link(base_url, 'verify-email', code)}\n\n"
        f"or give this code to the application: {code}\n\n"
        "The code works once, for ten minutes. If you made no account, do nothing.\n",
    )


def account_exists(to: str, *, base_url: str) -> Letter:
    """Tell the owner of an account that someone tried to register with the same address."""
    return Letter(
        to,
        "You already have an account",
        "Someone, perhaps you, tried to make an account with this email address. There is one already.\n"
        "Log in with it; if you do not know its password, ask for a new one at\n\n"
        f"{base_url}/forgot-password\n\n"
        "If it was not you, do nothing: nothing was changed.\n",
    )


def reset_password(to: str, *, base_url: str, code: str) -> Letter:
    """Send the code that allows a new password."""
    return Letter(
        to,
        "Choose a new password",
        "Someone asked for a new password for the account with this email address. To choose one, open\n\n"
        f"{_link(base_url, 'reset-password', code)}\n\n"
        f"or give this code to the application: {code}\n\n"
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


def verify_new_address(to: str, *, base_url: str, code: str) -> Letter:
    """Ask a user to prove that the new address is theirs; it takes effect then."""
    return Letter(
        to,
        "Confirm your new email address",
        "This email address was entered as the new one of an account. To confirm it, open\n\n"
        f"{_link(base_url, 'verify-email', code)}\n\n"
        f"or give this code to the application: {code}\n\n"
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


def _link(base_url: str, page: str, code: str) -> str:
    return f"{base_url}/{page}#code={quote(code, safe='')}"
