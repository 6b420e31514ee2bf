"""The note by which a running writer tells this user's own commands where live SQL is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from grantline.commands import Failed

LIVE_NOTE: Final = "live.json"
"""In the data directory, for its owner only."""


class Live(NamedTuple):
    """Where live SQL is, and the token that it takes."""

    address: str
    token: str


@contextmanager
def told(data_dir: Path, live: Live) -> Iterator[None]:
    """Within, the note is there."""
    note = data_dir / LIVE_NOTE
    note.unlink(missing_ok=True)
    with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(live._asdict(), file)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def read(data_dir: Path) -> Live | None:
    """What the note says; None where there is none. Raises `Failed` where it cannot be read."""
    note = data_dir / LIVE_NOTE
    try:
        said = json.loads(note.read_text("utf-8"))
        return Live(str(said["address"]), str(said["token"]))
    except FileNotFoundError:
        return None
    except OSError as why:
        raise Failed(
            f"{note} cannot be read: {why.strerror}; it is its writer's: say `--at` where the "
            "lineage is, and GRANTLINE_LIVE_TOKEN if that is a live server"
        ) from None
    except (ValueError, LookupError, TypeError):
        raise Failed(f"{note} is no note of a writer: delete it, or say `--at`") from None
