"""Each source on its sample in the repository: what every record becomes, and that each is accounted for."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from grantline.dialects.people import Persons
from grantline.model.hop import Hop
from grantline.sources import SOURCES, Origin, Taken, read, read_file
from grantline.sources.facts import scopes, text
from grantline.wire.frames import encode_hops

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "schemas" / "examples" / "sources"
ISSUER = "https://as.example.com"


def _sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def _read(name: str, data: bytes | None = None, **origin: Any) -> Taken:
    return read(SOURCES[name], data or _sample(name), Origin(ISSUER, **origin))


def _hops(name: str) -> list[Hop]:
    taken = _read(name)
    assert taken.rejected == []
    return taken.hops


def test_every_source_has_a_sample_and_every_sample_a_source() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == SOURCES.keys()


@pytest.mark.parametrize(
    "name,operations,passed_over",
    [
        ("auth0", {"grant": 2, "renew": 1, "delegate": 2, "revoke": 3}, 1),
        ("authgent", {"grant": 1, "delegate": 3, "revoke": 1}, 1),
        ("caep", {"revoke": 3}, 1),
        ("cloudtrail", {"delegate": 3, "use": 3, "revoke": 1, "grant": 1}, 1),
        ("entra", {"grant": 2, "delegate": 2, "revoke": 1}, 2),
        ("gcp", {"grant": 1, "delegate": 2, "use": 2, "revoke": 2}, 1),
        ("keycloak", {"grant": 1, "renew": 3, "delegate": 2, "revoke": 3}, 1),
        ("okta", {"grant": 2, "renew": 1, "delegate": 3, "revoke": 4}, 2),
        ("toolhive", {"use": 3}, 1),
    ],
)
def test_a_sample_becomes_hops_and_what_tells_of_no_delegation_is_counted(
    name: str, operations: dict[str, int], passed_over: int
) -> None:
    taken = _read(name, received=1_795_000_000_000)
    assert Counter(hop.operation for hop in taken.hops) == operations
    assert taken.passed_over == passed_over
    assert taken.rejected == []
    assert {hop.received for hop in taken.hops} == {1_795_000_000_000}


@pytest.mark.parametrize("name", SOURCES)
def test_a_record_told_twice_is_one_hop_and_two_records_never_are(name: str) -> None:
    once = _hops(name)
    assert _read(name).hops == once
    assert len({hop.span_id for hop in once}) == len(once)


@pytest.mark.parametrize("name", SOURCES)
def test_what_looks_like_a_token_is_in_no_hop(name: str) -> None:
    """Whatever field it stands in, under whatever name."""
    fake = "eyJhbGciOiJmYWtlIn0.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJl"

    def planted(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: planted(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [planted(inner) for inner in value]
        return fake if isinstance(value, str) and value.islower() and "." not in value else value

    taken = _read(name, json.dumps(planted(json.loads(_sample(name)))).encode())
    assert "eyJ" not in repr(taken)


@pytest.mark.parametrize("name", SOURCES)
def test_a_log_that_is_cut_off_gives_what_was_whole_and_one_rejection(name: str) -> None:
    lines = b"\n".join(json.dumps(one).encode() for one in _records(name))
    taken = _read(name, lines[:-20])
    assert [why.reason for _, why in taken.rejected] == ["truncated"]
    assert len(taken.hops) + taken.passed_over >= len(_records(name)) - 1


def _records(name: str) -> list[Any]:
    made = json.loads(_sample(name))
    return list(made["Records"] if isinstance(made, dict) else made)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    "data", [b"[1, null, []]", b'"text"', b"[[[[[]]]]]", b"\xff\xfe", b'{"a": NaN}', b"{" * 5_000]
)
def test_what_is_no_record_of_the_log_is_rejected_by_name(name: str, data: bytes) -> None:
    taken = _read(name, data)
    assert taken.hops == []
    assert taken.rejected or taken.passed_over


@pytest.mark.parametrize("name", ["authgent", "keycloak", "okta"])
def test_a_log_that_does_not_name_its_issuer_needs_one(name: str) -> None:
    taken = read(SOURCES[name], _sample(name), Origin())
    assert taken.hops == []
    assert {why.reason for _, why in taken.rejected} == {"missing_attribute"}
    assert "--issuer" in taken.rejected[0][1].detail


def test_nobody_is_named_by_an_e_mail_address() -> None:
    for name in SOURCES:
        assert "@example.test" not in repr(_hops(name))


def test_people_are_named_as_emitters_name_them_with_the_same_key() -> None:
    persons = Persons(b"0123456789abcdef", "k7")
    [grant, *_] = _read("keycloak", persons=persons).hops
    assert grant.subject_id == persons.name(ISSUER, "9a206a7c-4e43-4963-a47f-ab25433a4389")
    assert grant.subject_id.startswith("hmac-sha256:k7:")


def test_cloudtrail_names_a_session_by_its_key_and_an_actor_by_its_role() -> None:
    made, planner, reader, *_ = _hops("cloudtrail")
    assert (made.token_parent_jti, made.token_jti) == (
        "AKIAFAKEADMIN0000001",
        "AKIAFAKEDEPLOYER0001",
    )
    assert made.actor_id == planner.presenter_id == "arn:aws:iam::111122223333:user/deployer"
    assert planner.token_jti == reader.token_parent_jti == "ASIAFAKEPLANNER00001"
    assert planner.actor_id == reader.presenter_id == "arn:aws:iam::111122223333:role/planner"
    assert planner.actor_instance_id == "arn:aws:sts::111122223333:assumed-role/planner/plan-7"
    assert planner.token_expires_at == 1_773_738_000
    assert "visibly-fake-session-token" not in repr(_hops("cloudtrail"))


def test_cloudtrail_tells_a_call_that_was_refused_from_one_that_failed() -> None:
    [record] = [one for one in _records("cloudtrail") if one["eventName"] == "GetSecretValue"]
    outcomes = {
        code: read(
            SOURCES["cloudtrail"], json.dumps({**record, "errorCode": code}).encode(), Origin()
        ).hops[0].decision_outcome
        for code in ("AccessDenied", "Client.UnauthorizedOperation", "ExpiredTokenException",
                     "ResourceNotFoundException", "ThrottlingException")
    }  # fmt: skip
    assert list(outcomes.values()) == ["deny", "deny", "deny", "allow", "allow"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda records: {"Records": records},
        lambda records: [{"version": "0", "detail": record} for record in records],
        lambda records: {"logEvents": [{"message": json.dumps(record)} for record in records]},
        lambda records: records,
    ],
    ids=["S3", "EventBridge", "CloudWatch Logs", "bare"],
)
def test_cloudtrail_is_read_in_every_envelope(wrap: Any) -> None:
    data = json.dumps(wrap(_records("cloudtrail"))).encode()
    assert _read("cloudtrail", data).hops == _hops("cloudtrail")


def test_keycloak_says_what_was_refused_and_for_whom_an_exchange_was_made() -> None:
    exchanged, refused = (hop for hop in _hops("keycloak") if hop.operation == "delegate")
    assert (exchanged.delegator_id, exchanged.actor_id) == ("app", "planner")
    assert exchanged.session_id == "IaJUZyyg3jab"
    assert refused.refused
    assert refused.decision_reason == "client is not within the token audience"


def test_keycloak_ends_a_token_a_session_and_a_person() -> None:
    revoked = [hop for hop in _hops("keycloak") if hop.operation == "revoke"]
    assert [hop.revocation_target for hop in revoked] == ["token", "session", "subject"]
    assert revoked[0].token_jti == "ntrtte:2"


def test_a_security_event_names_a_session_a_person_or_a_token() -> None:
    session, person, token = _hops("caep")
    assert (session.revocation_target, session.session_id) == ("session", "IaJUZyyg3jab")
    assert (person.subject_id, person.revocation_reason) == ("u-7f3a", "compromise")
    assert (token.token_issuer, token.token_jti) == ("https://as.example.com", "tok_2")


def test_a_compact_security_event_token_is_read_like_its_payload() -> None:
    import base64

    def compact(payload: Any) -> str:
        part = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
        return f"eyJhbGciOiJub25lIn0.{part}.fake"

    sets = json.loads(_sample("caep"))
    lines = "\n".join(json.dumps(compact(one)) for one in sets).encode()
    assert _read("caep", lines).hops == _hops("caep")
    polled = json.dumps({"sets": {one["jti"]: compact(one) for one in sets}}).encode()
    assert _read("caep", polled).hops == _hops("caep")


def test_authgent_takes_an_exchange_of_an_id_token_for_the_grant_it_is() -> None:
    grant, exchanged, *_ = _hops("authgent")
    assert (grant.operation, grant.token_jti) == ("grant", "tok_1")
    assert (exchanged.operation, exchanged.token_parent_jti) == ("delegate", "tok_1")
    assert grant.root_id is None  # an audit row mints no root


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("lines", [False, True], ids=["whole", "a document a line"])
def test_a_file_is_read_whole_or_line_by_line_packed_or_not(
    tmp_path: Path, pack: Any, lines: bool
) -> None:
    data = _sample("cloudtrail")
    if lines:
        data = b"\n".join(json.dumps(one).encode() for one in _records("cloudtrail"))
    (tmp_path / "log").write_bytes(pack(data))
    parts = list(read_file(SOURCES["cloudtrail"], tmp_path / "log", Origin()))
    assert [hop for _, taken in parts for hop in taken.hops] == _hops("cloudtrail")
    assert len(parts) == (len(_records("cloudtrail")) if lines else 1)


def test_text_is_bounded() -> None:
    assert text("x" * 1_025) is None
    assert text(True) is None
    assert text(" 7 ") == text(7) == "7"
    assert scopes(["b a", 3, "", "a"]) == ("3", "a", "b")


def test_a_person_whom_an_administrator_logs_out_of_keycloak_loses_what_every_client_was_given() -> (
    None
):
    """Beside a person, an actor would narrow it to what that one was given."""
    [person] = [hop for hop in _hops("keycloak") if hop.revocation_target == "subject"]
    assert person.actor_id is None


@pytest.mark.parametrize("name", SOURCES)
def test_half_a_surrogate_pair_in_any_field_stops_no_worker(name: str) -> None:
    def torn(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: torn(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [torn(inner) for inner in value]
        return value + "\ud800" if isinstance(value, str) and "-" not in value else value

    for record in _records(name):
        for key in record:
            data = json.dumps([{**record, key: torn(record[key])}]).encode()
            assert encode_hops(_read(name, data).hops)


def test_a_service_that_assumes_a_role_for_somebody_does_not_become_the_subject() -> None:
    [record] = [one for one in _records("cloudtrail") if one["userIdentity"].get("invokedBy")]
    asked = {**record["requestParameters"], "sourceIdentity": "alice"}
    data = json.dumps({**record, "requestParameters": asked}).encode()
    [grant] = _read("cloudtrail", data).hops
    assert (grant.operation, grant.subject_id) == ("grant", "alice")
    assert grant.delegator_id == record["userIdentity"]["invokedBy"]


@pytest.mark.parametrize("name", SOURCES)
def test_a_number_without_end_in_any_field_stops_no_worker(name: str) -> None:
    def endless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: endless(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [endless(inner) for inner in value]
        return 10**30 if isinstance(value, int) and not isinstance(value, bool) else value

    for record in _records(name):
        for key in record:
            data = json.dumps([{**record, key: endless(record[key])}]).encode()
            assert encode_hops(_read(name, data).hops)


@pytest.mark.parametrize("name", SOURCES)
def test_a_number_that_python_does_not_read_stops_no_worker(name: str) -> None:
    records = [{**record, "padding": 0} for record in _records(name)]
    data = json.dumps(records).replace('"padding": 0', f'"padding": {"7" * 5_000}').encode()
    assert _read(name, data).hops == _hops(name)
