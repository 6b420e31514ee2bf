"""The webhook against a real HTTP server that behaves, misbehaves or is not there."""

from __future__ import annotations

import email.utils
import json
import logging
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from grantline.notify.webhook import WebhookNotifier
from grantline.ports import Refused, Retry
from tests.pages import page
from tests.receiver import Answer, Receiver

FAKE_KEY = "whsec_" + "ZmFrZS1rZXktZm9yLXRlc3RzLW9ubHktMDEyMzQ1Njc="


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def test_the_request_is_a_signed_cloud_event_with_a_key_to_drop_copies_by(
    receiver: Receiver,
) -> None:
    WebhookNotifier(receiver.url, key=FAKE_KEY).notify(page())
    [request] = receiver.requests
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["idempotency-key"] == page().dedup_key
    event = Webhook(FAKE_KEY).verify(request.body, dict(request.headers))
    assert event["id"] == page().dedup_key
    assert event["data"]["claim"] == page().claim


def test_a_retried_call_carries_the_same_key_and_body(receiver: Receiver) -> None:
    receiver.answer(Answer(500), Answer())
    hook = WebhookNotifier(receiver.url)
    with pytest.raises(Retry, match="answered 500"):
        hook.notify(page())
    hook.notify(page())
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_trouble_that_passes_is_a_retry(receiver: Receiver, status: int) -> None:
    receiver.answer(Answer(status))
    with pytest.raises(Retry, match=f"answered {status}$") as told:
        WebhookNotifier(receiver.url).notify(page())
    assert not told.value.mend


@pytest.mark.parametrize(
    "status, cure",
    [
        (401, "GRANTLINE_WEBHOOK_KEY, and the user and password in GRANTLINE_WEBHOOK_URL"),
        (403, "GRANTLINE_WEBHOOK_KEY, and the user and password in GRANTLINE_WEBHOOK_URL"),
        (404, "the address in GRANTLINE_WEBHOOK_URL"),
        (405, "the address in GRANTLINE_WEBHOOK_URL"),
        (410, "the address in GRANTLINE_WEBHOOK_URL"),
        (415, "the address in GRANTLINE_WEBHOOK_URL"),
    ],
)
def test_a_wrong_key_or_address_is_a_retry_that_names_the_cure(
    receiver: Receiver, status: int, cure: str
) -> None:
    receiver.answer(Answer(status))
    with pytest.raises(Retry, match=f"answered {status}: check {cure} .and start") as told:
        WebhookNotifier(receiver.url).notify(page())
    assert told.value.mend


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_can_be_about_the_alert_itself_is_a_refusal(receiver: Receiver, status: int) -> None:
    receiver.answer(Answer(status))
    with pytest.raises(Refused, match=f"answered {status}"):
        WebhookNotifier(receiver.url).notify(page())


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("7", 7.0),
        (email.utils.formatdate(1_000_030, usegmt=True), 30.0),
        (email.utils.formatdate(999_000, usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("9" * 400, 999_999_999.0),
    ],
)
def test_retry_after_is_read_in_both_its_forms(
    receiver: Receiver, value: str, seconds: float | None
) -> None:
    receiver.answer(Answer(429, {"Retry-After": value}))
    with pytest.raises(Retry) as told:
        WebhookNotifier(receiver.url, now=lambda: 1_000_000.0).notify(page())
    assert told.value.after_seconds == seconds


def test_a_redirect_is_not_followed_anywhere(receiver: Receiver) -> None:
    with Receiver() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            receiver.answer(Answer(status, {"Location": elsewhere.url}))
            with pytest.raises(Retry, match=r"a redirect, .*the address in GRANTLINE_WEBHOOK"):
                WebhookNotifier(receiver.url).notify(page())
        assert elsewhere.requests == []


def test_a_server_that_hangs_is_given_up_after_the_time_out(receiver: Receiver) -> None:
    receiver.answer(Answer(hang_seconds=2))
    begun = time.monotonic()
    with pytest.raises(Retry, match=r"no answer within 0\.2 s"):
        WebhookNotifier(receiver.url, timeout_seconds=0.2).notify(page())
    assert time.monotonic() - begun < 1.5


def test_a_refused_connection_and_an_unknown_host_are_retries() -> None:
    for url in (f"http://127.0.0.1:{free_port()}/x", "http://no-such-host.invalid/x"):
        with pytest.raises(Retry, match="cannot be reached"):
            WebhookNotifier(url, timeout_seconds=5).notify(page())


def test_a_server_that_speaks_no_http_is_a_retry() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"\x00\xffnot http at all\r\n\r\n")

        threading.Thread(target=talk, daemon=True).start()
        port = server.getsockname()[1]
        with pytest.raises(Retry):
            WebhookNotifier(f"http://127.0.0.1:{port}/", timeout_seconds=5).notify(page())


def test_the_connection_is_used_again_after_a_short_answer(receiver: Receiver) -> None:
    receiver.answer(Answer(200, body=b"ok"))
    hook = WebhookNotifier(receiver.url)
    for revision in range(3):
        hook.notify(page(revision=revision))
    assert len(receiver.connections) == 1


def test_an_endless_answer_is_not_read(receiver: Receiver) -> None:
    receiver.answer(Answer(200, body=b"x" * 5_000_000))
    begun = time.monotonic()
    WebhookNotifier(receiver.url, timeout_seconds=5).notify(page())
    assert time.monotonic() - begun < 2


def test_cookies_are_not_kept(receiver: Receiver) -> None:
    receiver.answer(Answer(204, {"Set-Cookie": "id=1; Path=/"}))
    hook = WebhookNotifier(receiver.url)
    hook.notify(page())
    hook.notify(page(revision=1))
    assert "cookie" not in receiver.requests[1].headers


def test_user_and_password_of_the_url_become_basic_auth(receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "http://me:fake-password@")
    WebhookNotifier(url).notify(page())
    assert receiver.requests[0].headers["authorization"].startswith("Basic ")


def test_netrc_is_not_read(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password fake-password\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    WebhookNotifier(receiver.url).notify(page())
    assert "authorization" not in receiver.requests[0].headers


@pytest.mark.parametrize("reachable", [True, False])
def test_no_part_of_the_address_beyond_host_and_port_is_said_or_logged(
    receiver: Receiver, reachable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answer(Answer(500))
    if not reachable:
        receiver.stop()
    url = receiver.url.replace("http://", "http://me:fake-secret@") + "/fake-secret?k=fake-secret"
    with pytest.raises(Retry) as told:
        WebhookNotifier(url, key=FAKE_KEY).notify(page())
    assert "fake-secret" not in str(told.value) + caplog.text
    assert told.value.__suppress_context__ or told.value.__context__ is None


def test_a_certificate_nobody_vouches_for_is_not_accepted(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip("no openssl to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Receiver(tls=context) as receiver:
        hook = WebhookNotifier(receiver.url, timeout_seconds=5)
        with pytest.raises(Retry, match="TLS certificate or handshake was not accepted"):
            hook.notify(page())
        assert receiver.requests == []


def test_the_body_survives_any_text(receiver: Receiver) -> None:
    WebhookNotifier(receiver.url, key=FAKE_KEY).notify(page(explanation="Zoë\u2028\x00計 🦀"))
    assert json.loads(receiver.requests[0].body)["data"]["claim"] == "Zoë\u2028\x00計 🦀"
