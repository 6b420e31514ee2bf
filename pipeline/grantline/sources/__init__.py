"""Foreign logs become hops: chains without a change in any agent. One log a file.

Each file says where every field comes from. Records that tell of no delegation are counted, those
that cannot be read are rejected by name, and a token is named by (issuer, jti), so that a log and the
spans of the same tokens make one lineage.
"""

from __future__ import annotations

from grantline.sources.files import below, is_line, read_file
from grantline.sources.known import SOURCES
from grantline.sources.reading import read
from grantline.sources.source import Origin, Source, Taken

__all__ = [
    "SOURCES",
    "Origin",
    "Source",
    "Taken",
    "below",
    "is_line",
    "read",
    "read_file",
]
