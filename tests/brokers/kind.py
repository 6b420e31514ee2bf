"""What the tests ask of a broker, whichever one it is."""

from __future__ import annotations

from typing import Protocol


class NotAvailable(Exception):
    """This kind of broker cannot run on this machine; the text is the reason."""


class Broker(Protocol):
    """One running broker. It has no topic but those created, and creates none by itself.

    `stop` and `kill` end it, `start` brings it back at the same address; when `restartable`, with
    the data it had. `close` ends it for good and removes its data.
    """

    name: str
    bootstrap: str
    restartable: bool

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None:
        """Ends it without warning, as SIGKILL does."""
        ...

    def close(self) -> None: ...
