"""What the device endpoints and pages take and give (RFC 8628)."""

from __future__ import annotations

import msgspec

from watchword.concealed import Concealed
from watchword.oauth.models import ClientCredentials


class DeviceRequest(ClientCredentials, frozen=True, kw_only=True):
    """The form of the device authorization endpoint (RFC 8628 §3.1, RFC 8707 §2)."""

    scope: str | None = None
    resource: tuple[str, ...] = ()


class DeviceAnswer(Concealed, frozen=True, kw_only=True):
    """What it answers (RFC 8628 §3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class DeviceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the address of the page may say: the code, when it was not typed but scanned (RFC 8628 §3.3.1)."""

    user_code: str | None = None


class DeviceForm(Concealed, frozen=True, kw_only=True):
    """What the forms of the pages send."""

    form_token: str | None = None
    user_code: str | None = None
    decision: str | None = None
