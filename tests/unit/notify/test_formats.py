"""What leaves the house: names escaped, events well-formed, signatures checkable, no secret shown."""

from __future__ import annotations

import io
import json
import random
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console
from standardwebhooks import Webhook

from grantline.notify.backoff import Backoff
from grantline.notify.cloudevent import encode
from grantline.notify.console import ConsoleNotifier
from grantline.notify.posting import endpoint
from grantline.notify.printable import printable
from grantline.notify.settings import AlertSettings
from grantline.notify.signature import Signer
from grantline.notify.webhook import WebhookNotifier
from tests.findings import finding
from tests.pages import page

FAKE_KEY = "whsec_" + "ZmFrZS1rZXktZm9yLXRlc3RzLW9ubHktMDEyMzQ1Njc="
HOSTILE = "bot\x1b[2J\x1b]0;owned\x07\r\n[red]HIGH[/red] forged\u202egnp.exe\u200b\x9b31m"


def shown(**changed: Any) -> str:
    out = io.StringIO()
    ConsoleNotifier(Console(file=out, width=40, force_terminal=False)).notify(page(**changed))
    return out.getvalue()


def test_printable_escapes_what_could_drive_a_terminal_or_forge_a_line() -> None:
    text = printable(HOSTILE)
    assert text.isprintable()
    assert "\\x1b[2J" in text
    assert "\\u202e" in text


def test_printable_keeps_ordinary_names_of_any_language() -> None:
    assert printable("Zoë → 計画者-7") == "Zoë → 計画者-7"


def test_printable_bounds_what_it_shows_and_says_so() -> None:
    assert printable("x" * 9, limit=4) == "xxxx... (5 more characters)"


def test_printable_survives_an_encoding_that_lacks_the_character() -> None:
    assert printable("Zoë", encoding="ascii") == "Zo\\xeb"
    assert printable("\ud800") == "\\ud800"


def test_the_console_shows_the_evidence() -> None:
    text = shown()
    for part in (
        "HIGH",
        "TR-01",
        "alice -> planner-7 -> billing-bot",
        "root-one",
        "given to:",
        "presenter-differs",
        "a delegation from planner-7",
        "SELECT * FROM hops",
    ):
        assert part in text


def test_the_console_shows_the_ids_as_explain_and_people_take_them() -> None:
    told = page(revision=3)
    lines = [line.split() for line in shown(revision=3).splitlines()]
    assert ["finding", finding().id] in lines
    assert ["incident", f"{told.id},", "message", told.dedup_key] in lines


def test_the_console_colours_a_terminal_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()
    ConsoleNotifier(Console(file=out, force_terminal=True, color_system="standard")).notify(page())
    assert "\x1b[1;31mHIGH" in out.getvalue()
    assert "\x1b" not in shown()


def test_the_console_marks_what_is_taken_back() -> None:
    assert shown(status="retracted").startswith("RETRACTED")


@pytest.mark.parametrize(
    "field", ["title", "explanation", "root_id", "triage", "retracts_if", "rule"]
)
def test_a_hostile_name_stays_one_escaped_line_on_the_console(field: str) -> None:
    text = shown(**{field: HOSTILE})
    assert text.count("\n") == shown().count("\n")
    assert all(line.isprintable() for line in text.splitlines())
    assert "[red]HIGH[/red]" in text


def test_hostile_lists_and_facts_are_escaped_on_the_console_too() -> None:
    text = shown(path=[HOSTILE, "b"], facts={HOSTILE: HOSTILE})
    assert all(line.isprintable() for line in text.splitlines())


def test_a_console_without_utf8_still_prints() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleNotifier(Console(file=file)).notify(page(explanation="Zoë → 計"))
    assert b"Zo\\xeb \\u2192" in raw.getvalue()


def test_the_cloud_event_holds_the_page_and_a_stable_id() -> None:
    told = page(revision=2)
    event = json.loads(encode(told, "/here"))
    assert event["data"] == msgspec.to_builtins(told)
    assert event["data"]["finding"] == finding(revision=2).model_dump(mode="json")
    assert {name: event[name] for name in event if name != "data"} == {
        "specversion": "1.0",
        "id": f"{told.id}-0-2",
        "source": "/here",
        "type": "dev.grantline.incident.opened.v1",
        "subject": f"{told.id}-0",
        "time": told.as_of,
        "datacontenttype": "application/json",
        "dataschema": "https://grantline.dev/schemas/page/1",
        "severitytext": "HIGH",
        "severitynumber": 17,
    }


def test_a_receiver_can_check_the_signature_with_a_library_it_has() -> None:
    body = encode(page(), "/here")
    headers = {"webhook-id": "m-1", **Signer(FAKE_KEY).headers("m-1", int(time.time()), body)}
    assert Webhook(FAKE_KEY).verify(body, headers) == json.loads(body)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(FAKE_KEY).verify(body + b" ", headers)


@pytest.mark.parametrize("key", ["", "fake-plain-text", "whsec_", "whsec_c2hvcnQ=", "whsec_???"])
def test_a_weak_or_odd_key_is_refused_with_the_cure_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32") as why:
        Signer(key)
    assert key == "" or key.removeprefix("whsec_") == "" or key not in str(why.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://fake-secret/x",
        "file:///fake-secret",
        "//fake-secret/x",
        "https:///fake-secret",
        "https://host:fake-secret/",
        "https://ho st/fake-secret",
        "https://host/fake-secret\r\nX: y",
        "https://[fake-secret/",
        "https://*.test/fake-secret",
    ],
)
def test_an_unusable_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="GRANTLINE_WEBHOOK_URL") as why:
        endpoint(url)
    assert "fake-secret" not in str(why.value)
    assert why.value.__suppress_context__ or why.value.__context__ is None


def test_of_an_address_only_scheme_host_and_port_are_ever_shown() -> None:
    taken = endpoint("https://me:fake%2Fsecret@[::1]:8443/services/T0/fake?key=fake")
    assert taken.where == "https://[::1]:8443"
    assert taken.user == ("me", "fake/secret")
    assert taken.url == "https://[::1]:8443/services/T0/fake?key=fake"


def test_settings_show_no_secret(tmp_path: Path) -> None:
    hook = WebhookNotifier(
        "https://me:fake-secret@host/fake-secret",
        key=FAKE_KEY,
    )
    settings = AlertSettings(
        bootstrap="b:1",
        data_dir=tmp_path,
        notifiers=(hook,),
        kafka={"sasl.password": "fake-secret"},
    )
    assert "fake-secret" not in repr(settings)
    assert FAKE_KEY not in repr(settings)
    assert "https://host" in repr(settings)


def test_backoff_doubles_with_jitter_up_to_the_cap() -> None:
    backoff, chance = Backoff(first_seconds=1, longest_seconds=60), random.Random(1)
    for failures, longest in [(1, 1), (2, 2), (5, 16), (7, 60), (10_000, 60)]:
        waits = [backoff.wait(failures, None, chance) for _ in range(50)]
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(set(waits)) > 1


def test_backoff_waits_as_long_as_asked_but_not_for_ever() -> None:
    backoff = Backoff()
    assert backoff.wait(1, 30.0, random.Random(1)) == 30.0
    assert backoff.wait(1, 1e9, random.Random(1)) == backoff.longest_asked_seconds


def test_backoff_refuses_waits_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="first_seconds"):
        Backoff(first_seconds=0)
