"""The table of settings: every name, kind, default, unit and one sentence each; ``docs/settings.md`` shows it."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.setting_kinds import (
    Kind,
    a_choice,
    a_network_list,
    a_number,
    a_path,
    a_plan_table,
    a_secret,
    a_site,
    a_switch,
    a_text,
    a_url,
    an_email,
    an_origin,
    an_origin_list,
)

_DAY_SECONDS: Final = 86_400

MASTER_SECRET_CHARACTERS_MIN: Final = 32  # 128 bits even when they are hexadecimal digits


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    Shapes: ``field`` is the attribute of ``Settings``; ``variable`` the name in the environment; ``other`` a second
    name it is known by elsewhere; ``default`` is written as in the environment, None where unset means something of
    its own, which the sentence says.
    """

    field: str
    variable: str
    kind: Kind
    sentence: str
    default: str | None = None
    unit: str = ""
    other: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names it may be given under; of several in one source the first counts."""
        return (self.variable,) if self.other is None else (self.variable, self.other)

    @property
    def is_secret(self) -> bool:
        """Say whether the value must never be shown."""
        return self.kind.is_secret


SETTINGS: Final = (
    Setting(
        field="data_directory",
        variable="WATCHWORD_DATA",
        kind=a_path(),
        default="watchword-data",
        sentence="Directory of the database, the keys and the development certificate, readable by its owner only.",
    ),
    Setting(
        field="host",
        variable="WATCHWORD_HOST",
        kind=a_text(1, 255),
        default="127.0.0.1",
        sentence="Address or name to listen on.",
    ),
    Setting(
        field="port",
        variable="WATCHWORD_PORT",
        kind=a_number(0, 65_535),
        default="8443",
        sentence="Port to listen on; 0 takes a free one.",
    ),
    Setting(
        field="http_port",
        variable="WATCHWORD_HTTP_PORT",
        kind=a_number(0, 65_535),
        sentence="Port of a further listener without TLS, on 127.0.0.1 only; none when unset, 0 takes a free one.",
    ),
    Setting(
        field="tls",
        variable="WATCHWORD_TLS",
        kind=a_choice("auto", "on", "off"),
        default="auto",
        sentence="Whether the main listener speaks TLS; `auto` is on, unless a trusted proxy stands in front and no certificate is given.",
    ),
    Setting(
        field="tls_certificate",
        variable="WATCHWORD_TLS_CERT",
        kind=a_path(),
        sentence="Certificate chain in PEM, taken up again when the file changes; a development certificate is made when unset.",
    ),
    Setting(
        field="tls_key",
        variable="WATCHWORD_TLS_KEY",
        kind=a_path(),
        sentence="Private key of that certificate in PEM, without a passphrase.",
    ),
    Setting(
        field="behind_proxy",
        variable="WATCHWORD_BEHIND_PROXY",
        kind=a_network_list(),
        default="",
        sentence="Networks of the reverse proxy; `X-Forwarded-*` is believed from there and from nowhere else.",
    ),
    Setting(
        field="public_url",
        variable="WATCHWORD_PUBLIC_URL",
        kind=an_origin(),
        sentence="Where clients reach the server; stands in letters and, unless WATCHWORD_ISSUER is set, in tokens.",
    ),
    Setting(
        field="pages_url",
        variable="WATCHWORD_PAGES_URL",
        kind=a_site(),
        sentence="Site of yours with the pages that letters link to: `/verify-email`, `/reset-password`, `/forgot-password`, `/accept-invitation`; without it letters hold the code and the call to make with it.",
    ),
    Setting(
        field="issuer",
        variable="WATCHWORD_ISSUER",
        kind=a_text(1, 200),
        sentence="The `iss` of session tokens; the public URL when unset. A change ends every session.",
    ),
    Setting(
        field="default_tenant",
        variable="WATCHWORD_DEFAULT_TENANT",
        kind=a_text(2, 63),
        sentence="Slug of the tenant whose OAuth issuer is the bare URL; every other one's is `/t/{slug}`. A change ends that tenant's access tokens.",
    ),
    Setting(
        field="signing_key_days",
        variable="WATCHWORD_SIGNING_KEY_DAYS",
        kind=a_number(0, 3_650),
        default="90",
        unit="days",
        sentence="Age at which a key that signs tokens gets a successor; 0 leaves that to `watchword jwks rotate` and"
        " `watchword sessions rotate-key`.",
    ),
    Setting(
        field="database_url",
        variable="WATCHWORD_DATABASE_URL",
        other="DATABASE_URL",
        kind=a_url("postgresql", "postgres"),
        sentence="PostgreSQL to keep everything in; SQLite in the data directory when unset.",
    ),
    Setting(
        field="database_connections",
        variable="WATCHWORD_DATABASE_CONNECTIONS",
        kind=a_number(1, 100),
        default="4",
        sentence="Connections to PostgreSQL that each worker keeps open.",
    ),
    Setting(
        field="scan_deadline_ms",
        variable="WATCHWORD_SCAN_DEADLINE_MS",
        kind=a_number(10, 60_000),
        default="2000",
        unit="milliseconds",
        sentence="How long one query that looks at many rows may run.",
    ),
    Setting(
        field="secret",
        variable="WATCHWORD_SECRET",
        kind=a_secret(MASTER_SECRET_CHARACTERS_MIN),
        sentence="Master secret that seals the signing keys; made in the data directory when unset.",
    ),
    Setting(
        field="secret_file",
        variable="WATCHWORD_SECRET_FILE",
        kind=a_path(),
        sentence="File that holds the master secret, instead of WATCHWORD_SECRET.",
    ),
    Setting(
        field="workers",
        variable="WATCHWORD_WORKERS",
        kind=a_number(1, 64),
        default="1",
        sentence="Server processes that share the database and the port.",
    ),
    Setting(
        field="fast_lane",
        variable="WATCHWORD_FAST_LANE",
        kind=a_switch(),
        default="on",
        sentence="Whether reads that need not wait are answered without the detour through ASGI.",
    ),
    Setting(
        field="log_format",
        variable="WATCHWORD_LOG_FORMAT",
        kind=a_choice("console", "json"),
        default="console",
        sentence="How the log is written.",
    ),
    Setting(
        field="log_level",
        variable="WATCHWORD_LOG_LEVEL",
        kind=a_choice("debug", "info", "warning", "error"),
        default="info",
        sentence="What is left out of the log; requests are logged at `info`.",
    ),
    Setting(
        field="token_expiration_seconds",
        variable="WATCHWORD_TOKEN_EXPIRATION",
        other="TOKEN_EXPIRATION",
        kind=a_number(60, 365 * _DAY_SECONDS),
        default=str(7 * _DAY_SECONDS),
        unit="seconds",
        sentence="Life of a session token.",
    ),
    Setting(
        field="session_absolute_seconds",
        variable="WATCHWORD_SESSION_ABSOLUTE_SECONDS",
        kind=a_number(60, 365 * _DAY_SECONDS),
        default=str(90 * _DAY_SECONDS),
        unit="seconds",
        sentence="Life of a session, however often its token is refreshed.",
    ),
    Setting(
        field="refresh_grace_seconds",
        variable="WATCHWORD_REFRESH_GRACE_SECONDS",
        kind=a_number(0, 300),
        default="30",
        unit="seconds",
        sentence="How long the session token before a refresh is still good, for requests in flight, and an OAuth refresh "
        "token may be repeated for the same answer.",
    ),
    Setting(
        field="password_threads",
        variable="WATCHWORD_PASSWORD_THREADS",
        kind=a_number(0, 64),
        default="0",
        sentence="Threads that hash passwords in each worker; 0 is one for each core.",
    ),
    Setting(
        field="password_queue_max",
        variable="WATCHWORD_PASSWORD_QUEUE",
        kind=a_number(1, 10_000),
        default="64",
        sentence="Passwords that may wait to be hashed in each worker; more are answered 503.",
    ),
    Setting(
        field="body_bytes_max",
        variable="WATCHWORD_BODY_BYTES_MAX",
        kind=a_number(1_024, 64 * 1024 * 1024),
        default=str(1024 * 1024),
        unit="bytes",
        sentence="Longest request body; a longer one is answered 413.",
    ),
    Setting(
        field="header_timeout_seconds",
        variable="WATCHWORD_HEADER_TIMEOUT_SECONDS",
        kind=a_number(1, 120),
        default="10",
        unit="seconds",
        sentence="How long a client may take to send a request's headers.",
    ),
    Setting(
        field="body_timeout_seconds",
        variable="WATCHWORD_BODY_TIMEOUT_SECONDS",
        kind=a_number(1, 120),
        default="10",
        unit="seconds",
        sentence="How long a request body may stand still.",
    ),
    Setting(
        field="keep_alive_seconds",
        variable="WATCHWORD_KEEP_ALIVE_SECONDS",
        kind=a_number(1, 3_600),
        default="75",
        unit="seconds",
        sentence="How long an idle connection is kept.",
    ),
    Setting(
        field="connections_per_address",
        variable="WATCHWORD_CONNECTIONS_PER_ADDRESS",
        kind=a_number(1, 100_000),
        default="256",
        sentence="Connections that one client address may hold open in each worker.",
    ),
    Setting(
        field="backlog",
        variable="WATCHWORD_BACKLOG",
        kind=a_number(1, 65_535),
        default="2048",
        sentence="Connections that may wait to be accepted.",
    ),
    Setting(
        field="requests_per_minute_per_address",
        variable="WATCHWORD_REQUESTS_PER_MINUTE_PER_ADDRESS",
        kind=a_number(0, 1_000_000_000),
        default="30000",
        unit="requests a minute",
        sentence="Requests that one client address may send, whoever it is; 0 is no limit.",
    ),
    Setting(
        field="requests_per_minute_per_user",
        variable="WATCHWORD_REQUESTS_PER_MINUTE_PER_USER",
        kind=a_number(0, 1_000_000_000),
        default="0",
        unit="requests a minute",
        sentence="Requests that one user may send, in all sessions and through all clients, below the tenant's limit; 0 is no limit.",
    ),
    Setting(
        field="requests_per_minute_per_client",
        variable="WATCHWORD_REQUESTS_PER_MINUTE_PER_CLIENT",
        kind=a_number(0, 1_000_000_000),
        default="0",
        unit="requests a minute",
        sentence="Requests that one OAuth client may send for itself, to OAuth's endpoints too, below the tenant's limit; 0 is no limit.",
    ),
    Setting(
        field="logins_per_minute_per_address",
        variable="WATCHWORD_LOGINS_PER_MINUTE_PER_ADDRESS",
        kind=a_number(0, 1_000_000_000),
        default="60",
        unit="sign-ins a minute",
        sentence="Sign-ins that one client address may try before any lock-out looks at them; 0 is no limit.",
    ),
    Setting(
        field="token_requests_per_minute_per_address",
        variable="WATCHWORD_TOKEN_REQUESTS_PER_MINUTE_PER_ADDRESS",
        kind=a_number(0, 1_000_000_000),
        default="6000",
        unit="requests a minute",
        sentence="Requests that one client address may send to OAuth's token endpoint; 0 is no limit.",
    ),
    Setting(
        field="allowed_origins",
        variable="WATCHWORD_ALLOWED_ORIGINS",
        kind=an_origin_list(),
        default="",
        sentence="Web origins that may call the API for every tenant, beside those that a tenant or key lists.",
    ),
    Setting(
        field="fetch_networks",
        variable="WATCHWORD_FETCH_NETWORKS",
        kind=a_network_list(),
        default="",
        sentence="Networks of your own that documents may be fetched from and deliveries made to, though they are not on the public Internet: a client's `jwks_uri`, metadata document or logout address.",
    ),
    Setting(
        field="fetch_ca_file",
        variable="WATCHWORD_FETCH_CA_FILE",
        kind=a_path(),
        sentence="Certificate authorities in PEM that such addresses may show certificates of, beside the system's.",
    ),
    Setting(
        field="plans",
        variable="WATCHWORD_PLANS",
        kind=a_plan_table(),
        default="{}",
        sentence='Limits of plans as JSON, over the built-in ones: `{"free": {"requests_per_minute": 60, "requests_per_hour": null}}`.',
    ),
    Setting(
        field="smtp_url",
        variable="WATCHWORD_SMTP_URL",
        kind=a_url("smtp", "smtps"),
        sentence="Mail server, with user and password; letters go to `outbox/` in the data directory when unset.",
    ),
    Setting(
        field="mail_from",
        variable="WATCHWORD_MAIL_FROM",
        kind=an_email(),
        default="no-reply@localhost",
        sentence="Address that letters come from.",
    ),
)


def settings_page() -> str:
    """Write the table as the page of the documentation."""
    lines = [
        "# Settings",
        "",
        "Read once at start: the command line wins over the environment, the environment over `.env.local`, that over",
        "`.env`. An empty value counts as unset. A wrong one ends the start with a sentence that names the variable,",
        "the value and what is allowed; secrets are never shown. `watchword settings` prints this table,",
        "`watchword doctor` checks a configuration.",
        "",
        "| Setting | Default | Allowed | Meaning |",
        "|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_settings_row(setting) for setting in SETTINGS), ""])


def _settings_row(setting: Setting) -> str:
    name = f"`{setting.variable}`" + (f"<br>or `{setting.other}`" if setting.other else "")
    default = f"`{setting.default}`" if setting.default else "unset"
    secret = " Secret." if setting.is_secret else ""
    unit = f" In {setting.unit}." if setting.unit else ""
    return f"| {name} | {default} | {setting.kind.allowed} | {setting.sentence}{unit}{secret} |"
