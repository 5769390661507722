"""The guarantees of ``wire/fetcher.py`` and ``public_address.py``: what strangers' addresses can make the server do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from https_site import THIS_MACHINE, Site, answer_of, open_site
from watchword.wire.fetcher import BODY_BYTES_MAX, Fetcher, NotFetchedError, read_target
from watchword.wire.public_address import is_in, is_public

JSON = frozenset({"application/json"})

NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "febf::1", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip

PUBLIC = ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
          "128.0.0.0", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
          "2001:200::1", "2606:4700::1111", "2a00:1450:4001::1"]  # fmt: skip


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_special_addresses_are_not_public(text: str) -> None:
    """No address of this machine, its networks, its cloud, a group or IPv4 in disguise is public (RFC 6890)."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_other_addresses_are_public(text: str) -> None:
    """What lies just outside each special network is public."""
    assert is_public(ip_address(text))


def test_an_allowed_network_is_of_its_own_kind() -> None:
    """A network of IPv4 allows no IPv6 address that has one of it inside."""
    assert is_in(ip_address("10.1.2.3"), (ip_network("10.0.0.0/8"),))
    assert not is_in(ip_address("::ffff:10.1.2.3"), (ip_network("10.0.0.0/8"),))


REFUSED_URLS = [
    "", "x", "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "HTTPS://example.com/",
    "https:/example.com", "https:example.com", "https:///path", "https://", "//example.com/", "https://example.com:0/",
    "https://example.com:65536/", "https://example.com:00443/", "https://example.com:/", "https://example.com:a/",
    "https://user@example.com/", "https://user:word@example.com/", "https://example.com@127.0.0.1/",
    "https://example.com#@127.0.0.1/", "https://example.com/#fragment", "https://example.com\\@127.0.0.1/",
    "https://example.com/\\", "https://example.com/ x", "https://example.com/\r\nhost: x", "https://example.com/\t",
    "https://exa mple.com/", "https://exämple.com/", "https://example.com/ä", "https://EXAMPLE.com/", "https://example.com./",
    "https://.example.com/", "https://example..com/", "https://-example.com/", "https://example_.com/",
    "https://%31%32%37.0.0.1/", "https://127%2e0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/",
    "https://017700000001/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.1/", "https://127.0.0.01/",
    "https://1.2.3.4.5/", "https://127.0.0.0x1/", "https://①②⑦.0.0.1/", "https://127。0。0。1/", "https://[::1/",
    "https://::1/", "https://[127.0.0.1]/", "https://[::1%25lo]/", "https://[fe80::1%lo]/", "https://[example.com]/",
    "https://[::FFFF:127.0.0.1]/", f"https://{'a' * 64}.com/", f"https://{'a.' * 130}com/", f"https://example.com/{'a' * 2000}",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    """Only plain https URLs with a host in its usual spelling are looked at (RFC 3986 §3.2, WHATWG URL's host parsing)."""
    with pytest.raises(NotFetchedError):
        read_target(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("https://example.com?a=b", "example.com", 443, "/?a=b"),
        ("https://xn--exmple-cua.com:8443/a/b?c=%20", "xn--exmple-cua.com", 8443, "/a/b?c=%20"),
        ("https://1.1.1.1/", "1.1.1.1", 443, "/"),
        ("https://[2606:4700::1111]:444/x", "2606:4700::1111", 444, "/x"),
        ("https://3com.example/", "3com.example", 443, "/"),
    ],
)
def test_a_plain_url_is_taken_apart(url: str, host: str, port: int, target: str) -> None:
    """Host, port and target are what they say."""
    read = read_target(url)
    assert (read.host, read.port, read.target) == (host, port, target)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site of a stranger at 127.0.0.1 and 127.0.0.2."""
    async with open_site(tmp_path, addresses=("127.0.0.1", "127.0.0.2")) as opened:
        opened.answers["/"] = answer_of(b'{"a": 1}')
        yield opened


@pytest.fixture
async def fetcher(site: Site) -> AsyncIterator[Fetcher]:
    """A fetcher that may reach this machine."""
    made = Fetcher(allowed_networks=THIS_MACHINE, ca_file=site.ca_file, seconds_max=2.0)
    yield made
    made.close()


async def refuse(fetcher: Fetcher, url: str, sentence: str | None = None) -> None:
    with pytest.raises(NotFetchedError, match=sentence):
        await fetcher.get(url, media_types=JSON)


async def test_a_document_comes(site: Site, fetcher: Fetcher) -> None:
    """A document comes as it is, asked for by its own name, with how long it may be kept."""
    site.answers["/keys?a=b"] = answer_of(
        b"{}", media_type="Application/JSON; charset=utf-8", headers=("Cache-Control: public, max-age=60",)
    )
    fetched = await fetcher.get(site.url("/keys?a=b"), media_types=JSON)
    assert (fetched.body, fetched.max_age_seconds) == (b"{}", 60)
    head = site.asked[0]
    assert head.startswith("GET /keys?a=b HTTP/1.1\r\n")
    assert f"host: localhost:{site.port}\r\n" in head
    assert "authorization" not in head.lower()
    assert "cookie" not in head.lower()


async def test_a_document_in_pieces_comes(site: Site, fetcher: Fetcher) -> None:
    """A chunked answer is put together, and one without a length ends with its connection."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    site.answers["/"] = head + b"transfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
    assert (await fetcher.get(site.url(), media_types=JSON)).body == b"[1,2]"
    site.answers["/"] = head + b"\r\n[3]"
    assert (await fetcher.get(site.url(), media_types=JSON)).body == b"[3]"


async def test_a_form_is_delivered(site: Site, fetcher: Fetcher) -> None:
    """A form arrives whole, and the status of its answer comes back, whatever it is."""
    site.answers["/out"] = answer_of(b"", status="204 No Content")
    assert await fetcher.post_form(site.url("/out"), "logout_token=abc") == 204
    assert site.bodies == ["logout_token=abc"]
    assert await fetcher.post_form(site.url("/none"), "a=b") == 404


async def test_this_machine_is_not_reached(site: Site) -> None:
    """Without permission no name and no spelling of this machine is connected to."""
    fetcher = Fetcher(ca_file=site.ca_file)
    for host in ("localhost", "127.0.0.1", "127.0.0.2"):
        await refuse(fetcher, site.url(host=host), "not public")
    for host in ("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0"):
        await refuse(fetcher, site.url(host=host), "not public")
    fetcher.close()
    assert site.asked == []


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_a_name_of_a_special_address_is_not_reached(address: str) -> None:
    """Whatever a name resolves to is looked at before anything connects, alone or beside a public address."""
    for answers in ([address], ["1.1.1.1", address], [address, "1.1.1.1"]):

        async def resolve(_host: str, _port: int, found: list[str] = answers) -> list[str]:
            return found

        fetcher = Fetcher(resolve=resolve, seconds_max=1.0)
        await refuse(fetcher, "https://metadata.example/", "not public")
        fetcher.close()


async def test_a_name_is_resolved_once(site: Site) -> None:
    """The connection goes to the address that was checked, though the name has moved since (DNS rebinding)."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    fetcher = Fetcher(allowed_networks=(ip_network("127.0.0.2/32"),), ca_file=site.ca_file, resolve=resolve)
    await fetcher.get(site.url(), media_types=JSON)
    assert (asked, site.peers) == (["localhost"], ["127.0.0.2"])
    await refuse(fetcher, site.url(), "not public")
    fetcher.close()


async def test_a_second_address_is_tried(site: Site) -> None:
    """When nobody listens at the first address of a name, the next one is asked."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.3", "127.0.0.1"]

    fetcher = Fetcher(allowed_networks=THIS_MACHINE, ca_file=site.ca_file, resolve=resolve)
    assert (await fetcher.get(site.url(), media_types=JSON)).body == b'{"a": 1}'
    fetcher.close()


async def test_a_name_without_address_is_refused(site: Site) -> None:
    """A name that nobody knows is no fault of ours, and one that has no address is none either."""

    async def nothing(_host: str, _port: int) -> list[str]:
        return []

    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError

    for resolve in (nothing, unknown):
        fetcher = Fetcher(resolve=resolve)
        await refuse(fetcher, "https://nowhere.example/")
        fetcher.close()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_no_redirect_is_followed(site: Site, fetcher: Fetcher, status: str) -> None:
    """A redirect is no answer: where it leads was never checked."""
    site.answers["/"] = answer_of(b"{}", status=status, headers=(f"location: {site.url('/inside')}",))
    await refuse(fetcher, site.url(), "status 30")
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "206 Partial", "404 Not Found", "500 Oh"])
async def test_only_a_200_is_an_answer(site: Site, fetcher: Fetcher, status: str) -> None:
    """Anything but a 200 brings no document."""
    site.answers["/"] = answer_of(b"", status=status)
    await refuse(fetcher, site.url(), "status")


@pytest.mark.parametrize(
    "media_type", ["text/html", "text/plain", "application/jsonx", "", "application/json, text/html"]
)
async def test_another_media_type_is_refused(site: Site, fetcher: Fetcher, media_type: str) -> None:
    """A page that merely echoes what somebody wrote is no document of its site's owner."""
    site.answers["/"] = answer_of(b"{}", media_type=media_type)
    await refuse(fetcher, site.url(), "media type")


async def test_a_document_of_the_largest_size_comes(site: Site, fetcher: Fetcher) -> None:
    """As much as is allowed comes; a byte more does not, however its length is told."""
    site.answers["/"] = answer_of(b"x" * BODY_BYTES_MAX)
    assert len((await fetcher.get(site.url(), media_types=JSON)).body) == BODY_BYTES_MAX
    long = b"x" * (BODY_BYTES_MAX + 1)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    chunked = b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(long), long)
    for answer in (answer_of(long), head + b"\r\n" + long, head + chunked, head + b"x: y\r\n" * 20_000):
        site.answers["/"] = answer
        await refuse(fetcher, site.url(), "too long|failed")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\ncontent-type: application/json\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\n2\r\n{}\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
    ],
    ids=["nothing", "a line", "cut short", "cut chunks", "another protocol", "no HTTP", "packed"],
)
async def test_a_broken_answer_is_refused(site: Site, fetcher: Fetcher, answer: bytes) -> None:
    """What is cut short, packed or no HTTP is no document."""
    site.answers["/"] = answer
    await refuse(fetcher, site.url())


async def test_a_slow_site_is_not_waited_for(site: Site) -> None:
    """All of a fetch is bounded by one time, and so is the resolving of names."""
    site.delay_seconds = 30.0

    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(30.0)
        return []

    for made in (
        Fetcher(allowed_networks=THIS_MACHINE, ca_file=site.ca_file, seconds_max=0.3),
        Fetcher(resolve=never, seconds_max=0.3),
    ):
        began = time.monotonic()
        await refuse(made, site.url(), "too long")
        assert time.monotonic() - began < 5.0
        made.close()


async def test_an_untrusted_certificate_is_refused(site: Site) -> None:
    """A site proves its name by a certificate of a trusted authority, and that name is the URL's."""
    untrusting = Fetcher(allowed_networks=THIS_MACHINE)
    await refuse(untrusting, site.url(), "failed")
    untrusting.close()

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    other = Fetcher(allowed_networks=THIS_MACHINE, ca_file=site.ca_file, resolve=resolve)
    await refuse(other, site.url(host="other.example"), "failed")
    other.close()
    assert site.asked == []
