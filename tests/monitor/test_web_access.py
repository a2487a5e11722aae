"""Who may look: the pure decision, and the same over a real server."""

from __future__ import annotations

import re
import socket

import pytest
from watching import EDITOR, VIEWER, recorded

from safety.errors import ConfigError
from safety.monitor.access import Asked, Refused, Role, Sessions, Visitor, admit
from safety.monitor.guarded import CONTENT_POLICY, SESSION
from safety.monitor.settings import MonitorSettings

TOKENS = {"token_viewer": VIEWER, "token_editor": EDITOR}


def settings(**fields):
    return MonitorSettings("events.sqlite", **fields)


# --- the decision


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8788", "localhost", "LOCALHOST:1", "[::1]:8788", "127.0.0.2", "::1"]
)
def test_on_loopback_this_machine_may(host):
    found = admit(settings(), Asked(host=host, peer="127.0.0.1"))
    if host == "::1":  # an IPv6 address without brackets is no Host
        assert isinstance(found, Refused)
    else:
        assert isinstance(found, Visitor)
        assert found.role is Role.EDITOR


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8788", "127.0.0.1.evil.example", "localhost.evil.example", "", "0.0.0.0"],
)
@pytest.mark.parametrize("more", [{}, TOKENS])
def test_on_loopback_other_names_are_refused(host, more):
    found = admit(settings(**more), Asked(host=host, peer="127.0.0.1", bearer=EDITOR))
    assert isinstance(found, Refused)
    assert found.status == 403


def test_names_that_are_configured_are_right():
    far = settings(host="0.0.0.0", hosts=("safety.example",), **TOKENS)
    assert isinstance(admit(far, Asked("Safety.example:443", "10.0.0.1", bearer=VIEWER)), Visitor)
    assert admit(far, Asked("other.example", "10.0.0.1", bearer=VIEWER)).status == 403
    near = settings(hosts=("safety.example",))
    assert isinstance(admit(near, Asked("safety.example", "127.0.0.1")), Visitor)
    assert isinstance(admit(near, Asked("localhost", "127.0.0.1")), Visitor)


def test_tokens_say_the_role_and_close_the_open_door():
    guarded = settings(**TOKENS)
    assert admit(guarded, Asked("localhost", "127.0.0.1")).status == 401
    assert admit(guarded, Asked("localhost", "127.0.0.1", bearer="wrong")).status == 401
    assert admit(guarded, Asked("localhost", "127.0.0.1", bearer="")).status == 401
    assert admit(guarded, Asked("localhost", "127.0.0.1", bearer=VIEWER)).role is Role.VIEWER
    assert admit(guarded, Asked("localhost", "127.0.0.1", bearer=EDITOR)).role is Role.EDITOR
    only = settings(token_editor=EDITOR)
    assert admit(only, Asked("localhost", "127.0.0.1", bearer=VIEWER)).status == 401


def test_headers_count_only_from_trusted_proxies():
    oidc = settings(
        host="0.0.0.0",
        oidc_header="x-user",
        oidc_role_header="x-groups",
        trusted_proxies=("10.0.0.0/8", "::1"),
    )
    for peer in ("10.1.2.3", "::1"):
        assert admit(oidc, Asked("h", peer, user=("anna",))) == Visitor(
            "anna", Role.VIEWER, "oidc", "oidc anna"
        )
    found = admit(oidc, Asked("h", "10.1.2.3", user=("anna",), roles=("staff, editor",)))
    assert found.role is Role.EDITOR
    assert admit(oidc, Asked("h", "10.1.2.3", user=("anna",), roles=("editors",))).role is Role.VIEWER
    for peer in ("11.0.0.1", "127.0.0.1", None, "nonsense"):
        assert admit(oidc, Asked("h", peer, user=("anna",), roles=("editor",))).status == 401
    assert admit(oidc, Asked("h", "10.1.2.3", user=("anna", "root"))).status == 403
    assert admit(oidc, Asked("h", "10.1.2.3", user=(" ",))).status == 403
    assert admit(oidc, Asked("h", "10.1.2.3")).status == 401


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"host": "0.0.0.0"}, "token_viewer_env or token_editor_env"),
        ({"host": "safety.example"}, "listen on 127.0.0.1"),
        ({"host": "::"}, "can be reached by others"),
        ({"token_viewer": "short"}, "16 or more"),
        ({"token_viewer": VIEWER, "token_editor": VIEWER}, "two different"),
        ({"oidc_header": "x-user"}, "trusted_proxies"),
        ({"oidc_role_header": "x-groups"}, "oidc_header"),
        ({"trusted_proxies": ("proxy",)}, "addresses or networks"),
    ],
)
def test_settings_that_would_let_anybody_in_are_refused(fields, said):
    with pytest.raises(ConfigError, match=r"^monitor: .*") as error:
        settings(**fields)
    assert said in str(error.value)


def test_settings_never_show_secrets():
    shown = repr(settings(fanout="redis://:secret@h", **TOKENS))
    assert VIEWER not in shown
    assert EDITOR not in shown
    assert "secret@" not in shown


def test_sessions_end_and_cannot_be_made():
    sessions, other = Sessions(), Sessions()
    cookie = sessions.begin("Anna\nEDITOR\n.x", Role.VIEWER, 1000.0)
    found = sessions.read(cookie, 1001.0)
    assert (found.name, found.role, found.by) == ("Anna\nEDITOR\n.x", Role.VIEWER, "session")
    assert sessions.read(cookie, 1000.0 + 13 * 3600) is None
    assert other.read(cookie, 1001.0) is None
    body, _, signature = cookie.partition(".")
    for altered in ("", ".", body, f"{body}.", f"{body}x.{signature}", f"{body}.{signature[:-1]}0x", "ä.ö"):
        assert sessions.read(altered, 1001.0) is None
    sessions.end(found.mark, 1002.0)
    assert sessions.read(cookie, 1003.0) is None


# --- over a real server


@pytest.fixture(scope="module")
def near(tmp_path_factory):
    """Open, on loopback."""
    with recorded(tmp_path_factory.mktemp("near")) as one:
        yield one


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    """With tokens, as if it listened elsewhere."""
    with recorded(tmp_path_factory.mktemp("far"), host="0.0.0.0", **TOKENS) as one:
        yield one


def fresh(watch):
    """A client without cookies."""
    watch.client.cookies.clear()
    return watch.client


def sign_in(watch, token, name="", to=""):
    client = fresh(watch)
    page = client.get("/monitor/login", params={"to": to} if to else {})
    csrf = page.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    return client.post("/monitor/login", data={"token": token, "name": name, "csrf": csrf, "to": to})


def test_rebinding_is_refused_everywhere(near):
    for path in ("/monitor", "/monitor/stream", "/monitor/static/now.js", "/monitor/login", "/"):
        answer = near.get(path, headers={"host": "evil.example"})
        assert answer.status_code == 403
        assert "attack" not in answer.text
        assert answer.headers["content-security-policy"] == CONTENT_POLICY


def test_a_request_without_a_host_is_refused(near):
    host, port = near.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(b"GET /monitor HTTP/1.0\r\n\r\n")
        assert b" 403 " in sock.recv(4096).split(b"\r\n")[0]


def test_strangers_get_the_form_and_programs_a_challenge(far):
    client = fresh(far)
    for path in (
        "/monitor",
        "/monitor/events?tenant=acme",
        "/monitor/event/attack.input",
        "/monitor/nothing",
    ):
        answer = client.get(path)
        assert answer.status_code == 401
        assert 'name="token"' in answer.text
        assert "attack.input" not in answer.text.replace('value="/monitor/event/attack.input"', "").replace(
            'href="/monitor/event/attack.input"', ""
        )
    answer = client.get("/monitor/stream", headers={"accept": "text/event-stream"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert client.post("/monitor/theme", data={"theme": "dark"}).status_code == 401
    assert client.get("/monitor/static/monitor.css").status_code == 200


def test_bearer_tokens(far):
    client = fresh(far)
    for token, code in ((VIEWER, 200), (EDITOR, 200), ("nonsense", 401)):
        assert client.get("/monitor", headers={"authorization": f"Bearer {token}"}).status_code == code
    assert client.get("/monitor", headers={"authorization": f"Basic {EDITOR}"}).status_code == 401
    assert SESSION not in client.cookies


def test_signing_in_and_out(far):
    answer = sign_in(far, VIEWER, "Anna", "/monitor/events?tenant=acme")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/monitor/events?tenant=acme"
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(SESSION))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/monitor" in cookie
    text = far.get("/monitor").text
    assert "<bdi>Anna</bdi> · viewer" in text
    kept = far.client.cookies[SESSION]
    assert far.form("/monitor/logout", {}, "/monitor").status_code == 303
    assert far.get("/monitor").status_code == 401
    assert far.client.get("/monitor", headers={"cookie": f"{SESSION}={kept}"}).status_code == 401


def test_signing_in_with_a_wrong_token(far):
    answer = sign_in(far, "wrong-token-0123456789")
    assert answer.status_code == 403
    assert "not known here" in answer.text
    assert SESSION not in far.client.cookies
    assert "wrong-token" not in answer.text


def test_signing_in_leads_only_to_our_own_pages(far):
    for to in (
        "https://evil.example",
        "//evil.example",
        "/monitor\\evil",
        "/other",
        "/monitorx",
        "/monitor/\nx",
    ):
        assert sign_in(far, VIEWER, to=to).headers["location"] == "/monitor"


def test_signing_in_needs_the_form(far):
    client = fresh(far)
    assert client.post("/monitor/login", data={"token": EDITOR}).status_code == 403
    client.get("/monitor/login")
    assert client.post("/monitor/login", data={"token": EDITOR, "csrf": "x"}).status_code == 403
    assert SESSION not in client.cookies


def test_viewers_cannot_edit_and_editors_can(far):
    sign_in(far, VIEWER)
    text = far.get("/monitor/event/attack.input").text
    assert "This was wrong" not in text
    assert far.get("/monitor/wrong/attack.input").status_code == 403
    assert far.form("/monitor/wrong/attack.input", {"text": "x"}).status_code == 403
    assert far.form("/monitor/diff/attack.input", {"text": "x"}).status_code == 403
    assert far.form("/monitor/event/attack.input", {}).status_code == 403
    sign_in(far, EDITOR, "Eve")
    assert "This was wrong" in far.get("/monitor/event/attack.input").text
    assert far.get("/monitor/wrong/attack.input").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/monitor/theme",
        "/monitor/logout",
        "/monitor/event/attack.input",
        "/monitor/wrong/attack.input",
        "/monitor/policies/0",
    ],
)
def test_forms_need_their_token(near, far, path):
    sign_in(far, EDITOR)
    stranger = Sessions().form_token("loopback")
    for watch in (near, far):
        for csrf in ({}, {"csrf": ""}, {"csrf": stranger}):
            answer = watch.client.post(path, data={"theme": "dark", **csrf})
            assert answer.status_code == 403
            assert "no longer valid" in answer.text
    other = far.csrf()
    assert near.client.post(path, data={"csrf": other}).status_code == 403


def test_forms_of_other_sites_are_refused(near):
    csrf = near.csrf()
    for site, code in (("cross-site", 403), ("same-site", 403), ("same-origin", 303), ("none", 303)):
        answer = near.client.post(
            "/monitor/theme", data={"theme": "dark", "csrf": csrf}, headers={"sec-fetch-site": site}
        )
        assert answer.status_code == code


def test_one_session_cannot_use_anothers_form(far):
    sign_in(far, EDITOR)
    first = far.csrf()
    sign_in(far, EDITOR)
    assert far.client.post("/monitor/theme", data={"theme": "dark", "csrf": first}).status_code == 403


def test_too_large_and_foreign_forms_are_refused(near):
    assert near.client.post("/monitor/theme", data={"csrf": "x" * 600_000}).status_code == 413
    assert near.client.post("/monitor/theme", json={"theme": "dark"}).status_code == 415
    assert near.client.post("/monitor/theme", data={f"f{n}": "1" for n in range(100)}).status_code == 400


def test_the_theme_is_kept(near):
    fresh(near)
    assert 'data-theme="system"' in near.get("/monitor/health").text
    answer = near.form("/monitor/theme", {"theme": "dark", "back": "/monitor/health?x=1"})
    assert answer.headers["location"] == "/monitor/health?x=1"
    assert 'data-theme="dark"' in near.get("/monitor/health").text
    fresh(near)
    odd = near.get(
        "/monitor/health", headers={"cookie": 'safety_theme="><script>; x=y;;=; @=1; safety_session=a.b'}
    )
    assert 'data-theme="system"' in odd.text


def test_headers_are_on_every_answer(near, far):
    fresh(far)
    fresh(near)
    answers = [
        near.get("/monitor"),
        near.get("/"),
        near.get("/monitor/nothing"),
        near.get("/elsewhere"),
        near.get("/monitor/static/monitor.css"),
        near.get("/monitor/static/nothing.css"),
        near.get("/monitor/events?shoe=1"),
        near.client.put("/monitor"),
        near.client.post("/monitor/theme", data={}),
        near.form("/monitor/theme", {"theme": "light"}),
        far.get("/monitor"),
        far.get("/monitor/login"),
        far.get("/monitor/stream", headers={"accept": "*/*"}),
    ]
    for answer in answers:
        assert answer.headers["content-security-policy"] == CONTENT_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "server" not in answer.headers
    assert "'unsafe" not in CONTENT_POLICY
    assert near.get("/monitor").headers["cache-control"] == "no-store"


def test_pages_hold_no_inline_script_or_style(near):
    for path in (
        "/monitor",
        "/monitor/trends",
        "/monitor/event/attack.input",
        "/monitor/users",
        "/monitor/policies/0",
    ):
        text = near.get(path).text
        assert not re.search(r"<script(?![^>]* src=)", text)
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
        assert not re.search(r'(?:src|href)="(?!/monitor|#)', text)


def test_static_files_stay_in_their_folder(near):
    for path in ("/monitor/static/../app.py", "/monitor/static/%2e%2e/app.py", "/monitor/static/..%2fapp.py"):
        answer = near.get(path)
        assert answer.status_code == 404
        assert "create_monitor" not in answer.text
