"""What is still wrong: (kind, view) -> why. Held both ways: what has come out right must go."""

from __future__ import annotations

from typing import Final

KNOWN: Final[dict[tuple[str, str], str]] = {}
