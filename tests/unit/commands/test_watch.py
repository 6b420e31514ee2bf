"""What `grantline watch` reads of a growing folder, where it goes on, and what it says of mistakes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from grantline.commands import Failed
from grantline.commands.pieces import MAX_RECORD, Piece, Place, split
from grantline.commands.tail import Tail
from grantline.commands.watch import Memory, cut, topic_of
from grantline.settings import BadSettings, Settings
from grantline.sources import SOURCES, Origin, read

TRAIL = SOURCES["cloudtrail"]


def _event(number: int, padding: int = 0) -> dict[str, Any]:
    return {"eventID": f"e-{number}", "eventName": "GetObject", "padding": "x" * padding}


def _lines(*numbers: int) -> bytes:
    return b"".join(json.dumps(_event(number)).encode() + b"\n" for number in numbers)


def _numbers(pieces: list[Piece]) -> list[str]:
    values = [json.loads(value) for piece in pieces for value in piece.values]
    return [value["eventID"].removeprefix("e-") for value in values]


def _read(tail: Tail) -> list[str]:
    return _numbers(list(tail.pieces()))


def test_appended_lines_and_new_files_are_read_once(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(_lines(1, 2))
    tail = Tail(TRAIL, tmp_path, {})
    assert _read(tail) == ["1", "2"]
    assert _read(tail) == []
    with log.open("ab") as file:
        file.write(_lines(3))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.json").write_bytes(_lines(4))
    assert _read(tail) == ["3", "4"]


def test_a_line_that_is_half_written_waits_for_its_end(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(_lines(1) + _lines(2)[:10])
    tail = Tail(TRAIL, tmp_path, {})
    assert _read(tail) == ["1"]
    with log.open("ab") as file:
        file.write(_lines(2)[10:])
    assert _read(tail) == ["2"]


def test_a_whole_document_gzip_or_not_is_split_into_its_records_once_its_end_is_there(
    tmp_path: Path,
) -> None:
    document = json.dumps({"Records": [_event(1), _event(2)]}, indent=1).encode()
    (tmp_path / "a.json").write_bytes(document[:-5])
    packed = gzip.compress(json.dumps({"Records": [_event(3)]}).encode())
    (tmp_path / "b.json.gz").write_bytes(packed[:-5])
    tail = Tail(TRAIL, tmp_path, {})
    assert _read(tail) == []
    (tmp_path / "a.json").write_bytes(document)
    (tmp_path / "b.json.gz").write_bytes(packed)
    assert _read(tail) == ["1", "2", "3"]
    assert _read(tail) == []


def test_reading_goes_on_at_the_places_that_were_kept(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(_lines(1, 2))
    places = {piece.file: piece.place for piece in Tail(TRAIL, tmp_path, {}).pieces()}
    with log.open("ab") as file:
        file.write(_lines(3))
    assert _read(Tail(TRAIL, tmp_path, places)) == ["3"]


def test_a_renamed_file_is_not_read_again_and_a_new_one_under_its_name_is(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(_lines(1, 2))
    tail = Tail(TRAIL, tmp_path, {})
    assert _read(tail) == ["1", "2"]
    log.rename(tmp_path / "old.log")
    log.write_bytes(_lines(3, 4))
    assert _read(tail) == ["3", "4"]
    log.write_bytes(_lines(5))  # cut, in place
    assert _read(tail) == ["5"]
    log.write_bytes(_lines(6, 7, 8))  # longer than it was, and another all the same
    assert _read(tail) == ["6", "7", "8"]


def test_a_record_is_sent_as_it_is_unless_it_is_too_large_for_a_broker() -> None:
    odd = b' {"eventID":  "e-1"} '
    assert split(TRAIL, odd + b"\n") == ([odd.strip()], 0)
    large = json.dumps(
        {"Records": [_event(1, 600_000), _event(2, 600_000), _event(3, 2 * MAX_RECORD)]}
    )
    values, too_large = split(TRAIL, large.encode())
    assert [json.loads(value)["eventID"] for value in values] == ["e-1", "e-2"]
    assert too_large == 1
    assert split(TRAIL, b"[" * MAX_RECORD + b"[") == ([], 1)
    assert split(TRAIL, b"no json") == ([b"no json"], 0)  # the worker rejects it, by name


def test_standard_input_is_cut_into_whole_documents() -> None:
    pretty = json.dumps({"Records": [_event(1)]}, indent=1).encode() + b"\n"
    assert cut(TRAIL, _lines(1, 2) + b'{"half', False) == ([_lines(1), _lines(2)], b'{"half')
    assert cut(TRAIL, pretty + _lines(2), False) == ([pretty, _lines(2)], b"")
    assert cut(TRAIL, pretty[:20], False) == ([], pretty[:20])
    assert cut(TRAIL, _lines(1)[:-1], False) == ([], _lines(1)[:-1])
    assert cut(TRAIL, _lines(1)[:-1], True) == ([_lines(1)[:-1]], b"")


def test_a_torn_line_of_standard_input_costs_no_other() -> None:
    torn = b'{"eventID": "e-\n'
    assert cut(TRAIL, torn + _lines(2, 3), False) == ([torn, _lines(2), _lines(3)], b"")


def test_the_topic_is_the_one_that_the_worker_reads() -> None:
    settings = Settings(
        sources={
            "trail": ("cloudtrail", None),
            "a": ("okta", "https://a.okta.com"),
            "b": ("okta", "https://b.okta.com"),
        }
    )
    assert topic_of(settings, "cloudtrail", None) == "trail"
    assert topic_of(settings, "okta", "https://b.okta.com") == "b"
    with pytest.raises(BadSettings, match=r"a, b.*--topic or --issuer"):
        topic_of(settings, "okta", None)
    with pytest.raises(BadSettings, match=r"TOPIC=keycloak@https://issuer"):
        topic_of(settings, "keycloak", None)


def test_what_was_kept_is_there_the_next_time_and_two_at_once_are_refused(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "trail", tmp_path)
    memory.keep(Piece([], 0, "1:2", Place(7, "head")))
    with pytest.raises(Failed, match="another `grantline watch`"):
        Memory(tmp_path, "trail", tmp_path)
    memory.close()
    again = Memory(tmp_path, "trail", tmp_path)
    assert again.places == {"1:2": Place(7, "head")}
    again.close()
    [state] = tmp_path.glob("watch-*.json")
    state.write_text("[]")
    with pytest.raises(Failed, match="delete it"):
        Memory(tmp_path, "trail", tmp_path)


def test_what_is_gone_is_forgotten_and_our_own_notes_are_no_logs(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(_lines(1))
    (tmp_path / "b.jsonl").write_bytes(_lines(2))
    data = tmp_path / "data"
    data.mkdir()
    memory, tail = Memory(data, "trail", tmp_path), Tail(TRAIL, tmp_path, {}, data, late=0)
    for piece in tail.pieces():
        memory.keep(piece)
    (tmp_path / "a.jsonl").unlink()
    assert list(tail.pieces()) == []
    memory.forget_all_but(tail.there)
    memory.close()
    again = Memory(data, "trail", tmp_path)
    assert again.places.keys() == tail.there
    assert len(again.places) == 1
    again.close()


def test_lines_that_were_unread_when_a_log_was_renamed_are_read_under_its_new_name(
    tmp_path: Path,
) -> None:
    """Also after a new start, and whatever a rotation calls it."""
    for log in (tmp_path / "file" / "a.log", tmp_path / "folder" / "a.log"):
        log.parent.mkdir()
        log.write_bytes(_lines(1))
        watched = log if log.parent.name == "file" else log.parent
        tail = Tail(TRAIL, watched, {})
        pieces = list(tail.pieces())
        assert _numbers(pieces) == ["1"]
        with log.open("ab") as file:
            file.write(_lines(2))
        log.rename(log.with_name("a.log.1~"))
        log.write_bytes(_lines(3))
        again = Tail(TRAIL, watched, {pieces[-1].file: pieces[-1].place})
        assert sorted(_read(tail)) == sorted(_read(again)) == ["2", "3"]
        assert _read(tail) == _read(again) == []
        with log.with_name("a.log.1~").open("ab") as file:
            file.write(_lines(4))  # whoever writes it has not noticed yet
        assert _read(tail) == ["4"]
        tail.close()
        again.close()


def test_lines_that_were_unread_when_a_log_was_deleted_are_read_all_the_same(
    tmp_path: Path,
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(_lines(1))
    tail = Tail(TRAIL, log, {}, late=0)
    assert _read(tail) == ["1"]
    with log.open("ab") as file:
        file.write(_lines(2) + b'{"eventID": "e-')
        log.unlink()
    assert _read(tail) == ["2"]
    [torn] = tail.pieces()  # nothing came any more
    assert torn.values == [b'{"eventID": "e-']
    assert list(tail.pieces()) == []
    assert tail.there == set()


def test_lines_that_were_unread_when_a_log_was_copied_and_cut_are_read_from_the_copy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(_lines(1))
    tail = Tail(TRAIL, log, {})
    assert _read(tail) == ["1"]
    (tmp_path / "a.log-20261201").write_bytes(_lines(1, 2))
    log.write_bytes(_lines(3))
    assert _read(tail) == ["2", "3"]
    assert "was cut" not in caplog.text
    log.write_bytes(_lines(5))  # and no copy
    assert _read(tail) == ["5"]
    assert f"was cut after {len(_lines(3))} bytes" in caplog.text


def test_a_last_line_without_its_newline_is_read_once_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(_lines(1) + _lines(2)[:-1])
    tail = Tail(TRAIL, tmp_path, {})
    assert _read(tail) == ["1", "2"]
    with log.open("ab") as file:
        file.write(b"\n" + _lines(3))
    assert _read(tail) == ["3"]


def test_a_torn_first_line_holds_no_other_up(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(_lines(1)[9:] + _lines(2, 3))
    values = [value for piece in Tail(TRAIL, tmp_path, {}).pieces() for value in piece.values]
    assert values == [line.strip() for line in (_lines(1)[9:], _lines(2), _lines(3))]


def test_what_is_never_finished_is_sent_as_far_as_it_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest goes, too, for the worker to reject by name."""
    listed = json.dumps([_event(1)], indent=1) + json.dumps([_event(2)], indent=1)
    (tmp_path / "a.json").write_text(listed[:-5])
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(_lines(3))[:-5])
    (tmp_path / "c.json").write_bytes(json.dumps(_event(4)).encode("utf-16"))
    tail = Tail(TRAIL, tmp_path, {}, late=-1)
    assert list(tail.pieces()) == []
    values = [value for piece in tail.pieces() for value in piece.values]
    assert [json.loads(values[0])["eventID"], json.loads(values[2])["eventID"]] == ["e-1", "e-3"]
    outcomes = [
        [why.reason for _, why in read(TRAIL, value, Origin()).rejected] for value in values
    ]
    assert [outcomes[1], outcomes[3], outcomes[4]] == [
        ["truncated"],
        ["truncated"],
        ["bad_encoding"],
    ]
    assert list(tail.pieces()) == []
    assert "a.json: cut off or damaged" in caplog.text


def test_records_are_counted_alike_however_they_come(tmp_path: Path) -> None:
    packed = json.dumps({"Records": [_event(1), _event(2)]}).encode()
    (tmp_path / "a.json").write_bytes(packed)
    (tmp_path / "b.jsonl").write_bytes(packed + b"\n")
    (tmp_path / "c.json").write_bytes(json.dumps({"Records": []}).encode())
    pieces = list(Tail(TRAIL, tmp_path, {}).pieces())
    assert [len(piece.values) for piece in pieces] == [2, 2, 0]
    assert pieces[0].values == split(TRAIL, packed + b"\n")[0] == pieces[1].values
