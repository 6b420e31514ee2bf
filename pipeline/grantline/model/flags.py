"""Quality flags: what was odd in the span that a hop was read from, and what is missing since.

A closed set. `schemas/otel/attributes.yaml` documents it, and a test holds the two together. Beside
the ones named here each field F that comes from an attribute has two: `F_invalid`, what the span
said of it was unusable and was dropped, so that the field is "not said"; and `F_normalised`, what it
said was meant clearly and was put into the right form. A list of scopes has `scopes_truncated` instead
of `F_invalid`; that one, and what the lineage itself adds (`late`, `root_resolved`,
`root_withdrawn`), is in `grantline.model.hop`.
"""

from __future__ import annotations

from typing import Final

ATTRIBUTES_DROPPED: Final = "attributes_dropped"
"""The emitter's SDK cut attributes off this span, so that facts may be missing."""
ATTRIBUTES_UNREADABLE: Final = "attributes_unreadable"
"""An attribute was broken, its name with it, so that a fact may be missing."""
RESOURCE_UNREADABLE: Final = "resource_unreadable"
"""The span's resource was broken: which service told it is not known."""
CLOCK_UNUSABLE: Final = "clock_unusable"
"""The start is not in this age: seconds, milliseconds or microseconds in the place of nanoseconds
(then `time` is what it stands for), or a clock that was never set. Nothing is judged by it."""

INVALID: Final = "_invalid"
NORMALISED: Final = "_normalised"
