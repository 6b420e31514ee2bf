"""Names that can be derived from one another without asking anybody (convention 1.5)."""

from __future__ import annotations


def derived_id(fingerprint: str) -> str:
    """The id of the delegation whose first token has this fingerprint."""
    return "dlg_" + fingerprint.rpartition(":")[2][:32]
