from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.egress.target import Hosts, Target, parse


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.COM:8443/a", "example.com"),
        ("https://example.com.", "example.com"),
        ("https:\\\\example.com\\a", "example.com"),
        ("https:/example.com/a", "example.com"),
        ("https:example.com", "example.com"),
        ("//example.com", "example.com"),
        ("www.example.com/a", "www.example.com"),
        ("https://user:pass@example.com/", "example.com"),
        ("https://good.example@evil.example/", "evil.example"),
        ("https://good.example\\@evil.example/", "good.example"),
        ("https://evil.example?@good.example/", "evil.example"),
        ("https://evil.example#@good.example/", "evil.example"),
        ("https://%65xample.com/", "example.com"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://ｅxample。com/", "example.com"),
        ("ht\ntps://exa\tmple.com", "example.com"),
        (" https://example.com", "example.com"),
        ("&#104;ttps&colon;//example.com", "example.com"),
        ("mailto:a@example.com,b@f.example?subject=x", "example.com"),
        ("https://", ""),
        ("https://[::1]:80/", "[::1]"),
        ("javascript:alert(1)", ""),
        ("images/a.png", ""),
    ],
)
def test_host(url, host):
    assert parse(url).host == host


def test_parts():
    assert parse("https://u@h.example/p/q?a=b&c#f?g") == Target(
        "https", "h.example", "u", "/p/q", "a=b&c", "f?g"
    )


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("169.254.169.254", "metadata"),
        ("2852039166", "metadata"),
        ("0xa9fea9fe", "metadata"),
        ("0xa9.0xfe.0xa9.0xfe", "metadata"),
        ("0251.0376.0251.0376", "metadata"),
        ("169.254.43518", "metadata"),
        ("[::ffff:169.254.169.254]", "metadata"),
        ("[64:ff9b::169.254.169.254]", "metadata"),
        ("[fd00:ec2::254]", "metadata"),
        ("[fe80::1%eth0]", "metadata"),
        ("metadata.google.internal", "metadata"),
        ("169.254.169.254.nip.io", "metadata"),
        ("a-169-254-169-254.sslip.io", "metadata"),
        ("127.1", "loopback"),
        ("0", "loopback"),
        ("localhost", "loopback"),
        ("a.localhost", "loopback"),
        ("[::1]", "loopback"),
        ("10.1.2.3", "private"),
        ("172.31.0.1", "private"),
        ("192.168.0.1", "private"),
        ("intranet", "private"),
        ("db.internal", "private"),
        ("8.8.8.8", ""),
        ("172.32.0.1", ""),
        ("1.2.3.4.5", ""),
        ("300.1.1.1", ""),
        ("0x.example", ""),
        ("08.8.8.8", ""),
        ("example.com", ""),
    ],
)
def test_place(host, place):
    assert Target("https", host).place == place


def test_hosts():
    hosts = Hosts(["Example.com", "*.allowed.example", "bücher.example", "[::1]"])
    for host in ("example.com", "a.allowed.example", "a.b.allowed.example", "xn--bcher-kva.example", "[::1]"):
        assert hosts.cover(host)
    for host in (
        "www.example.com",
        "allowed.example",
        "evilallowed.example",
        "a.allowed.example.evil.example",
    ):
        assert not hosts.cover(host)


@given(st.text(st.sampled_from("htps:/\\@.#?[]%0xa&;\t é。1-"), max_size=40) | st.text(max_size=40))
def test_any_text_can_be_parsed(text):
    target = parse("https://" + text)
    assert target.place in ("", "metadata", "loopback", "private")
    assert parse(text).host == parse(text).host.lower()


def test_blanks_and_controls_around_an_address_vanish():
    # https://url.spec.whatwg.org/#concept-basic-url-parser, steps 1 and 3
    assert parse("\t\x01java\tscript:x \n\x02").scheme == "javascript"


def test_a_flood_of_controls_is_read():
    assert parse("https://a.example/" + "\x01" * 1_000_000 + "b").host == "a.example"
