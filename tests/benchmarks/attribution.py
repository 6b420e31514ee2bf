"""Which stage a stack of calls belongs to: the innermost call that is some stage's own.

A call is written as py-spy writes it, `Ingest.take (grantline/streams/ingest.py:61)`. What no line
here names counts with whoever called it, so that what several stages share needs no line; what
nobody of ours called is the event loop's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

DECODE, ROUTE, FOLD, RULES = "decode", "route", "fold", "rules"
FRAMES, ENCODE, PRODUCE, COMMIT = "read frames", "encode", "produce", "commit"
FETCH, METRICS, LOOP, REST = "fetch", "metrics", "Faust and asyncio", "rest"
WAITS = "waits"

_FRAME = re.compile(r"(?P<function>.*) \((?P<file>[^()]*?)(?::\d+)?\)")

# Where a call is (its file begins so), what it is called (its name begins so), its stage.
_CALLS: Sequence[tuple[str, str, str]] = (
    ("grantline/wire/otlp", "", DECODE),
    ("grantline/wire/credentials", "", DECODE),
    ("grantline/wire/frames", "encode", ENCODE),
    ("grantline/wire/frames", "", FRAMES),
    ("grantline/lineage/route", "", ROUTE),
    ("grantline/lineage/partition", "", ROUTE),
    ("grantline/streams/frames", "Framing.add", ROUTE),
    ("grantline/streams/frames", "", ENCODE),
    ("grantline/streams/messages", "", ENCODE),
    ("grantline/streams/outlet", "Outlet.flush", COMMIT),
    ("grantline/streams/outlet", "", PRODUCE),
    ("grantline/streams/speech", "", PRODUCE),
    ("grantline/lineage", "", FOLD),
    ("grantline/chain_engine", "ChainEngine.add", FOLD),
    ("grantline/token_engine", "TokenEngine.add", FOLD),
    ("grantline/chain_engine", "", RULES),
    ("grantline/token_engine", "", RULES),
    ("grantline/judge", "", RULES),
    ("grantline/rules", "", RULES),
    ("grantline/store/log_reader", "", FETCH),
    ("grantline/store/intake", "", FRAMES),
    ("grantline/store/rows", "", "sink: columns"),
    ("grantline/store/choose", "", "sink: columns"),
    ("grantline/draw/values", "", "sink: columns"),
    ("grantline/store/duckdb_store", "DuckDBStore._transaction", "sink: commit"),
    ("grantline/store/duckdb_store", "DuckDBStore._write_positions", "sink: commit"),
    ("grantline/store", "", "sink: statements"),
    ("aiokafka/", "AIOKafkaConsumer.commit", COMMIT),
    ("faust/transport/consumer", "Consumer.commit", COMMIT),
    ("aiokafka/", "", FETCH),
    ("grantline/streams/merging", "", FETCH),
    ("grantline/streams/transport", "", FETCH),
    ("grantline/streams/metrics", "", METRICS),
    ("grantline/streams/topology", "", REST),
    ("grantline/streams/ingest", "", REST),
    ("grantline/streams/folds", "", REST),
    ("grantline/streams/watch", "", REST),
    ("selectors", "", WAITS),
)


def stage_of(stack: Sequence[str]) -> str:
    """`stack`: the outermost call first."""
    for call in reversed(stack):
        found = _FRAME.fullmatch(call)
        if found is None:
            continue
        for file, function, stage in _CALLS:
            if found["file"].startswith(file) and found["function"].startswith(function):
                return stage
    return LOOP
