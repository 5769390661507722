"""The names of what is recorded, and nothing else: a test holds every recorded event to this list."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """Something an operator may have to answer for."""

    LOGGED_IN = "user.logged_in"
    LOGIN_FAILED = "user.login_failed"
    LOCKED_OUT = "user.locked_out"
    LOGGED_OUT = "user.logged_out"
    REGISTERED = "user.registered"
    USER_CREATED = "user.created"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - the name of an event
    EMAIL_CHANGED = "user.email_changed"
    EMAIL_VERIFIED = "user.email_verified"
    SESSION_ENDED = "session.ended"
    KEY_CREATED = "key.created"
    KEY_CHANGED = "key.changed"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    CLIENT_CREATED = "client.created"
    CLIENT_CHANGED = "client.changed"
    CLIENT_WEAKENED = "client.weakened"
    CLIENT_DELETED = "client.deleted"
    SECRET_ADDED = "client.secret_added"  # noqa: S105 - the name of an event
    SECRETS_ROTATED = "client.secrets_rotated"
    SECRET_REVOKED = "client.secret_revoked"  # noqa: S105 - the name of an event
    TOKEN_EXCHANGED = "oauth.token_exchanged"  # noqa: S105 - the name of an event
    CONSENT_GIVEN = "oauth.consent_given"
    IMPLICIT_TOKEN_GIVEN = "oauth.implicit_token_given"  # noqa: S105 - the name of an event
    DEVICE_DENIED = "oauth.device_denied"
    CONSENT_WITHDRAWN = "oauth.consent_withdrawn"
    GRANT_ENDED = "grant.ended"
    TOKEN_REFUSED = "oauth.token_refused"  # noqa: S105 - the name of an event
    LOGOUT_NOT_TOLD = "oauth.logout_not_told"
    SIGNING_KEY_ROTATED = "signing_key.rotated"
    SIGNING_KEY_REPLACED = "signing_key.replaced"
    CODE_REUSED = "oauth.code_reused"
    TOKEN_REVOKED = "oauth.token_revoked"  # noqa: S105 - the name of an event
    REFRESH_TOKEN_REUSED = "oauth.refresh_token_reused"  # noqa: S105 - the name of an event
    SECRET_KEY_IN_BROWSER = "secret_key.in_browser"  # noqa: S105 - the name of an event
    ORDER_CREATED = "order.created"
    ORDER_STATUS_CHANGED = "order.status_changed"
    TENANT_CREATED = "tenant.created"
    TENANT_CHANGED = "tenant.changed"
    MEMBER_INVITED = "member.invited"
    INVITATION_WITHDRAWN = "member.invitation_withdrawn"
    MEMBER_JOINED = "member.joined"
    MEMBER_CHANGED = "member.changed"
    MEMBER_REMOVED = "member.removed"
