"""Sending, over real connections: what is taken, what fails, and what then is said."""

import asyncio
import logging
import socket
import ssl

import pytest
from alerts_rig import Mailbox, alert, made_certificates
from upstreams import Request, ScriptedUpstream, whole

from safety.errors import ConfigError
from safety.monitor.alerts.deliver import Answer, Courier
from safety.monitor.alerts.messages import SIGNATURE, signature
from safety.monitor.alerts.rules import Address, Email, LogLine, Slack, Webhook

SECRETS = {"SIGN": "0123456789abcdef", "TOKEN": "t0ken", "PASS": "sesame"}


def send(destination, one=None, environ=SECRETS, link=None):
    courier = Courier([destination], environ, link)
    return asyncio.run(courier.send(one or alert(), destination.id))


def hook(url, **fields):
    timeout = fields.pop("timeout", 10.0)
    secrets = {key: fields.pop(key) for key in ("secret_env", "token_env") if key in fields}
    return Webhook("ops", Address(url, **fields), timeout=timeout, **secrets)


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# --- HTTP ---------------------------------------------------------------------------------------------------


def test_a_webhook_gets_signed_json():
    with ScriptedUpstream(whole(b'{"taken":true}')) as receiver:
        answer = send(hook(f"{receiver.url}/alerts?team=a", secret_env="SIGN", token_env="TOKEN"))
    assert answer == Answer(True, '200 OK: {"taken":true}')
    (got,) = receiver.requests
    assert (got.method, got.target) == ("POST", "/alerts?team=a")
    assert got.headers["content-type"] == "application/json"
    assert got.headers["authorization"] == "Bearer t0ken"
    assert got.headers["idempotency-key"] == "a1b2.firing"
    sign = got.headers[SIGNATURE.lower()]
    at = int(sign.partition(",")[0].removeprefix("t="))
    assert sign == signature(SECRETS["SIGN"], got.body, at)
    assert sign != signature(SECRETS["SIGN"], got.body + b" ", at)
    assert got.json["id"] == "a1b2"


def test_without_secrets_nothing_is_proven():
    with ScriptedUpstream(whole(b"", status="204 No Content")) as receiver:
        assert send(hook(receiver.url)) == Answer(True, "204 No Content")
    assert not {SIGNATURE.lower(), "authorization", "cookie"} & receiver.requests[0].headers.keys()


def test_chat():
    with ScriptedUpstream(whole(b"ok")) as receiver:
        to = Slack("chat", Address(url_env="URL"))
        answer = send(to, alert(subject="<!channel>"), {"URL": f"{receiver.url}/services/T/B/key"})
    assert answer == Answer(True, "200 OK: ok")
    (got,) = receiver.requests
    assert got.target == "/services/T/B/key"
    assert "<!channel>" not in got.json["text"]
    assert "&lt;!channel&gt;" in got.json["text"]


@pytest.mark.parametrize(
    ("status", "again"),
    [
        ("500 Internal Server Error", True),
        ("503 Service Unavailable", True),
        ("429 Too Many Requests", True),
        ("408 Request Timeout", True),
        ("400 Bad Request", False),
        ("401 Unauthorized", False),
        ("404 Not Found", False),
        ("410 Gone", False),
    ],
)
def test_refusals(status, again):
    with ScriptedUpstream(whole(b"no\x1b[2J", status=status)) as receiver:
        answer = send(hook(receiver.url))
    assert answer == Answer(False, f"{status}: no\\x1b[2J", again)


@pytest.mark.parametrize(
    ("header", "after"),
    [("17", 17.0), ("-5", 0), ("soon", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("9" * 30, 0)],
)
def test_a_receiver_may_ask_for_time(header, after):
    script = whole(b"", status="429 Too Many Requests", headers=f"retry-after: {header}\r\n")
    with ScriptedUpstream(script) as receiver:
        assert send(hook(receiver.url)).after == after


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_redirects_are_not_followed(status):
    with ScriptedUpstream(whole(b"")) as elsewhere:
        script = whole(b"", status=status, headers=f"location: {elsewhere.url}/stolen\r\n")
        with ScriptedUpstream(script) as receiver:
            answer = send(hook(receiver.url, token_env="TOKEN"))
    assert not elsewhere.requests
    assert (answer.ok, answer.again) == (False, False)
    assert "redirects are not followed" in answer.said


def test_nobody_is_there():
    answer = send(hook(f"http://127.0.0.1:{closed_port()}/"))
    assert (answer.ok, answer.again) == (False, True)
    assert answer.said.startswith("ConnectError")


def test_no_answer():
    async def slow(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    with ScriptedUpstream(slow) as receiver:
        answer = send(hook(receiver.url, timeout=0.3))
    assert answer == Answer(False, "no answer in 0.3 s", again=True)


def test_an_answer_that_trickles_has_the_same_time():
    async def trickle(_: Request, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.05)

    with ScriptedUpstream(trickle) as receiver:
        answer = send(hook(receiver.url, timeout=0.5))
    assert (answer.ok, answer.again) == (False, True)


def test_an_answer_without_end_is_not_read_to_the_end():
    async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()

    with ScriptedUpstream(endless) as receiver:
        answer = send(hook(receiver.url, timeout=20))
    assert answer.ok
    assert len(answer.said) < 200


def test_a_connection_that_breaks():
    async def broken(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    with ScriptedUpstream(broken) as receiver:
        answer = send(hook(receiver.url))
    assert (answer.ok, answer.again) == (False, True)


def test_a_url_that_is_a_secret_is_in_no_answer():
    async def nonsense(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-hello\r\n\r\n")

    with ScriptedUpstream(nonsense) as receiver:
        for environ in ({"URL": f"{receiver.url}/key"}, {"URL": f"http://127.0.0.1:{closed_port()}/key"}):
            answer = send(Slack("chat", Address(url_env="URL"), 2.0), environ=environ)
            assert not answer.ok
            assert "key" not in answer.said


def test_the_environments_proxy_is_not_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port()}")
    with ScriptedUpstream(whole(b"ok")) as receiver:
        assert send(hook(receiver.url)).ok


def test_the_files_proxy_is():
    with ScriptedUpstream(whole(b"ok")) as proxy:
        assert send(hook("http://ops.invalid/alerts", proxy=proxy.url)).ok
    assert proxy.requests[0].target == "http://ops.invalid/alerts"


# --- TLS ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return made_certificates(tmp_path_factory.mktemp("certificates"))


class Tls:
    """An HTTPS receiver that takes everything."""

    def __init__(self, context):
        self.context, self.taken = context, []

    async def handle(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.taken.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


def over_tls(certificates, ca_file):
    async def run():
        tls = Tls(certificates.context)
        server = await asyncio.start_server(tls.handle, "127.0.0.1", 0, ssl=tls.context)
        async with server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            to = hook(url, ca_file=ca_file)
            return await Courier([to], SECRETS).send(alert(), "ops"), tls.taken

    return asyncio.run(run())


def test_certificates_are_checked(certificates):
    answer, taken = over_tls(certificates, None)
    assert "CERTIFICATE_VERIFY_FAILED" in answer.said
    assert not taken
    answer, taken = over_tls(certificates, str(certificates.file))
    assert answer.ok
    assert len(taken) == 1


# --- mail ---------------------------------------------------------------------------------------------------


def mail_to(box, **fields):
    given = {"tls": "none", "sender": "alerts@example.org", "to": ("a@example.org", "b@example.org")}
    return Email("mail", "127.0.0.1", box.port, **{**given, **fields})


HOSTILE = "acme\r\nBcc: x@evil.example\r\n\r\n.\r\nMAIL FROM:<x@evil.example>"


def test_mail_arrives():
    with Mailbox() as box:
        assert send(mail_to(box), link="https://safety.example.org/") == Answer(True, "taken")
    assert box.envelopes == [("alerts@example.org", ["a@example.org", "b@example.org"])]
    (mail,) = box.mails
    assert mail["Subject"] == "[FIRING] warning: r"
    assert "https://safety.example.org/" in mail.get_content()


def test_hostile_names_arrive_as_text():
    with Mailbox() as box:
        assert send(mail_to(box), alert(subject=HOSTILE, said=HOSTILE)).ok
    assert box.envelopes == [("alerts@example.org", ["a@example.org", "b@example.org"])]
    (mail,) = box.mails
    assert mail["Bcc"] is None
    assert "acme\\r\\nBcc: x@evil.example" in mail["Subject"]
    assert "\\r\\n.\\r\\nMAIL FROM" in mail.get_content()


def test_mail_over_starttls_and_tls_with_a_password(certificates):
    options = {"user": "alerts", "password_env": "PASS", "ca_file": str(certificates.file)}
    for made in ({"starttls": certificates.context}, {"tls": certificates.context}):
        with Mailbox(**made, login=("alerts", "sesame")) as box:
            answer = send(mail_to(box, tls=next(iter(made)), **options))
            assert answer == Answer(True, "taken"), made
            assert box.logins == [("alerts", "sesame")]


def test_mail_servers_certificates_are_checked(certificates):
    for made in ({"starttls": certificates.context}, {"tls": certificates.context}):
        with Mailbox(**made) as box:
            answer = send(mail_to(box, tls=next(iter(made))))
        assert "CERTIFICATE_VERIFY_FAILED" in answer.said, made
        assert not box.mails


def test_no_starttls_no_mail(certificates):
    with Mailbox() as box:
        answer = send(mail_to(box, tls="starttls", ca_file=str(certificates.file)))
    assert (answer.ok, answer.again) == (False, False)
    assert "STARTTLS" in answer.said
    assert not box.mails


def test_a_wrong_password(certificates):
    options = {"user": "alerts", "password_env": "PASS", "tls": "starttls", "ca_file": str(certificates.file)}
    with Mailbox(starttls=certificates.context, login=("alerts", "other")) as box:
        answer = send(mail_to(box, **options))
    assert (answer.ok, answer.again) == (False, False)
    assert answer.said.startswith("535")
    assert "sesame" not in answer.said


@pytest.mark.parametrize(("reply", "again"), [("451 later", True), ("554 never", False), ("552 full", False)])
def test_mail_that_is_refused(reply, again):
    with Mailbox([reply]) as box:
        assert send(mail_to(box)) == Answer(False, reply, again)


def test_recipients_that_are_refused():
    with Mailbox(refuse="b@") as box:
        assert send(mail_to(box)) == Answer(True, "taken for 1 of 2 recipients")
    with Mailbox(refuse="@") as box:
        assert send(mail_to(box)) == Answer(False, "every recipient was refused (550)")


def test_no_mail_server():
    class Nowhere:
        port = closed_port()

    answer = send(mail_to(Nowhere))
    assert (answer.ok, answer.again) == (False, True)
    assert "refused" in answer.said


def test_a_mail_server_that_trickles_has_no_more_time():
    with Mailbox(mute=True) as box:
        assert send(mail_to(box, timeout=0.5)) == Answer(False, "no answer in 0.5 s", again=True)


# --- the log ------------------------------------------------------------------------------------------------


def test_the_log(caplog):
    with caplog.at_level(logging.INFO):
        assert send(LogLine("log"), alert(subject="a\nFAKE", severity="critical")) == Answer(True, "written")
    (record,) = caplog.records
    assert record.levelname == "CRITICAL"
    assert record.getMessage().startswith("[FIRING] critical: r (a\\nFAKE); count of events")
    assert "\n" not in record.getMessage()


# --- secrets ------------------------------------------------------------------------------------------------


def test_secrets_that_cannot_be_used_are_said_at_once(tmp_path):
    destinations = [
        hook("http://h/", secret_env="SIGN", token_env="TOKEN"),
        Slack("chat", Address(url_env="URL")),
        Email("mail", "h", 25, "a@b.c", ("d@e.f",), ca_file=str(tmp_path / "no.pem")),
    ]
    environ = {"SIGN": "short", "URL": "javascript:alert(1)"}
    with pytest.raises(ConfigError) as caught:
        Courier(destinations, environ)
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "destination ops",
        "destination ops",
        "destination chat",
        "destination mail",
    ]
    assert "TOKEN is not set" in lines[0]
    assert "5 characters can be guessed" in lines[1]
    assert "URL holds no URL" in lines[2]
    assert "no.pem" in lines[3]
    assert "short" not in str(caught.value)
    assert "javascript" not in str(caught.value)


def test_what_cannot_stand_in_a_header_is_no_secret():
    with pytest.raises(ConfigError, match="printable ASCII"):
        Courier([hook("http://h/", token_env="TOKEN")], {"TOKEN": "a\r\nX: y"})


def test_a_file_that_holds_no_certificates(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigError, match="name a file of certificates in PEM"):
        Courier([hook("https://h/", ca_file=str(tmp_path / "ca.pem"))], {})
    assert ssl.create_default_context()
