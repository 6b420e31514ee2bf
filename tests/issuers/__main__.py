"""`make issuers`: real authorization servers, honest and abusive flows, what Grantline says of them.

make issuers                                  every issuer this machine can have
make issuers ARGS="--only keycloak,authgent"
make issuers ARGS=--record                    also renews the recordings in tests/issuers/recorded
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import time

from tests.issuers.answers import NotThere
from tests.issuers.report import Report
from tests.issuers.session import run

ISSUERS = ("keycloak", "authgent", "spring", "moto", "hydra", "oidc_provider")
"""Files of this folder with a `start()`, in the order in which they are run."""


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make issuers", description=__doc__)
    arguments.add_argument("--only", default=",".join(ISSUERS), help="names, with commas")
    arguments.add_argument("--record", action="store_true", help="renew the recordings")
    arguments.add_argument("--verbose", action="store_true", help="print every finding")
    asked = arguments.parse_args()
    logging.disable(logging.WARNING)  # emitters say which baggage they were told; not here
    report = Report(verbose=asked.verbose)
    for name in asked.only.split(","):
        started = time.monotonic()
        module = importlib.import_module(f"tests.issuers.{name}")
        try:
            with module.start() as issuer:
                report.issuer(name, issuer.name, time.monotonic() - started)
                for told in run(issuer, record=name if asked.record else None):
                    report.flow(told)
        except NotThere as why:
            report.not_there(name, str(why))
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
