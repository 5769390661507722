"""The settings: one table with every name, default, unit and bound, read once at start into a frozen value.

The command line wins over the environment, the environment over ``.env.local``, that over ``.env``, that over the
defaults. Whatever is wrong ends the start with one sentence; ``docs/settings.md`` lists the table.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from watchword.data_directory import MASTER_SECRET_NAME, keep_master_secret, make_private_directory
from watchword.errors import WatchwordError
from watchword.setting_kinds import Network, PlanLimits, Secret, is_loopback
from watchword.setting_table import MASTER_SECRET_CHARACTERS_MIN, SETTINGS, Setting

_PREFIX: Final = "WATCHWORD_"

_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound

CLIENT_NAMES: Final = frozenset(
    {
        "WATCHWORD_URL",
        "WATCHWORD_CA_FILE",
        "WATCHWORD_EMAIL",
        "WATCHWORD_PASSWORD",
        "WATCHWORD_CLIENT_KEY",
        "WATCHWORD_SECRET_KEY",
        "WATCHWORD_TEST_CLIENT_KEY",
        "WATCHWORD_TEST_SECRET_KEY",
        "WATCHWORD_PYTHON",
        "WATCHWORD_TENANT_ID",
        "WATCHWORD_OAUTH_CLIENT_ID",
        "WATCHWORD_OAUTH_CLIENT_SECRET",
    }
)
"""Names that ``demo.env`` gives to clients, and that tests go by: a shell that knows them can still start the server."""


class SettingError(WatchwordError):
    """A setting is unknown, wrong or unsafe; the message names the variable, the value and what is allowed."""

    name = "WrongSetting"
    code = "WRONG_SETTING"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator decided; see ``SETTINGS`` for each field's sentence."""

    data_directory: Path
    host: str
    port: int
    http_port: int | None
    tls: Literal["auto", "on", "off"]
    tls_certificate: Path | None
    tls_key: Path | None
    behind_proxy: tuple[Network, ...]
    public_url: str | None
    pages_url: str | None
    default_tenant: str | None
    issuer: str | None
    signing_key_days: int
    database_url: Secret | None
    database_connections: int
    scan_deadline_ms: int
    secret: Secret | None
    secret_file: Path | None
    workers: int
    fast_lane: bool
    log_format: Literal["console", "json"]
    log_level: Literal["debug", "info", "warning", "error"]
    token_expiration_seconds: int
    session_absolute_seconds: int
    refresh_grace_seconds: int
    password_threads: int
    password_queue_max: int
    body_bytes_max: int
    header_timeout_seconds: int
    body_timeout_seconds: int
    keep_alive_seconds: int
    connections_per_address: int
    backlog: int
    requests_per_minute_per_address: int
    requests_per_minute_per_user: int
    requests_per_minute_per_client: int
    logins_per_minute_per_address: int
    token_requests_per_minute_per_address: int
    allowed_origins: tuple[str, ...]
    fetch_networks: tuple[Network, ...]
    fetch_ca_file: Path | None
    plans: Mapping[str, PlanLimits]
    smtp_url: Secret | None
    mail_from: str

    @property
    def is_tls_on(self) -> bool:
        """Say whether the main listener speaks TLS: by default it does, unless a trusted proxy does it instead."""
        if self.tls == "auto":
            return self.tls_certificate is not None or not self.behind_proxy
        return self.tls == "on"

    @property
    def url(self) -> str:
        """Where clients reach the server: the public URL, else the address listened on."""
        return self.public_url or self.listening_url

    @property
    def listening_url(self) -> str:
        """The address listened on, as this machine calls it."""
        host = self.host.removeprefix("[").removesuffix("]")
        host = _EVERY_ADDRESS.get(host, host)
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.is_tls_on else 'http'}://{shown}:{self.port}"

    @property
    def token_issuer(self) -> str:
        """The ``iss`` of session tokens: the issuer, else the public URL, else the product's name."""
        return self.issuer or self.public_url or "watchword"


def load_settings(environ: Mapping[str, str], directory: Path, overrides: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this start.

    ``directory`` is where ``.env`` and ``.env.local`` are looked for; ``overrides`` are the command line's, under the
    names of the environment. An empty text counts as unset.

    Raises:
        SettingError: a name is unknown, a value wrong, or a combination unsafe.
    """
    return settings_from_texts(gather_texts(environ, directory, overrides))


def gather_texts(
    environ: Mapping[str, str], directory: Path, overrides: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Collect the text of each setting that is given, by the name it was given under; no value is looked at yet.

    Raises:
        SettingError: a ``WATCHWORD_`` name is unknown, or a file cannot be read.
    """
    texts: dict[str, str] = {}
    for source in (_read_env_file(directory / ".env"), _read_env_file(directory / ".env.local"), environ):
        _require_known_names(source)
        _lay_over(texts, {name: text for name, text in source.items() if text})
    _lay_over(texts, overrides or {})
    return texts


def settings_from_texts(texts: Mapping[str, str]) -> Settings:
    """Make the settings of texts by variable or other name, and check them one by one and together.

    Raises:
        SettingError: a value is wrong, or a combination unsafe.
    """
    values: dict[str, Any] = {setting.field: _read(setting, texts) for setting in SETTINGS}
    values["password_threads"] = values["password_threads"] or os.cpu_count() or 1
    settings = Settings(**values)
    _require_pairs(settings)
    _require_lifetimes(settings, texts)
    _require_safe_listener(settings)
    return settings


def open_data_directory(settings: Settings) -> None:
    """Make the data directory, unless it is there, for its owner only.

    Raises:
        SettingError: it cannot be made, is no directory, or cannot be written to.
    """
    path, cause = settings.data_directory, ""
    try:
        make_private_directory(path)
        if path.is_dir() and os.access(path, os.W_OK | os.X_OK):
            return
    except OSError as error:
        cause = str(error)
    raise SettingError(f'WATCHWORD_DATA is "{path}"; it must be a directory that can be written to.', cause=cause)


def open_master_secret(settings: Settings) -> Secret:
    """Return the secret that signing keys are sealed under; on the first start without one, make it.

    Raises:
        SettingError: the file that holds it cannot be read or holds too little.
    """
    if settings.secret is not None:
        return settings.secret
    if settings.secret_file is None:
        named = f'WATCHWORD_DATA is "{settings.data_directory}"; the file {MASTER_SECRET_NAME} in it'
    else:
        named = f'WATCHWORD_SECRET_FILE is "{settings.secret_file}"; it'
    try:
        if settings.secret_file is None:
            text = keep_master_secret(settings.data_directory)
        else:
            text = settings.secret_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{named} must be a readable text file.", cause=str(error)) from None
    if len(text) < MASTER_SECRET_CHARACTERS_MIN:
        raise SettingError(f"{named} must hold at least {MASTER_SECRET_CHARACTERS_MIN} characters.")
    return Secret(text)


def _lay_over(texts: dict[str, str], source: Mapping[str, str]) -> None:
    """Take over what a nearer source gives; whatever name a farther one used for it is forgotten."""
    for setting in SETTINGS:
        given = [name for name in setting.names if name in source]
        if given:
            for name in setting.names:
                texts.pop(name, None)
            texts[given[0]] = source[given[0]]


def _name_used(setting: Setting, texts: Mapping[str, str]) -> str:
    """Return the name under which the operator gave a setting; refusals name that one."""
    return next((name for name in setting.names if name in texts), setting.variable)


def _read(setting: Setting, texts: Mapping[str, str]) -> object:
    name = _name_used(setting, texts)
    chosen = texts.get(name) or setting.default
    if chosen is None:
        return None
    try:
        return setting.kind.read(chosen)
    except ValueError:
        shown = "has a value that is not shown here" if setting.is_secret else f'is "{_shortened(chosen)}"'
        raise SettingError(f"{name} {shown}; it must be {setting.kind.allowed}.") from None


def _shortened(text: str) -> str:
    longest_shown = 100
    return text if len(text) <= longest_shown else f"{text[:longest_shown]}…"


def _require_known_names(names: Iterable[str]) -> None:
    known = {setting.variable for setting in SETTINGS}
    for name in sorted(names):
        if not name.startswith(_PREFIX) or name in known or name in CLIENT_NAMES:
            continue
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)
        raise SettingError(f"{name} is not a setting; the nearest is {nearest[0]}.")


def _require_pairs(settings: Settings) -> None:
    if settings.tls_certificate is not None and settings.tls_key is None:
        raise SettingError(
            f'WATCHWORD_TLS_CERT is "{settings.tls_certificate}" and WATCHWORD_TLS_KEY is not set; give both or neither.'
        )
    if settings.tls_key is not None and settings.tls_certificate is None:
        raise SettingError(
            f'WATCHWORD_TLS_KEY is "{settings.tls_key}" and WATCHWORD_TLS_CERT is not set; give both or neither.'
        )
    if settings.tls == "off" and settings.tls_certificate is not None:
        raise SettingError(
            'WATCHWORD_TLS is "off" and WATCHWORD_TLS_CERT is set; give no certificate, or leave TLS on.'
        )
    if settings.secret is not None and settings.secret_file is not None:
        raise SettingError("WATCHWORD_SECRET and WATCHWORD_SECRET_FILE are both set; give one of them.")


def _require_lifetimes(settings: Settings, texts: Mapping[str, str]) -> None:
    if settings.token_expiration_seconds > settings.session_absolute_seconds:
        [setting] = [setting for setting in SETTINGS if setting.field == "token_expiration_seconds"]
        raise SettingError(
            f'{_name_used(setting, texts)} is "{settings.token_expiration_seconds}"; '
            "it must be at most WATCHWORD_SESSION_ABSOLUTE_SECONDS, "
            f"which is {settings.session_absolute_seconds}."
        )


def _require_safe_listener(settings: Settings) -> None:
    if settings.is_tls_on or settings.behind_proxy or is_loopback(settings.host):
        return
    raise SettingError(
        f'WATCHWORD_HOST is "{settings.host}" and WATCHWORD_TLS is "off": passwords and keys would cross the network '
        "in the clear; it must be a loopback address, or TLS on, or WATCHWORD_BEHIND_PROXY the network of a proxy "
        "that speaks TLS."
    )


def _read_env_file(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines: comments, blank lines, ``export`` and matching quotes are understood."""
    try:
        # Some editors begin a file with the mark of its encoding: it is no part of the first name.
        lines = path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"{path} cannot be read; it must be a readable text file in UTF-8.", cause=str(error)
        ) from None
    pairs = {}
    for number, line in enumerate(lines, 1):
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and not name.startswith("#"):
            pairs[name.strip()] = _unquoted(value.strip())
        elif name.startswith(_PREFIX):
            # The line is not shown: what should have stood behind the sign may be a secret.
            raise SettingError(f"{path} holds no setting in line {number}; it must be NAME=value.")
    return pairs


def _unquoted(value: str) -> str:
    for quote in ("'", '"'):
        if value.startswith(quote):
            inside, separator, _ = value[1:].partition(quote)
            return inside if separator else value
    return value.partition(" #")[0].rstrip()
