"""The same logs as others keep them: other envelopes, older releases, the server's own log, rotated files.

Each is read, or refused by name; none is passed over in silence.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grantline.commands.tail import Tail
from grantline.commands.watch import cut
from grantline.sources import SOURCES, Origin, Taken, below, read, read_file
from tests.unit.sources.test_samples import ISSUER, _hops, _records

RECORDED = Path(__file__).parents[2] / "data" / "keycloak"
SERVER_LOG = r"""
2026-11-30 10:00:00,001 INFO  [org.keycloak.quarkus.runtime.KeycloakMain] (main) started, type=none
2026-11-30 10:00:01,123 DEBUG [org.keycloak.events] (executor-thread-1) type="CODE_TO_TOKEN", realmId="lab", realmName="lab", clientId="app", userId="u-7f3a", sessionId="S1", ipAddress="127.0.0.1", token_id="onrtac:1", grant_type="authorization_code", scope="openid crm.read", refresh_token_id="rt-1", code_id="S1"
2026-11-30 10:00:02,123 WARN  [org.keycloak.events] (executor-thread-1) type="TOKEN_EXCHANGE_ERROR", realmId="lab", clientId="rogue", userId="null", error="access_denied", reason="not within the \"token\" audience, sorry", grant_type="urn:ietf:params:oauth:grant-type:token-exchange"
2026-11-30 10:00:03,000 ERROR [io.quarkus] (main) boom
java.lang.IllegalStateException: no
	at org.keycloak.Foo(Foo.java:1)
Caused by: java.io.IOException: x
2026-11-30 10:00:04,123 DEBUG [org.keycloak.events] (executor-thread-3) operationType="DELETE", realmId="lab", clientId="admin-cli", userId="adm", resourceType="USER_SESSION", resourcePath="sessions/S1"
""".lstrip()
"""As Keycloak's `jboss-logging` listener writes it, among what else the server says."""


def _read(name: str, data: bytes | str) -> Taken:
    return read(SOURCES[name], data.encode() if isinstance(data, str) else data, Origin(ISSUER))


def _whole(taken: Taken) -> Taken:
    assert taken.rejected == []
    return taken


def test_keycloaks_events_are_read_in_the_servers_own_log() -> None:
    taken = _whole(_read("keycloak", SERVER_LOG))
    grant, refresh, refused, ended = taken.hops
    assert (grant.token_jti, grant.session_id, grant.actor_id) == ("onrtac:1", "S1", "app")
    assert grant.granted_scopes == ("crm.read", "openid")
    assert grant.time == 1_796_032_801_123_000_000
    assert (refresh.operation, refresh.token_jti) == ("renew", "rt-1")
    assert refused.decision_reason == 'not within the "token" audience, sorry'
    assert refused.subject_id is None
    assert (ended.revocation_target, ended.session_id) == ("session", "S1")
    assert taken.passed_over == 5
    assert len({hop.span_id for hop in taken.hops}) == 4


def _told(name: str) -> tuple[Taken, list[tuple[object, ...]]]:
    """What a real Keycloak's log holds of realm lab (tests/data/keycloak)."""
    issuer = "http://127.0.0.1:1/realms/lab"
    taken = read(SOURCES["keycloak"], (RECORDED / name).read_bytes(), Origin(issuer))
    facts = ("operation", "session_id", "actor_id", "granted_scopes", "audiences", "method",
             "decision_outcome", "decision_reason", "delegator_id", "revocation_target")  # fmt: skip
    lab = [hop for hop in _whole(taken).hops if hop.token_issuer == issuer]
    return taken, sorted((tuple(getattr(hop, name) for name in facts) for hop in lab), key=repr)


def test_a_real_servers_log_tells_what_its_admin_api_tells_and_the_refreshes() -> None:
    _, by_api = _told("events.json")
    taken, by_log = _told("server.log")
    assert len(by_api) == 10
    assert Counter(by_api) - Counter(by_log) == Counter()
    more = (Counter(by_log) - Counter(by_api)).elements()
    assert [one[0] for one in more] == ["renew", "renew"]
    assert {hop.token_issuer for hop in taken.hops} == {
        "http://127.0.0.1:1/realms/lab", "http://127.0.0.1:1/realms/master"
    }  # fmt: skip


def test_a_real_servers_log_as_json_tells_the_same_acts() -> None:
    text, lines = (
        Counter(one[0] for one in _told(name)[1]) for name in ("server.log", "server.jsonl")
    )
    assert text == lines


def test_older_keycloaks_quote_little_and_know_no_sessions() -> None:
    line = (
        "10:00:01,123 [0m DEBUG 2024-11-30T10:00:01.123Z [org.keycloak.events] (t) type=CODE_TO_TOKEN, "
        "realmId=lab, clientId=app, userId=u-7f3a, ipAddress=10.0.0.1, token_id=t-1, "
        "scope='openid crm.read', client_auth_method=client-secret"
    )
    [grant] = _whole(_read("keycloak", line)).hops
    assert (grant.token_jti, grant.actor_id, grant.session_id) == ("t-1", "app", None)
    assert grant.granted_scopes == ("crm.read", "openid")


def test_keycloaks_log_as_json_is_read_like_its_text() -> None:
    told = [
        {
            "timestamp": line[:10] + "T" + line[11:23].replace(",", ".") + "Z",
            "loggerName": "org.keycloak.events",
            "level": "DEBUG",
            "message": line[24:],
        }
        for line in SERVER_LOG.splitlines()
        if line.startswith("2026")
    ]
    taken = _whole(_read("keycloak", "\n".join(map(json.dumps, told))))
    of_text = _read("keycloak", SERVER_LOG).hops
    assert [(hop.operation, hop.time, hop.token_jti, hop.actor_id) for hop in taken.hops] == [
        (hop.operation, hop.time, hop.token_jti, hop.actor_id) for hop in of_text
    ]
    assert taken.passed_over == 2


def test_an_event_of_another_realm_is_that_realms() -> None:
    """A server's own log has the events of all its realms."""
    line = (
        '2026-11-30 10:00:01,123 DEBUG [org.keycloak.events] (t) type="CODE_TO_TOKEN", realmName="{}", '
        'clientId="app", userId="u", token_id="t-1"'
    )
    for issuer, realm, found in (
        ("https://kc.example.com/realms/lab", "lab", "https://kc.example.com/realms/lab"),
        ("https://kc.example.com/realms/lab", "master", "https://kc.example.com/realms/master"),
        ("https://custom.example.com", "master", "https://custom.example.com"),
    ):
        taken = read(SOURCES["keycloak"], line.format(realm).encode(), Origin(issuer))
        assert [hop.token_issuer for hop in taken.hops] == [found]


def test_events_of_keycloaks_that_give_them_no_id_are_read_once_each() -> None:
    bare = [{key: one[key] for key in one if key != "id"} for one in _records("keycloak")]
    taken = _whole(_read("keycloak", json.dumps(bare)))
    assert len(taken.hops) == len({hop.span_id for hop in taken.hops}) == len(_hops("keycloak"))
    assert _read("keycloak", json.dumps(bare * 2)).hops == taken.hops * 2


def test_authgents_rows_are_read_as_a_database_writes_them() -> None:
    """`metadata` as text, a row a line."""
    rows = [{**one, "metadata": json.dumps(one["metadata"])} for one in _records("authgent")]
    assert _read("authgent", "\n".join(map(json.dumps, rows))).hops == _hops("authgent")
    torn = _read("authgent", json.dumps({**rows[0], "metadata": "{"}))
    assert [why.detail for _, why in torn.rejected] == ["metadata is no JSON"]


def _compact(payload: Any) -> str:
    part = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{part}.fake"


def test_security_event_tokens_are_read_as_they_are_pushed() -> None:
    """RFC 8935: the token alone, without quotes; and a file of them, one a line."""
    tokens = [_compact(one) for one in _records("caep")]
    assert _read("caep", "\n".join(tokens)).hops == _hops("caep")
    assert _read("caep", tokens[0]).hops == _hops("caep")[:1]


def test_a_subject_with_several_names_is_known_by_the_first_that_serves() -> None:
    [record] = _records("caep")[1:2]
    names = [{"format": "phone_number", "phone_number": "+1"}, record["sub_id"]]
    data = json.dumps({**record, "sub_id": {"format": "aliases", "identifiers": names}})
    [person] = _whole(_read("caep", data)).hops
    assert person.subject_id == "u-7f3a"
    unknown = _read("caep", json.dumps({**record, "sub_id": names[0]}))
    assert "sub_id names no session" in unknown.rejected[0][1].detail


Wrap = Callable[[list[Any]], Any]


@pytest.mark.parametrize(
    "name,wrap",
    [
        ("auth0", lambda found: {"logs": found}),
        ("auth0", lambda found: {"logs": [{"log_id": "l", "data": one} for one in found]}),
        ("auth0", lambda found: [{"detail": {"data": one}} for one in found]),
        ("cloudtrail", lambda found: {"Events": [{"CloudTrailEvent": json.dumps(one)} for one in found]}),
        ("cloudtrail", lambda found: [{"Records": found[:2]}, {"Records": []}, {"Records": found[2:]}]),
        ("entra", lambda found: {"value": found}),
        ("entra", lambda found: [{"records": found}]),
        ("gcp", lambda found: {"entries": found}),
        ("gcp", lambda found: [
            {key.replace("protoPayload", "protopayload_auditlog"): one[key] for key in one}
            for one in found
        ]),
        ("gcp", lambda found: {"receivedMessages": [
            {"ackId": "a", "message": {"data": base64.b64encode(json.dumps(one).encode()).decode()}}
            for one in found
        ]}),
        ("okta", lambda found: [found[:2], found[2:]]),
        ("okta", lambda found: [{"detail-type": "SystemLog", "detail": one} for one in found]),
        ("okta", lambda found: [{"time": 1, "event": one} for one in found]),
    ],
)  # fmt: skip
def test_envelopes_change_nothing(name: str, wrap: Wrap) -> None:
    taken = _whole(_read(name, json.dumps(wrap(_records(name)))))
    assert taken.hops == _hops(name)


@pytest.mark.parametrize(
    "name,data",
    [
        ("auth0", '[{"logs": []}]'),
        ("cloudtrail", '[{"Records": []}]'),
        ("cloudtrail", '{"Records": []}'),
        ("entra", '[{"value": []}]'),
        ("entra", '{"records": []}'),
        ("gcp", '[{"entries": []}]'),
        *((name, "[]") for name in SOURCES),
    ],
)
def test_an_envelope_with_nothing_in_it_is_passed_over(name: str, data: str) -> None:
    assert _whole(_read(name, data)).passed_over == 1


@pytest.mark.parametrize("name", SOURCES)
def test_a_torn_line_costs_no_other(name: str) -> None:
    """A first one, as a rotation leaves it; one in the middle; text among JSON; an array that is cut off."""
    lines = [json.dumps(one) for one in _records(name)]
    for torn in ('me": "x"}', '{"a": ', "INFO started", '{"a": "b'):
        for at in (0, 1):
            data = "\n".join([*lines[:at], torn, *lines[at:]])
            taken = _read(name, data)
            assert taken.hops == _hops(name), (torn, at)
            assert len(taken.rejected) == 1
    cut_off = "[\n" + ",\n".join(lines) + ',\n{"a": "b'
    assert _read(name, cut_off).hops == _hops(name)


def test_what_is_torn_all_over_is_not_read_for_ever() -> None:
    taken = _read("okta", "{a\n" * 5_000)
    assert len(taken.rejected) == 101
    assert "torn at more than 100 places" in taken.rejected[-1][1].detail


@pytest.mark.parametrize("name", SOURCES)
def test_a_record_that_came_packed_is_read_like_the_plain_one(name: str) -> None:
    """CloudWatch hands its logs on as gzip, and connectors whole objects of S3."""
    plain = json.dumps(_records(name)).encode()
    packed = gzip.compress(plain[:40]) + gzip.compress(plain[40:])
    assert _read(name, packed) == _read(name, plain)
    assert [why.reason for _, why in _read(name, packed[:-9]).rejected] == ["truncated"]
    assert [why.reason for _, why in _read(name, b"\x1f\x8b").rejected] == ["truncated"]


def test_a_record_that_unpacks_to_more_than_a_worker_takes_is_refused() -> None:
    bomb = gzip.compress(b" " * (65 << 20))
    assert [why.reason for _, why in _read("okta", bomb).rejected] == ["too_large"]


def test_digests_and_insights_beside_cloudtrails_events_are_passed_over() -> None:
    digest = {"awsAccountId": "1", "digestS3Object": "d.json.gz", "logFiles": []}
    insight = {"Records": [{"eventCategory": "Insight", "eventID": "i", "insightDetails": {}}]}
    taken = _whole(_read("cloudtrail", json.dumps(digest) + "\n" + json.dumps(insight)))
    assert (taken.hops, taken.passed_over) == ([], 2)


def test_entries_of_other_logs_beside_googles_audits_are_passed_over() -> None:
    other = {"logName": "projects/p/logs/stdout", "insertId": "1", "textPayload": "hello"}
    taken = _whole(_read("gcp", json.dumps(other)))
    assert (taken.hops, taken.passed_over) == ([], 1)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    "data",
    ["id,timestamp,action\n1,2026-11-30,token.issued\n", "<Events/>", "2026-11-30 text", "-7x"],
)
def test_csv_xml_and_text_are_refused_by_name(name: str, data: str) -> None:
    taken = _read(name, data)
    assert [why.reason for _, why in taken.rejected] == ["not_otlp"]
    assert f"no record of {name}" in taken.rejected[0][1].detail
    assert "CSV, XML or plain text" in taken.rejected[0][1].detail


@pytest.mark.parametrize("when", ["9026-11-30T10:00:00Z", "0001-01-01T00:00:00Z", 10**18, "soon"])
def test_a_time_that_is_none_is_refused_by_its_name(when: object) -> None:
    """The year 9026 in nanoseconds is more than a frame holds."""
    [record] = _records("authgent")[:1]
    taken = _read("authgent", json.dumps({**record, "timestamp": when}))
    assert [why.detail.split(" is ")[0] for _, why in taken.rejected] == ["timestamp"]


@pytest.mark.parametrize("name", SOURCES)
def test_a_message_without_a_value_is_refused(name: str) -> None:
    assert [why.detail for _, why in _read(name, b"").rejected] == ["the record is empty"]


def test_a_folder_is_read_whatever_its_logs_are_called_and_the_rest_is_named(
    tmp_path: Path,
) -> None:
    """Rotated, packed, without an extension as Firehose has them, and deep as in S3."""
    at = tmp_path / "AWSLogs/1/CloudTrail/eu-west-1/2026/11/30"
    at.mkdir(parents=True)
    logs = ["1_CloudTrail_x.json.gz", "app.log", "app.log.1", "b.json.gz.1", "trail-1-2026-abc",
            "audit.log.2026-11-30", "C.JSON"]  # fmt: skip
    others = [".DS_Store", ".x.json.gz.part", "report.csv", "notes.md"]
    for name in (*logs, *others):
        (at / name).write_bytes(gzip.compress(b"{}") if "gz" in name else b"{}")
    found, left_out = below([tmp_path])
    assert {path.name for path in found} == set(logs)
    assert {path.name for path in left_out} == set(others)
    named = at / "report.csv"
    assert below([named]) == ([named], [])


def test_a_file_in_which_nothing_was_written_yet_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "empty.json.gz").write_bytes(gzip.compress(b""))
    for path in below([tmp_path])[0]:
        assert list(read_file(SOURCES["cloudtrail"], path, Origin())) == []


def test_the_servers_log_is_read_a_line_at_a_time_and_followed(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(SERVER_LOG)
    parts = list(read_file(SOURCES["keycloak"], log, Origin(ISSUER)))
    assert len(parts) == len(SERVER_LOG.splitlines())
    assert [hop for _, taken in parts for hop in taken.hops] == _read("keycloak", SERVER_LOG).hops

    first, half = SERVER_LOG.split("\n", 2)[:2]
    log.write_text(f"{first}\n{half[:90]}")
    tail = Tail(SOURCES["keycloak"], tmp_path, {})
    assert [value.decode() for piece in tail.pieces() for value in piece.values] == [first]
    with log.open("a") as file:
        file.write(half[90:] + "\n")
    [sent] = [value for piece in tail.pieces() for value in piece.values]
    assert [hop.token_jti for hop in _read("keycloak", sent).hops] == ["onrtac:1", "rt-1"]
    lines = SERVER_LOG.encode().splitlines(keepends=True)
    assert cut(SOURCES["keycloak"], SERVER_LOG.encode() + b"2026-11-30 10:0", False) == (
        lines, b"2026-11-30 10:0"
    )  # fmt: skip


def test_files_that_are_left_out_of_a_watched_folder_are_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "report.csv").write_text("a,b\n")
    tail = Tail(SOURCES["cloudtrail"], tmp_path, {})
    assert list(tail.pieces()) == list(tail.pieces()) == []
    [said] = [record.getMessage() for record in caplog.records]
    assert "report.csv: left out" in said
