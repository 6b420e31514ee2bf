r"""Names that can be derived from one another without asking anybody (convention 1.5), and what
names look like. The patterns have no character classes such as `\s`: JSON Schema's dialect of
regular expressions takes them for something else.
"""

from __future__ import annotations

from typing import Final

SPAN_ID: Final = "[0-9a-f]{16}"
FINGERPRINT: Final = "(sha256|hmac-sha256:[^:]{1,128}):[0-9a-f]{64}"


def derived_id(fingerprint: str) -> str:
    """The id of the delegation whose first token has this fingerprint."""
    return "dlg_" + fingerprint.rpartition(":")[2][:32]
