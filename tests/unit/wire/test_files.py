"""Replay inputs: told apart by content, numbered, and a bad line costs only itself."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from grantline.wire.files import FILE, read_file
from grantline.wire.otlp import Limits, decode
from tests.otlp import DATA, as_json, json_of, protobuf, request, span

pytestmark = pytest.mark.usefixtures("decoder")

REAL = sorted(path for path in DATA.iterdir() if path.suffix != ".md")


def written(folder: Path, data: bytes) -> Path:
    path = folder / "misleading.txt"
    path.write_bytes(data)
    return path


def spans_of(path: Path, limits: Limits = FILE) -> list[tuple[int, list[str], list[str]]]:
    """Number, the last digits of the hops' spans, and the reasons, for each request."""
    return [
        (number, [h.span_id[-1] for h in got.hops], [bad.reason for _, bad in got.rejected])
        for number, got in read_file(path, limits)
    ]


def test_there_are_real_files() -> None:
    assert len(REAL) == 14


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_traces_go_through_and_hold_no_hop(path: Path) -> None:
    read = [decoded for _, decoded in read_file(path)]
    assert not any(decoded.hops or decoded.rejected for decoded in read)
    assert sum(decoded.passed_over for decoded in read) > 0


@pytest.mark.parametrize("stem", sorted({p.name.split(".")[0] for p in REAL if p.suffix == ".pb"}))
def test_a_real_trace_has_as_many_spans_in_json_as_in_protobuf(stem: str) -> None:
    [(_, from_json)] = read_file(DATA / f"{stem}.otlp.json")
    assert from_json == decode((DATA / f"{stem}.otlp.pb").read_bytes())


def test_json_lines_are_numbered_and_a_bad_one_costs_only_itself(tmp_path: Path) -> None:
    lines = [json_of(span(number=1)), b"{broken", b"", json_of(span(number=2))[:-9]]
    lines.append(json_of(span(number=3)))
    expected = [
        (1, ["1"], []),
        (2, [], ["not_otlp"]),
        (4, [], ["truncated"]),
        (5, ["3"], []),
    ]
    for end in (b"\n", b"\r\n"):
        assert spans_of(written(tmp_path, end.join(lines))) == expected
    packed = gzip.compress(b"\n".join(lines))
    assert spans_of(written(tmp_path, packed)) == expected


def test_json_lines_may_begin_with_a_bad_one(tmp_path: Path) -> None:
    data = b"\n".join([json_of(span(number=1))[:-9], json_of(span(number=2))])
    assert spans_of(written(tmp_path, data)) == [(1, [], ["truncated"]), (2, ["2"], [])]
    data = b"\n" + json_of(span(number=2)) + b"\n" + json_of(span(number=3))
    assert spans_of(written(tmp_path, data)) == [(2, ["2"], []), (3, ["3"], [])]


@pytest.mark.parametrize("before", [b"", b"\n", b"\xef\xbb\xbf"])
def test_pretty_printed_json_is_one_request(tmp_path: Path, before: bytes) -> None:
    data = json.dumps(as_json(request(span())), indent=2).encode()
    assert spans_of(written(tmp_path, before + data + b"\n")) == [(1, ["1"], [])]
    assert spans_of(written(tmp_path, before + data[:-20])) == [(1, [], ["truncated"])]


def test_protobuf_is_one_request(tmp_path: Path) -> None:
    data = protobuf(span(number=1), span(number=2))
    assert spans_of(written(tmp_path, data)) == [(1, ["1", "2"], [])]
    assert spans_of(written(tmp_path, gzip.compress(data))) == [(1, ["1", "2"], [])]
    assert spans_of(written(tmp_path, data[:-5])) == [(1, [], ["truncated"])]


def test_protobuf_may_have_lengths_before_each_request(tmp_path: Path) -> None:
    requests = [protobuf(span(number=n)) for n in (1, 2)]
    four_bytes = b"".join(len(one).to_bytes(4) + one for one in requests)
    varints = b"".join(bytes((len(one) & 127 | 128, len(one) >> 7)) + one for one in requests)
    for data in (four_bytes, varints):
        assert spans_of(written(tmp_path, data)) == [(1, ["1"], []), (2, ["2"], [])]


def test_gzip_cut_off_loses_what_was_cut(tmp_path: Path) -> None:
    lines = b"".join(json_of(span(number=n)) + b"\n" for n in range(1, 5))
    packed = gzip.compress(lines, compresslevel=0)
    path = written(tmp_path, packed[: len(packed) * 3 // 5])
    assert spans_of(path) == [(1, ["1"], []), (2, ["2"], []), (3, [], ["truncated"])]


def test_a_file_above_the_limit_is_rejected_but_json_lines_go_on(tmp_path: Path) -> None:
    limits = Limits(size=2000, spans=10)
    big = protobuf(*[span(number=n) for n in range(1, 9)])
    assert spans_of(written(tmp_path, big), limits) == [(1, [], ["too_large"])]
    assert spans_of(written(tmp_path, gzip.compress(big)), limits) == [(1, [], ["too_large"])]
    lines = b"".join(json_of(span(number=n)) + b"\n" for n in range(1, 5))
    assert [hops for _, hops, _ in spans_of(written(tmp_path, lines), limits)] == (
        [["1"], ["2"], ["3"], ["4"]]
    )


def test_an_empty_file_is_a_rejection_and_a_missing_one_an_error(tmp_path: Path) -> None:
    assert spans_of(written(tmp_path, b"")) == [(1, [], ["not_otlp"])]
    with pytest.raises(FileNotFoundError):
        list(read_file(tmp_path / "absent"))


@pytest.mark.parametrize("indent", [None, 2])
def test_what_an_analyst_downloads_is_read(tmp_path: Path, indent: int | None) -> None:
    """Tempo's and Jaeger's answers, rotel's arrays, one a line or printed over many."""
    groups = as_json(request(span(number=1), span(number=2)))["resourceSpans"]
    for document in ({"batches": groups}, {"trace": {"resourceSpans": groups}}, groups, [groups]):
        path = written(tmp_path, json.dumps(document, indent=indent).encode())
        assert spans_of(path) == [(1, ["1", "2"], [])]
        path = written(tmp_path, gzip.compress(path.read_bytes()))
        assert spans_of(path) == [(1, ["1", "2"], [])]
