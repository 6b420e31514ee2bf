"""The table: who told, by which way, what was sent, what came of it, and what differs from ours."""

from __future__ import annotations

from tests.foreign.lanes import OWN, Lane
from tests.foreign.rows import OF_ITS_OWN, Came, differences
from tests.foreign.session import Session

_MOST = 8
"""Differences of one lane that are printed."""


def wrong(lane: Lane, ours: Came, theirs: Came) -> list[str]:
    """What did not come as it has to; nothing where all did."""
    if lane.refused:
        unnamed = [row["detail"] for row in theirs.rejected
                   if lane.refused not in row["detail"] or "otlp_proto" not in row["detail"]]  # fmt: skip
        found = [f"refused without name and cure: {detail}" for detail in unnamed]
        found += [] if theirs.rejected else ["neither read nor refused"]
        return found + ([f"{len(theirs.hops)} hops of it all the same"] if theirs.hops else [])
    found = differences(ours, theirs)
    found += [f"rejected: {row['reason']}: {row['detail']}" for row in theirs.rejected]
    return found + ([] if theirs.findings else ["no finding, and some are due"])


def wrong_in(session: Session, lane: Lane) -> list[str]:
    """The same of a lane of a session."""
    if lane in session.failed:
        return [f"the client {session.failed[lane]}"]
    found = wrong(lane, session.came[OWN], session.came[lane])
    told, hops = session.stories[lane].told, len(session.came[lane].hops)
    return found + ([f"{told} hops were told"] if lane == OWN and hops != told else [])


def table(session: Session) -> int:
    """Prints it; the exit status."""
    print(f"one story, each told by a client of its own, on {session.broker}\n")
    print(f"{'client':14s} {'speaks':14s} {'by way of':10s} {'on Kafka':13s} {'spans':>5s} "
          f"{'hops':>5s} {'rejected':>8s} {'findings':>8s}  differs from ours")  # fmt: skip
    bad = 0
    for lane, theirs in session.came.items():
        found = wrong_in(session, lane)
        bad += bool(found)
        said = f"✗ {len(found)}" if found else _right(session, lane)
        print(f"{lane.client:14s} {lane.protocol:14s} {lane.via or 'itself':10s} "
              f"{lane.encoding:13s} {len(session.stories[lane].spans):5d} {len(theirs.hops):5d} "
              f"{len(theirs.rejected):8d} {len(theirs.findings):8d}  {said}")  # fmt: skip
        for line in found[:_MOST]:
            print(f"    {line}")
        if len(found) > _MOST:
            print(f"    and {len(found) - _MOST} more")
    for name, why in session.missing.items():
        print(f"{name}: could not be had: {why}")
    good = len(session.came) - bad
    print(f"\nnot compared: {', '.join(_own_columns())}")
    print(
        f"\n{good} ways in are right, {bad} wrong; not had: {', '.join(session.missing) or 'none'}"
    )
    return 1 if bad or good < 2 else 0


def _right(session: Session, lane: Lane) -> str:
    if lane.refused:
        return f"refused by name: {session.came[lane].rejected[0]['detail'].partition(';')[0]}"
    return "-" if lane == OWN else "none"


def _own_columns() -> list[str]:
    return [f"{table}.{column}" for table, columns in OF_ITS_OWN.items() for column in columns]
