"""One odd attribute costs no span: what is meant clearly is put right, what is not is dropped, and the
hop is flagged with its name either way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList

from grantline.model.hop import Hop
from grantline.wire.otlp import decode
from grantline.wire.otlp_attributes import FLAGS
from tests.otlp import BOOKER, DIGEST, USE, as_json, both, json_of, pairs, protobuf, request, span
from tests.wire_format import bytes_field

pytestmark = pytest.mark.usefixtures("decoder")

KVLIST = AnyValue(kvlist_value=KeyValueList(values=pairs({"k": "v"})))
MANY = [f"s{n:04}" for n in range(1_100)]


def taken(attributes: dict[str, Any], **fields: Any) -> Hop:
    """The hop of a span that differs from a sound one in `attributes`: the same in both encodings, and
    its neighbours are as ever."""
    found = []
    for data in both([span(number=1), span({**USE, **attributes}, 2, **fields), span(number=3)]):
        decoded = decode(data)
        assert decoded.rejected == []
        before, hop, after = decoded.hops
        assert before.flags == after.flags == ()
        assert set(hop.flags) <= FLAGS
        found.append(hop)
    assert found[0] == found[1]
    return found[0]


def test_each_field_but_the_odd_one_is_as_it_was() -> None:
    sound, odd = taken({}), taken({"delegation.depth": "deep"})
    assert {f for f in Hop.__struct_fields__ if getattr(sound, f) != getattr(odd, f)} == {
        "depth",
        "flags",
    }


@pytest.mark.parametrize(
    "value, subject, flags",
    [
        (42, "42", ("subject_id_normalised",)),
        (42.0, "42", ("subject_id_normalised",)),
        (["alice"], "alice", ("subject_id_normalised",)),
        (["alice", None, ""], "alice", ("subject_id_normalised",)),
        ([], None, ()),
        (["alice", "bob"], None, ("subject_id_invalid",)),
        (0.5, None, ("subject_id_invalid",)),
        (1e300, None, ("subject_id_invalid",)),
        (True, None, ("subject_id_invalid",)),
        (b"alice", None, ("subject_id_invalid",)),
        (KVLIST, None, ("subject_id_invalid",)),
        ("x" * 1025, None, ("subject_id_invalid",)),
        ("", None, ()),
        (None, None, ()),
    ],
    ids=str,
)
def test_a_text_of_another_type(value: object, subject: str | None, flags: tuple[str]) -> None:
    hop = taken({"delegation.subject.id": value})
    assert (hop.subject_id, hop.flags) == (subject, flags)


@pytest.mark.parametrize(
    "value, depth",
    [("deep", None), ("1_000", None), ("٣", None), (0.5, None), (True, None), ("9" * 40, None),
     (str(1 << 63), None), ([1], None), (KVLIST, None), (float("inf"), None)],
)  # fmt: skip
def test_an_integer_that_is_none(value: object, depth: None) -> None:
    hop = taken({"delegation.depth": value})
    assert (hop.depth, hop.flags) == (depth, ("depth_invalid",))


EXPIRY = 1_795_000_900


@pytest.mark.parametrize(
    "value",
    [
        EXPIRY + 0.5, f"{EXPIRY}.5", f"{EXPIRY}.000",
        EXPIRY * 1_000, EXPIRY * 1_000_000, EXPIRY * 1_000_000_000, EXPIRY * 1e3,
        EXPIRY * 1_000 + 999, f"{EXPIRY}000",
        datetime.fromtimestamp(EXPIRY, UTC).isoformat(), "2026-11-18T11:21:40.25Z",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["expires_at", "issued_at"])
def test_an_instant_in_another_unit_or_form_is_put_right(value: object, field: str) -> None:
    hop = taken({f"delegation.token.{field}": value})
    assert getattr(hop, f"token_{field}") == EXPIRY
    assert hop.flags == (f"token_{field}_normalised",)


@pytest.mark.parametrize(
    "value", [EXPIRY, str(EXPIRY), float(EXPIRY), 946_684_800, 253_402_300_799]
)
def test_an_instant_as_the_convention_has_it_is_not_flagged(value: Any) -> None:
    hop = taken({"delegation.token.expires_at": value})
    assert (hop.token_expires_at, hop.flags) == (int(value), ())


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), 1e300, -1.5, 0, -1, 3_600, (1 << 63) - 1, "soon",
     "never", "2026-11-18", "2026-11-18T11:21:40", "9" * 40, True, [EXPIRY], KVLIST,
     253_402_300_800, 0.5],
)  # fmt: skip
def test_an_instant_that_is_none_is_dropped(value: object) -> None:
    hop = taken({"delegation.token.expires_at": value})
    assert (hop.token_expires_at, hop.flags) == (None, ("token_expires_at_invalid",))


@pytest.mark.parametrize(
    "value, truth, flags",
    [
        (1, True, ("token_single_use_normalised",)),
        ("0", False, ("token_single_use_normalised",)),
        ("yes", None, ("token_single_use_invalid",)),
        (["true"], None, ("token_single_use_invalid",)),
        (2, None, ("token_single_use_invalid",)),
        ("TRUE", True, ()),
        ("", None, ()),
    ],
)
def test_a_boolean_told_otherwise(value: object, truth: bool | None, flags: tuple[str]) -> None:
    attributes = {k: v for k, v in USE.items() if k != "delegation.token.single_use"}
    for data in both([span({**attributes, "delegation.token.single_use": value})]):
        [hop] = decode(data).hops
        assert (hop.token_single_use, hop.flags) == (truth, flags)


@pytest.mark.parametrize(
    "value",
    [f"md5:{DIGEST}", DIGEST, "sha256:", f"sha256:{DIGEST[:32]}", f"hmac-sha256:{DIGEST}", 7,
     f"SHA-512:{DIGEST}{DIGEST}", KVLIST, b"x" * 32],
)  # fmt: skip
def test_a_digest_that_is_none_of_ours_is_dropped(value: object) -> None:
    hop = taken({"delegation.token.parent_fingerprint": value})
    assert hop.token_parent_fingerprint is None
    assert hop.flags == ("token_parent_fingerprint_invalid",)


@pytest.mark.parametrize("name", ["SHA256:", "sha-256:", "SHA-256="])
def test_a_digest_whose_name_is_spelt_otherwise(name: str) -> None:
    hop = taken({"delegation.token.fingerprint": name + DIGEST.upper()})
    assert hop.token_fingerprint == f"sha256:{DIGEST}"
    assert hop.flags == ("token_fingerprint_normalised",)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_have_costs_its_attribute(number: str) -> None:
    """Python's json writes it bare, all the same."""
    odd = {**USE, "delegation.token.expires_at": 0.5, "note": "NaN, Infinity"}
    good, bad = json_of(span()), json_of(span(odd)).replace(b"0.5", number.encode())
    for data in (bad, b"[%b]" % bad, good + b"\n" + bad, bad + b"\n" + good):
        decoded = decode(data)
        assert decoded.rejected == []
        assert ("token_expires_at_invalid",) in [hop.flags for hop in decoded.hops]


# Lists


@pytest.mark.parametrize("entries", [["a", None], ["a", ""], [None, "a"], ["", None, "a", ""]])
def test_an_entry_that_is_empty_or_null_says_nothing(entries: list[str | None]) -> None:
    """opentelemetry-java writes "" as an empty AnyValue; JavaScript and Python write null as one."""
    hop = taken({"delegation.granted_scopes": entries, "delegation.audiences": entries})
    assert (hop.granted_scopes, hop.audiences, hop.flags) == (("a",), ("a",), ())


def test_a_null_in_an_array_of_json_says_nothing() -> None:
    made = as_json(request(span({**USE, "delegation.granted_scopes": ["a", "PLACE"]})))
    data = json.dumps(made).encode().replace(b'{"stringValue": "PLACE"}', b"null")
    [hop] = decode(data).hops
    assert (hop.granted_scopes, hop.flags) == (("a",), ())


@pytest.mark.parametrize("many", [80, 200, 1_000])
def test_long_lists_are_kept_whole(many: int) -> None:
    hop = taken({"delegation.granted_scopes": MANY[:many], "delegation.audiences": MANY[:many]})
    assert hop.granted_scopes == hop.audiences == tuple(MANY[:many])
    assert hop.flags == ()


@pytest.mark.parametrize("told", [MANY, " ".join(MANY), json.dumps(MANY), [" ".join(MANY[:100])]])
@pytest.mark.parametrize("field", ["granted", "requested", "parent", "required"])
def test_scopes_beyond_any_bound_are_cut_and_said_to_be(told: Any, field: str) -> None:
    hop = taken({f"delegation.{field}_scopes": told})
    found = getattr(hop, f"{field}_scopes")
    if told == [" ".join(MANY[:100])]:
        assert (found, hop.flags) == (tuple(MANY[:100]), ())
    else:
        assert (found, hop.flags) == (tuple(MANY[:1_024]), ("scopes_truncated",))


@pytest.mark.parametrize(
    "told, scopes",
    [
        (["a", KVLIST], ("a",)),
        (["a", True, b"b"], ("a",)),
        (["a", ["b"]], ("a",)),
        (["a", "x" * 1025], ("a",)),
        ("['a', 'b", ("a",)),
        ('["a", "b', ("a",)),
        ("x" * 70_000, None),
        (7, None),
        (True, None),
        (b"a", None),
        (KVLIST, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_scopes_of_which_a_part_cannot_be_read(told: Any, scopes: tuple[str] | None) -> None:
    hop = taken({"delegation.granted_scopes": told})
    assert (hop.granted_scopes, hop.flags) == (scopes, ("scopes_truncated",))


@pytest.mark.parametrize(
    "told",
    ["['a', 'b']", "('b', 'a')", "{'a', 'b'}", "['a', None, 'b', ]", "[u'a', u'b']", "['a b']",
     """["a", 'b']""", "[a, b]", "[a b]", [7, "a"], "['a\\'', 'b']"],
    ids=str,
)  # fmt: skip
def test_a_list_that_another_program_made_a_text_of(told: Any) -> None:
    hop = taken({"delegation.granted_scopes": told})
    assert hop.flags == ("granted_scopes_normalised",)
    assert hop.granted_scopes in [("a", "b"), ("7", "a"), ("a'", "b")]


def test_other_lists_told_as_text_keep_their_order() -> None:
    hop = taken({"delegation.audiences": "['https://b', 'https://a']"})
    assert hop.audiences == ("https://b", "https://a")
    assert hop.flags == ("audiences_normalised",)
    assert taken({"delegation.audiences": "[::1]"}).audiences == ("[::1]",)


@pytest.mark.parametrize(
    "told",
    [7, ["a", KVLIST], [["a"]], ["x" * 1025], "x" * 1025, MANY, "['a', 'b", KVLIST, True, b"a"],
    ids=lambda value: str(value)[:20],
)
def test_of_another_list_a_part_is_worth_nothing(told: object) -> None:
    hop = taken({"delegation.audiences": told})
    assert (hop.audiences, hop.flags) == (None, ("audiences_invalid",))


# Bytes


def test_a_text_that_is_not_utf_8_is_dropped() -> None:
    for bad, places in ((b"\xff\xfe", (b"\x0a\x02pp", b'"pp"')), (b"\xc3(", (b"pp", b"pp"))):
        for data, place in zip(
            both([span({**USE, "delegation.purpose": "pp"})]), places, strict=True
        ):
            decoded = decode(data.replace(place, place.replace(b"pp", bad)))
            assert [(hop.purpose, hop.flags) for hop in decoded.hops] == [
                (None, ("purpose_invalid",))
            ]


def test_a_name_that_is_not_utf_8_is_none_of_ours() -> None:
    for data in both([span({**USE, "NAME": "x"})]):
        [hop] = decode(data.replace(b"NAME", b"\xff\xfe\xff\xfe")).hops
        assert hop.flags == ()


def test_an_attribute_that_is_broken_is_flagged_without_its_name() -> None:
    data = protobuf(span()).replace(b"\x0a\x10delegation.depth", b"\x0a\x7fdelegation.depth")
    [hop] = decode(data).hops
    assert (hop.depth, hop.flags) == (None, ("attributes_unreadable",))
    made = as_json(request(span()))
    made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] += [7, {"key": 7}]
    [hop] = decode(json.dumps(made).encode()).hops
    assert (hop.depth, hop.flags) == (1, ("attributes_unreadable",))


@pytest.mark.parametrize("name", ["prompt", "delegation.audiences"])
def test_an_attribute_nested_too_deeply_costs_itself(name: str) -> None:
    """Put together by hand: the stock library refuses to write it as well."""
    flags = () if name == "prompt" else ("audiences_invalid",)
    value = AnyValue(string_value="x").SerializeToString()
    for _ in range(5_000):
        value = bytes_field(5, bytes_field(1, value))
    deep = bytes_field(9, bytes_field(1, name.encode()) + bytes_field(2, value))
    data = bytes_field(1, bytes_field(2, bytes_field(2, span().SerializeToString() + deep)))
    [hop] = decode(data).hops
    assert hop.flags == flags
    data = json_of(span({**USE, name: "DEEP"}))
    nested = b'{"arrayValue":{"values":[' * 5_000 + b"]}}" * 5_000
    [hop] = decode(data.replace(b'{"stringValue": "DEEP"}', nested)).hops
    assert hop.flags == flags


def test_dropped_attributes_leave_a_flag_beside_what_is_odd() -> None:
    hop = taken({"delegation.depth": "deep"}, dropped_attributes_count=1)
    assert hop.flags == ("attributes_dropped", "depth_invalid")


def test_a_span_of_very_many_attributes_is_read_whole() -> None:
    hop = taken({**{f"x{n}": n for n in range(2_000)}, "delegation.purpose": "last"})
    assert (hop.purpose, hop.flags) == ("last", ())


def test_of_an_odd_attribute_given_twice_the_last_one_counts() -> None:
    for values, depth, flags in (
        (["deep", 2], 2, ()),
        ([2, "deep"], None, ("depth_invalid",)),
        (["deep", None], None, ("depth_invalid",)),
    ):
        twice = span({k: v for k, v in USE.items() if k != "delegation.depth"})
        for value in values:
            twice.attributes.extend(pairs({"delegation.depth": value}))
        for data in both([twice]):
            [hop] = decode(data).hops
            assert (hop.depth, hop.flags) == (depth, flags)


# The resource


def test_an_odd_attribute_of_the_resource_costs_no_span() -> None:
    for value, service, flags in (
        (7, "7", ("service_normalised",)),
        ("x" * 1025, None, ("service_invalid",)),
    ):
        made = {**BOOKER, "service.name": value}
        for data in both([span(), span({"http.route": "/"}), span(number=3)], resource=made):
            decoded = decode(data)
            assert (decoded.rejected, decoded.passed_over) == ([], 1)
            for hop in decoded.hops:
                assert (hop.service, hop.environment, hop.flags) == (service, "production", flags)


def test_a_resource_that_is_broken_costs_no_span() -> None:
    data = bytes_field(
        1, bytes_field(1, b"\x0a\x7f") + bytes_field(2, bytes_field(2, span().SerializeToString()))
    )
    made = as_json(request(span()))
    made["resourceSpans"][0]["resource"] = 7
    for record in (data, json.dumps(made).encode()):
        [hop] = decode(record).hops
        assert (hop.service, hop.flags) == (None, ("resource_unreadable",))


def test_what_is_odd_on_the_span_and_its_resource_is_told_together() -> None:
    made = {**BOOKER, "service.name": 7}
    for data in both([span({**USE, "delegation.depth": "deep"})], resource=made):
        [hop] = decode(data).hops
        assert hop.flags == ("depth_invalid", "service_normalised")
