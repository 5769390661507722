"""The development certificates: what they are for, how long they live, who accepts them."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from support import START_MS
from watchword.wire.certificate import proves_itself
from watchword.wire.certificate_files import AUTHORITY_KEY_NAME, AUTHORITY_NAME, OWN_NAMES, SERVER_NAME
from watchword.wire.tls import certificate_expiry_ms, ensure_development_certificate

DAY_MS = 86_400_000


def now_ms() -> int:
    """Verification below runs against the real clock."""
    return int(dt.datetime.now(dt.UTC).timestamp() * 1000)


def shake_hands(directory: Path, name: str, *, authority: Path | None = None) -> str | None:
    """Connect with the certificate of the directory as ``name``; return the version agreed on."""
    files = ensure_development_certificate(directory, (), now_ms())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=str(authority or directory / AUTHORITY_NAME))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    near, far = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(far, server_side=True).close()
        except OSError:
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(near, server_hostname=name) as wrapped:
            return wrapped.version()
    finally:
        near.close()
        thread.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_own_names_verify(tmp_path: Path, name: str) -> None:
    """A client that trusts the authority, and checks strictly as RFC 5280 asks, accepts each of the machine's names."""
    assert shake_hands(tmp_path, name) == "TLSv1.3"


@pytest.mark.parametrize("name", ["example.com", "127.0.0.2", "localhost.example.com"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    """The certificate is for this machine's names and no other."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"[Mm]ismatch"):
        shake_hands(tmp_path, name)


def test_stranger_refuses(tmp_path: Path) -> None:
    """A client that trusts another installation's authority refuses this one's certificate."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ensure_development_certificate(tmp_path / "b", (), now_ms())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path / "a", "localhost", authority=tmp_path / "b" / AUTHORITY_NAME)


def test_files_are_private(tmp_path: Path) -> None:
    """All three files are closed to everyone but their owner, and the authority's key is not in what is handed out."""
    ensure_development_certificate(tmp_path, (), START_MS)
    assert {path.name for path in tmp_path.iterdir()} == {AUTHORITY_NAME, AUTHORITY_KEY_NAME, SERVER_NAME}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert b"PRIVATE" not in (tmp_path / AUTHORITY_NAME).read_bytes()


def test_second_start_changes_nothing(tmp_path: Path) -> None:
    """While the certificates are good, a start finds them and leaves every byte as it is."""
    ensure_development_certificate(tmp_path, (), START_MS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ensure_development_certificate(tmp_path, (), START_MS + 300 * DAY_MS)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("days", "renewed"), [(336, False), (337, True), (-1, True)])
def test_renewed_near_the_end(tmp_path: Path, days: int, *, renewed: bool) -> None:
    """With 60 days or less to go, or before its time, the certificate is made anew by the same authority."""
    ensure_development_certificate(tmp_path, (), START_MS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ensure_development_certificate(tmp_path, (), START_MS + days * DAY_MS)
    assert ((tmp_path / SERVER_NAME).read_bytes() != before[SERVER_NAME]) is renewed
    if days > 0:
        assert (tmp_path / AUTHORITY_NAME).read_bytes() == before[AUTHORITY_NAME]


def test_never_outlives_the_authority(tmp_path: Path) -> None:
    """A certificate made late in the authority's life ends no later than the authority."""
    ensure_development_certificate(tmp_path, (), START_MS)
    ensure_development_certificate(tmp_path, (), START_MS + 3500 * DAY_MS)
    assert certificate_expiry_ms(tmp_path / SERVER_NAME) <= certificate_expiry_ms(tmp_path / AUTHORITY_NAME)


def test_authority_is_replaced_at_its_end(tmp_path: Path) -> None:
    """An authority near its end is replaced together with its certificate."""
    ensure_development_certificate(tmp_path, (), START_MS)
    before = (tmp_path / AUTHORITY_NAME).read_bytes()
    ensure_development_certificate(tmp_path, (), START_MS + 3600 * DAY_MS)
    assert (tmp_path / AUTHORITY_NAME).read_bytes() != before
    assert certificate_expiry_ms(tmp_path / SERVER_NAME) > START_MS + 3900 * DAY_MS


@pytest.mark.parametrize("broken", [b"", b"no pem", b"-----BEGIN CERTIFICATE-----\n"])
@pytest.mark.parametrize("name", [SERVER_NAME, AUTHORITY_KEY_NAME, AUTHORITY_NAME])
def test_broken_files_are_mended(tmp_path: Path, name: str, broken: bytes) -> None:
    """Whichever file was cut or overwritten, the next start has a certificate that clients accept."""
    ensure_development_certificate(tmp_path, (), now_ms())
    (tmp_path / name).write_bytes(broken)
    assert shake_hands(tmp_path, "localhost") == "TLSv1.3"


def test_authority_is_constrained(tmp_path: Path) -> None:
    """Whoever trusts the authority trusts it for this machine's names only, and for no further authority."""
    ensure_development_certificate(tmp_path, ("build.internal",), START_MS)
    authority = x509.load_pem_x509_certificate((tmp_path / AUTHORITY_NAME).read_bytes())
    extensions = authority.extensions
    constraints = extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert {str(name.value) for name in constraints.value.permitted_subtrees or ()} == {
        "localhost",
        "127.0.0.1/32",
        "::1/128",
        "build.internal",
    }
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, True, False)


def test_further_names(tmp_path: Path) -> None:
    """A name given later gets a certificate, from a new authority where the old one may not vouch for it."""
    ensure_development_certificate(tmp_path, (), START_MS)
    first = (tmp_path / AUTHORITY_NAME).read_bytes()
    ensure_development_certificate(tmp_path, ("10.1.2.3",), START_MS)
    second = (tmp_path / AUTHORITY_NAME).read_bytes()
    ensure_development_certificate(tmp_path, (), START_MS)
    assert second != first
    assert (tmp_path / AUTHORITY_NAME).read_bytes() == second
    leaf = x509.load_pem_x509_certificate(
        (tmp_path / SERVER_NAME).read_bytes().partition(b"-----END PRIVATE KEY-----\n")[2]
    )
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "10.1.2.3" in {str(address) for address in names.get_values_for_type(x509.IPAddress)}


def test_first_starts_that_race(tmp_path: Path) -> None:
    """Processes that start together on an empty directory end with one authority and a certificate it vouches for."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ensure_development_certificate(tmp_path, (), now_ms()), range(8)))
    assert shake_hands(tmp_path, "localhost") == "TLSv1.3"
    assert {path.name for path in tmp_path.iterdir()} == {AUTHORITY_NAME, AUTHORITY_KEY_NAME, SERVER_NAME}


def test_expiry_of_no_certificate(tmp_path: Path) -> None:
    """A file without a certificate has no end."""
    (tmp_path / "x").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="PEM"):
        certificate_expiry_ms(tmp_path / "x")


def test_good_certificate_proves_itself(tmp_path: Path) -> None:
    """A certificate that clients accept for all wanted names, and for some time yet, is recognised without its maker."""
    ensure_development_certificate(tmp_path, ("build.internal",), now_ms())
    assert proves_itself(tmp_path, OWN_NAMES, now_ms())
    assert proves_itself(tmp_path, (*OWN_NAMES, "build.internal"), now_ms())
    assert proves_itself(tmp_path, OWN_NAMES, now_ms() + 336 * DAY_MS)


def test_other_certificates_do_not(tmp_path: Path) -> None:
    """A name more, an end that is near, or a file that is cut, gone or another's sends the start to the maker."""
    assert not proves_itself(tmp_path, OWN_NAMES, now_ms())
    ensure_development_certificate(tmp_path, (), now_ms())
    assert not proves_itself(tmp_path, (*OWN_NAMES, "10.1.2.3"), now_ms())
    assert not proves_itself(tmp_path, OWN_NAMES, now_ms() + 337 * DAY_MS)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    other = tmp_path / "other"
    other.mkdir()
    ensure_development_certificate(other, (), now_ms())
    for path, content in kept.items():
        for broken in (b"", content[:200], (other / path.name).read_bytes()):
            if path.name == AUTHORITY_KEY_NAME:
                continue
            path.write_bytes(broken)
            assert not proves_itself(tmp_path, OWN_NAMES, now_ms())
        path.unlink()
        assert not proves_itself(tmp_path, OWN_NAMES, now_ms())
        path.write_bytes(content)
    assert proves_itself(tmp_path, OWN_NAMES, now_ms())
