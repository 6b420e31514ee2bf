"""State becomes fewer bytes, the more alike it is, and comes back as it was."""

from __future__ import annotations

import json

from grantline.lineage.compression import Compression


def state(number: int) -> bytes:
    """Names that come again in each, and some that do not."""
    said = {"issuer": "https://as.example.com", "tool": "crm_update", "id": f"{number:032x}"}
    return json.dumps([said | {"at": number + each} for each in range(2)]).encode()


def test_what_was_compressed_comes_back_whether_or_not_there_was_a_dictionary_yet() -> None:
    compression = Compression()
    kept = {number: compression.compress(state(number)) for number in range(300)}
    assert compression.dictionary
    assert [compression.plain(each) for each in kept.values()] == [state(n) for n in kept]
    assert compression.plain(compression.compress(b"")) == b""


def test_what_the_first_said_costs_those_that_follow_next_to_nothing() -> None:
    compression = Compression()
    first = len(compression.compress(state(0)))
    for number in range(1, 200):
        compression.compress(state(number))
    assert len(compression.compress(state(300))) < first / 2


def test_another_reads_it_with_the_dictionary() -> None:
    compression = Compression()
    kept = [compression.compress(state(number)) for number in range(300)]
    another = Compression(compression.dictionary)
    assert [another.plain(each) for each in kept] == [state(number) for number in range(300)]
    assert another.compress(state(300)) == compression.compress(state(300))


def test_one_that_is_large_is_not_all_there_is_to_learn_from() -> None:
    compression = Compression()
    compression.compress(b"".join(map(state, range(1_000))))
    assert not compression.dictionary
