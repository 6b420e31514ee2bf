"""What every long measurement begins and ends with: a warm broker, a console, a reason where it failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console

from tests.benchmarks.broker import warm_up
from tests.benchmarks.expected import Different
from tests.brokers import Broker, choose

_T = TypeVar("_T")
_UNSEEN_WIDTH = 160

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:
    console.width = _UNSEEN_WIDTH


def tell(text: str) -> None:
    console.print(f"[dim]{time.strftime('%X')}[/]  {text}")


def on_a_broker(work: Callable[[Broker], _T]) -> _T | None:
    """What `work` makes of a broker that is warm; None, and why is said, where its output was not
    what it must be.
    """
    broker = choose()
    try:
        tell(f"broker: {broker.name}")
        warm_up(broker.bootstrap)
        return work(broker)
    except (Different, TimeoutError) as why:
        console.print(f"the output is not what it must be: {why}", markup=False, style="red")
        return None
    finally:
        broker.close()
