"""`make foreign`: what other people's OpenTelemetry clients make of one story, held against ours.

make foreign                              every client this machine can have
make foreign ARGS="--only js,java"        also named: rotel
make foreign ARGS=--record                also renews the recordings in tests/foreign/recorded
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.brokers import NotAvailable
from tests.foreign import recorded, report, session
from tests.foreign.clients import CLIENTS


def main() -> int:
    arguments = argparse.ArgumentParser(
        prog="make foreign", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    every = [*(client.name for client in CLIENTS), "rotel"]
    arguments.add_argument("--only", default=",".join(every), help="names, with commas")
    arguments.add_argument("--record", action="store_true", help="renew the recordings")
    asked = arguments.parse_args()
    names = asked.only.split(",")
    if unknown := set(names) - set(every):
        arguments.error(
            f"no such client: {', '.join(sorted(unknown))}; there are {', '.join(every)}"
        )
    started = time.monotonic()
    try:
        told = session.run([one for one in CLIENTS if one.name in names], rotel="rotel" in names)
    except NotAvailable as why:
        print(f"no Apache Kafka: {why}", file=sys.stderr)
        return 1
    status = report.table(told)
    for lane, records in told.records.items() if asked.record else ():
        if recorded.is_kept(lane) and not report.wrong_in(told, lane):
            recorded.write(lane, told.stories[lane], records)
    print(f"after {time.monotonic() - started:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
