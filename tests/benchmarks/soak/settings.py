"""How Grantline is set for a soak: everything that is kept is let go again within minutes.

With the defaults state stays for days, and an hour would show nothing but its growth. Here tokens
live three minutes and spans may be three minutes late, so that as much state leaves as comes long
before a run of twenty minutes is over. DuckDB is given a bound, because without one it takes what
the machine has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.benchmarks.chains import Times
from tests.benchmarks.soak.verdict import LEAST_MINUTES

TIMES: Final = Times(life=180, leeway=5, spread=1)
AGE_SECONDS: Final = 60
"""How long a grant is past when its span is sent."""
CHAIN_SECONDS: Final = 0.3
"""Between two spans of one chain, on average, as they are sent: as far apart as they happened."""
LATE_SECONDS: Final = 1.5
"""By which a span is late at most."""
GRACE_SECONDS: Final = 30
"""For a missing parent: a gap is told within the run."""
LATENESS_SECONDS: Final = 180
SETTLED_MINUTES: Final = 8
"""After which as much state leaves as comes: a token's life, the lateness, and what it takes to
pack and let go of."""
STORE_MEMORY: Final = "1GB"
RETENTION_DAYS: Final = 0.02
"""Of hops and tokens on the broker: half an hour."""


def environment(home: Path) -> dict[str, str]:
    """Variables of worker and writer; writes the policy into `home`."""
    policy = home / "policy.toml"
    policy.write_text(
        f"leeway_seconds = {TIMES.leeway}\n"
        f"parent_grace_seconds = {GRACE_SECONDS}\n"
        f"lateness_seconds = {LATENESS_SECONDS}\n",
        "utf-8",
    )
    return {
        "GRANTLINE_POLICY": str(policy),
        "GRANTLINE_HOPS_RETENTION_DAYS": str(RETENTION_DAYS),
        "GRANTLINE_STORE_MEMORY": STORE_MEMORY,
    }


def least_minutes() -> int:
    """The shortest run whose drift is judged."""
    return SETTLED_MINUTES + LEAST_MINUTES


def in_words() -> str:
    """For under the figures."""
    return (
        f"tokens live {TIMES.life} s, `lateness_seconds` {LATENESS_SECONDS}, "
        f"`parent_grace_seconds` {GRACE_SECONDS}, `leeway_seconds` {TIMES.leeway}, "
        f"`GRANTLINE_STORE_MEMORY` {STORE_MEMORY}, `GRANTLINE_HOPS_RETENTION_DAYS` {RETENTION_DAYS}; "
        "the rest as it comes"
    )
