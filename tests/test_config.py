"""Settings: where they come from, what is refused and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.config import SettingError, Settings, load_settings, open_master_secret
from watchword.setting_kinds import PlanLimits, Secret
from watchword.setting_table import SETTINGS


def refusal(directory: Path, **environ: str) -> str:
    with pytest.raises(SettingError) as caught:
        load_settings(environ, directory)
    return caught.value.message


def test_defaults(tmp_path: Path) -> None:
    """Without any setting the server listens with TLS on loopback and keeps what it makes in one directory."""
    settings = load_settings({}, tmp_path)
    assert (settings.host, settings.port, settings.http_port) == ("127.0.0.1", 8443, None)
    assert settings.is_tls_on
    assert settings.data_directory == Path("watchword-data")
    assert settings.token_expiration_seconds == 604_800
    assert settings.session_absolute_seconds == 90 * 86_400
    assert settings.plans["free"] == PlanLimits(600, 10_000)
    assert settings.plans["enterprise"] == PlanLimits(None, None)
    assert settings.token_issuer == "watchword"


def test_table_matches_settings() -> None:
    """Every field of the settings has one line of the table, and every line a field."""
    assert sorted(setting.field for setting in SETTINGS) == sorted(Settings.__struct_fields__)
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)


def test_order_of_sources(tmp_path: Path) -> None:
    """The command line wins over the environment, that over .env.local, that over .env."""
    (tmp_path / ".env").write_text("WATCHWORD_PORT=1\nWATCHWORD_WORKERS=2\nWATCHWORD_BACKLOG=3\nWATCHWORD_HOST=::1\n")
    (tmp_path / ".env.local").write_text("WATCHWORD_PORT=4\nWATCHWORD_WORKERS=5\nWATCHWORD_BACKLOG=6\n")
    settings = load_settings({"WATCHWORD_PORT": "7", "WATCHWORD_WORKERS": "8"}, tmp_path, {"WATCHWORD_PORT": "9"})
    assert (settings.port, settings.workers, settings.backlog, settings.host) == (9, 8, 6, "::1")


def test_empty_is_unset(tmp_path: Path) -> None:
    """An empty variable, as container tools pass on, leaves the default and hides nothing below it."""
    (tmp_path / ".env").write_text("WATCHWORD_WORKERS=2\n")
    settings = load_settings({"WATCHWORD_PORT": "", "WATCHWORD_WORKERS": ""}, tmp_path)
    assert (settings.port, settings.workers) == (8443, 2)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("WATCHWORD_ISSUER=a@b.example", "a@b.example"),
        ("export WATCHWORD_ISSUER=a@c", "a@c"),
        ("  WATCHWORD_ISSUER = a@c  # why", "a@c"),
        ("WATCHWORD_ISSUER='a # b'", "a # b"),
        ('WATCHWORD_ISSUER="a # b" # c', "a # b"),
        ('WATCHWORD_ISSUER="abc', '"abc'),
        ("WATCHWORD_ISSUER=a=b", "a=b"),
        ("# WATCHWORD_ISSUER=a@c", None),
        ("OTHER=1", None),
        ("no assignment", None),
    ],
)
def test_env_file_lines(tmp_path: Path, line: str, value: str | None) -> None:
    """The lines of .env are read as shells and other tools read them."""
    (tmp_path / ".env").write_text(line + "\n")
    assert load_settings({}, tmp_path).issuer == value


def test_env_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    """The mark that some editors put at a file's beginning is no part of its first name."""
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfWATCHWORD_PORT=1\r\n")
    assert load_settings({}, tmp_path).port == 1


@pytest.mark.parametrize("line", ["WATCHWORD_SECRET hunter2", "export WATCHWORD_SECRET: hunter2", "WATCHWORD_SECRET"])
def test_a_setting_without_its_sign_is_refused(tmp_path: Path, line: str) -> None:
    """A line that names a setting and gives it nothing is no silent default; it is named by its number alone."""
    (tmp_path / ".env").write_text(f"# first\n{line}\n")
    assert refusal(tmp_path) == f"{tmp_path / '.env'} holds no setting in line 2; it must be NAME=value."


def test_names_known_elsewhere(tmp_path: Path) -> None:
    """TOKEN_EXPIRATION and DATABASE_URL work under those names; the product's own spelling wins."""
    settings = load_settings({"TOKEN_EXPIRATION": "3600", "DATABASE_URL": "postgresql://h/d"}, tmp_path)
    assert settings.token_expiration_seconds == 3600
    assert settings.database_url == Secret("postgresql://h/d")
    both = load_settings({"TOKEN_EXPIRATION": "3600", "WATCHWORD_TOKEN_EXPIRATION": "7200"}, tmp_path)
    assert both.token_expiration_seconds == 7200


def test_other_name_in_a_nearer_source_wins(tmp_path: Path) -> None:
    """A nearer source wins under either name: the environment's TOKEN_EXPIRATION over the file's own spelling."""
    (tmp_path / ".env").write_text("WATCHWORD_TOKEN_EXPIRATION=7200\n")
    assert load_settings({"TOKEN_EXPIRATION": "3600"}, tmp_path).token_expiration_seconds == 3600


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"TOKEN_EXPIRATION": "7d"}, 'TOKEN_EXPIRATION is "7d"; it must be a whole number from 60 to 31536000.'),
        (
            {"TOKEN_EXPIRATION": "9000000"},
            'TOKEN_EXPIRATION is "9000000"; it must be at most WATCHWORD_SESSION_ABSOLUTE_SECONDS, which is 7776000.',
        ),
        (
            {"DATABASE_URL": "mysql://u:hunter2@h/d"},
            (
                "DATABASE_URL has a value that is not shown here; "
                "it must be a URL that begins with postgresql:// or postgres:// and names a host."
            ),
        ),
        (
            {"TOKEN_EXPIRATION": "3600", "WATCHWORD_TOKEN_EXPIRATION": "7d"},
            'WATCHWORD_TOKEN_EXPIRATION is "7d"; it must be a whole number from 60 to 31536000.',
        ),
    ],
)
def test_a_wrong_value_is_named_as_it_was_given(tmp_path: Path, given: dict[str, str], sentence: str) -> None:
    """A refusal names the variable that the operator set, whichever of its names that is."""
    (tmp_path / ".env").write_text("WATCHWORD_TOKEN_EXPIRATION=7200\n")
    assert refusal(tmp_path, **given) == sentence


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://127.0.0.1:8443"),
        ({"WATCHWORD_HOST": "0.0.0.0", "WATCHWORD_PORT": "443"}, "https://127.0.0.1:443"),
        ({"WATCHWORD_HOST": "::"}, "https://[::1]:8443"),
        ({"WATCHWORD_TLS": "off"}, "http://127.0.0.1:8443"),
        ({"WATCHWORD_BEHIND_PROXY": "10.0.0.0/8"}, "http://127.0.0.1:8443"),
        (
            {"WATCHWORD_BEHIND_PROXY": "10.0.0.0/8", "WATCHWORD_PUBLIC_URL": "https://api.example.com"},
            "https://api.example.com",
        ),
    ],
)
def test_url_is_how_clients_reach_the_server(tmp_path: Path, given: dict[str, str], url: str) -> None:
    """The public URL wins; without one it is the address listened on, as this machine calls it."""
    assert load_settings(given, tmp_path).url == url


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://App.example.com", "https://app.example.com"),
        ("https://app.example.com/my/Account/", "https://app.example.com/my/Account"),
        ("http://localhost:3000/", "http://localhost:3000"),
    ],
)
def test_pages_may_have_a_path(tmp_path: Path, text: str, kept: str) -> None:
    """The site with the pages is kept with its path and without a slash at the end."""
    assert load_settings({"WATCHWORD_PAGES_URL": text}, tmp_path).pages_url == kept


def test_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    """An unknown WATCHWORD_ name is refused with the nearest right one, wherever it stands."""
    sentence = "WATCHWORD_PROT is not a setting; the nearest is WATCHWORD_PORT."
    assert refusal(tmp_path, WATCHWORD_PROT="1") == sentence
    (tmp_path / ".env").write_text("WATCHWORD_WORKER=2\n")
    assert refusal(tmp_path) == "WATCHWORD_WORKER is not a setting; the nearest is WATCHWORD_WORKERS."


def test_client_names_are_no_mistake(tmp_path: Path) -> None:
    """A shell that has read demo.env can start the server."""
    assert load_settings({"WATCHWORD_URL": "https://127.0.0.1:8443", "WATCHWORD_EMAIL": "a@b"}, tmp_path).port == 8443


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("WATCHWORD_PORT", "80x", "a whole number from 0 to 65535"),
        ("WATCHWORD_PORT", "65536", "a whole number from 0 to 65535"),
        ("WATCHWORD_PORT", "-1", "a whole number from 0 to 65535"),
        ("WATCHWORD_PORT", "٣", "a whole number from 0 to 65535"),
        ("WATCHWORD_WORKERS", "0", "a whole number from 1 to 64"),
        ("WATCHWORD_WORKERS", "1.5", "a whole number from 1 to 64"),
        ("WATCHWORD_LOG_FORMAT", "xml", "console or json"),
        ("WATCHWORD_LOG_LEVEL", "INFO", "debug, info, warning or error"),
        ("WATCHWORD_TLS", "maybe", "auto, on or off"),
        ("WATCHWORD_FAST_LANE", "fast", "on or off"),
        ("WATCHWORD_TOKEN_EXPIRATION", "59", "a whole number from 60 to 31536000"),
        ("WATCHWORD_BEHIND_PROXY", "10.0.0.1/8", "IP networks like 10.0.0.0/8 with commas between them"),
        ("WATCHWORD_BEHIND_PROXY", "proxy", "IP networks like 10.0.0.0/8 with commas between them"),
        ("WATCHWORD_PUBLIC_URL", "api.example.com", "an https:// URL without path (http:// only for a loopback address)"),
        ("WATCHWORD_PUBLIC_URL", "http://a.example", "an https:// URL without path (http:// only for a loopback address)"),
        ("WATCHWORD_PUBLIC_URL", "https://a.example/x", "an https:// URL without path (http:// only for a loopback address)"),
        ("WATCHWORD_PUBLIC_URL", "https://a.example:x", "an https:// URL without path (http:// only for a loopback address)"),
        ("WATCHWORD_PUBLIC_URL", "https://u:p@a.example", "an https:// URL without path (http:// only for a loopback address)"),
        ("WATCHWORD_PAGES_URL", "http://a.example/x", "an https:// URL without query (http:// only for a loopback address)"),
        ("WATCHWORD_PAGES_URL", "https://a.example/x?y=1", "an https:// URL without query (http:// only for a loopback address)"),
        ("WATCHWORD_PAGES_URL", "https://a.example/#x", "an https:// URL without query (http:// only for a loopback address)"),
        ("WATCHWORD_PAGES_URL", "https://u:p@a.example", "an https:// URL without query (http:// only for a loopback address)"),
        ("WATCHWORD_ALLOWED_ORIGINS", "https://a.example,*", "https:// origins with commas between them (http:// only for loopback addresses)"),
        ("WATCHWORD_MAIL_FROM", "a@b\nBcc: c", "an e-mail address"),
        ("WATCHWORD_MAIL_FROM", "Ann <a@b.example>", "an e-mail address"),
        ("WATCHWORD_MAIL_FROM", "a@b@c", "an e-mail address"),
        ("WATCHWORD_MAIL_FROM", "a", "an e-mail address"),
        ("WATCHWORD_ISSUER", "a\x07", "1 to 200 printable characters"),
        ("WATCHWORD_PLANS", "{", "a JSON object of plans, each with requests_per_minute and requests_per_hour, numbers over 0 or null"),
        ("WATCHWORD_PLANS", '{"free": {"requests_per_minute": 0, "requests_per_hour": null}}', "a JSON object of plans, each with requests_per_minute and requests_per_hour, numbers over 0 or null"),
        ("WATCHWORD_DATA", "a\0b", "a path"),
    ],
)  # fmt: skip
def test_wrong_value(tmp_path: Path, variable: str, value: str, allowed: str) -> None:
    """A wrong value ends the start with one sentence: the variable, the value, what is allowed."""
    assert refusal(tmp_path, **{variable: value}) == f'{variable} is "{value}"; it must be {allowed}.'


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WATCHWORD_SECRET", "hunter2-too-short"),
        ("WATCHWORD_DATABASE_URL", "mysql://root:hunter2@h/d"),
        ("WATCHWORD_DATABASE_URL", "hunter2"),
        ("WATCHWORD_SMTP_URL", "http://u:hunter2@h"),
        ("DATABASE_URL", "postgresql://u:hunter2@h:port/d"),
    ],
)
def test_wrong_secret_is_not_shown(tmp_path: Path, variable: str, value: str) -> None:
    """A secret setting is refused without showing its value."""
    sentence = refusal(tmp_path, **{variable: value})
    assert "hunter2" not in sentence
    assert "not shown" in sentence
    assert variable in sentence


def test_secrets_have_no_repr(tmp_path: Path) -> None:
    """No secret setting stands in the settings' text form, nor in the secret's."""
    settings = load_settings(
        {
            "WATCHWORD_SECRET": "hunter2" * 5,
            "DATABASE_URL": "postgresql://u:hunter2@h/d",
            "WATCHWORD_SMTP_URL": "smtps://u:hunter2@h",
        },
        tmp_path,
    )
    assert "hunter2" not in f"{settings!r} {settings} {settings.secret} {settings.secret!r}"
    assert settings.secret is not None
    assert settings.secret.reveal() == "hunter2" * 5
    assert len({settings.secret, Secret("hunter2" * 5)}) == 1


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"WATCHWORD_TLS_CERT": "c.pem"}, "WATCHWORD_TLS_KEY is not set"),
        ({"WATCHWORD_TLS_KEY": "k.pem"}, "WATCHWORD_TLS_CERT is not set"),
        ({"WATCHWORD_TLS": "off", "WATCHWORD_TLS_CERT": "c", "WATCHWORD_TLS_KEY": "k"}, 'WATCHWORD_TLS is "off"'),
        ({"WATCHWORD_SECRET": "x" * 32, "WATCHWORD_SECRET_FILE": "s"}, "are both set"),
        (
            {"TOKEN_EXPIRATION": "7200", "WATCHWORD_SESSION_ABSOLUTE_SECONDS": "3600"},
            'TOKEN_EXPIRATION is "7200"; it must be at most WATCHWORD_SESSION_ABSOLUTE_SECONDS, which is 3600.',
        ),
    ],
)
def test_combinations_refused(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    """Settings that contradict each other are refused by name."""
    assert words in refusal(tmp_path, **environ)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "api.example.com"])
def test_plain_http_leaves_the_machine_never(tmp_path: Path, host: str) -> None:
    """Without TLS and without a trusted proxy the server refuses to listen beyond loopback, and says why."""
    sentence = refusal(tmp_path, WATCHWORD_HOST=host, WATCHWORD_TLS="off")
    assert sentence.startswith(f'WATCHWORD_HOST is "{host}" and WATCHWORD_TLS is "off": passwords and keys would')


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_plain_http_on_loopback(tmp_path: Path, host: str) -> None:
    """On loopback TLS may be off."""
    assert not load_settings({"WATCHWORD_HOST": host, "WATCHWORD_TLS": "off"}, tmp_path).is_tls_on


def test_behind_a_proxy(tmp_path: Path) -> None:
    """Behind a trusted proxy the server speaks plain HTTP anywhere, and TLS when it has a certificate or is told to."""
    behind = {"WATCHWORD_HOST": "0.0.0.0", "WATCHWORD_BEHIND_PROXY": "10.0.0.0/8, ::1"}
    settings = load_settings(behind, tmp_path)
    assert not settings.is_tls_on
    assert [str(network) for network in settings.behind_proxy] == ["10.0.0.0/8", "::1/128"]
    assert load_settings({**behind, "WATCHWORD_TLS": "on"}, tmp_path).is_tls_on
    assert load_settings({**behind, "WATCHWORD_TLS_CERT": "c", "WATCHWORD_TLS_KEY": "k"}, tmp_path).is_tls_on


def test_origins_and_plans(tmp_path: Path) -> None:
    """Origins are kept in their canonical form; a plan named in the settings replaces that plan alone."""
    settings = load_settings(
        {
            "WATCHWORD_PUBLIC_URL": "https://API.example.com/",
            "WATCHWORD_ALLOWED_ORIGINS": "https://a.example, http://localhost:3000",
            "WATCHWORD_PLANS": '{"free": {"requests_per_minute": 60, "requests_per_hour": null}}',
        },
        tmp_path,
    )
    assert settings.public_url == settings.token_issuer == "https://api.example.com"
    assert settings.allowed_origins == ("https://a.example", "http://localhost:3000")
    assert settings.plans["free"] == PlanLimits(60, None)
    assert settings.plans["pro"] == PlanLimits(6_000, 200_000)


def test_unreadable_env_file(tmp_path: Path) -> None:
    """A .env that is no text is refused by its name."""
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    assert refusal(tmp_path) == f"{tmp_path / '.env'} cannot be read; it must be a readable text file in UTF-8."


def test_long_value_is_cut(tmp_path: Path) -> None:
    """A wrong value that is very long is cut in the sentence."""
    assert len(refusal(tmp_path, WATCHWORD_PORT="9" * 10_000)) < 250


def test_master_secret_sources(tmp_path: Path) -> None:
    """The master secret is the setting's, else the named file's, else one made once and kept."""
    data = {"WATCHWORD_DATA": str(tmp_path)}
    made = open_master_secret(load_settings(data, tmp_path))
    assert made == open_master_secret(load_settings(data, tmp_path))
    assert len(made.reveal()) >= 43
    given = load_settings({**data, "WATCHWORD_SECRET": "s" * 32}, tmp_path)
    assert open_master_secret(given).reveal() == "s" * 32
    (tmp_path / "file").write_text("f" * 40 + "\n")
    named = load_settings({**data, "WATCHWORD_SECRET_FILE": str(tmp_path / "file")}, tmp_path)
    assert open_master_secret(named).reveal() == "f" * 40


@pytest.mark.parametrize(("content", "words"), [(None, "a readable text file"), ("short", "at least 32 characters")])
def test_master_secret_file_refused(tmp_path: Path, content: str | None, words: str) -> None:
    """A secret file that is missing or holds too little ends the start by its name, without its content."""
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content)
    settings = load_settings({"WATCHWORD_SECRET_FILE": str(path)}, tmp_path)
    with pytest.raises(SettingError, match=words) as caught:
        open_master_secret(settings)
    assert "short" not in caught.value.message


@pytest.mark.parametrize(("content", "words"), [(b"\xff" * 40, "a readable text file"), (b"short", "at least 32 char")])
def test_own_master_secret_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """A spoiled secret in the data directory ends the start by its place, without its content."""
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SettingError, match=words) as caught:
        open_master_secret(load_settings({"WATCHWORD_DATA": str(tmp_path)}, tmp_path))
    assert caught.value.message.startswith(f'WATCHWORD_DATA is "{tmp_path}"; the file secret in it must')
    assert "short" not in caught.value.message
