"""OAuth as the RFCs have it (8693, 9068, 7662): what is spoken where nothing else is known."""

from __future__ import annotations

from typing import Final

from grantline.dialects.dialect import Dialect

DIALECT: Final = Dialect("oauth", "RFC 8693 section 4, RFC 9068 section 2.2, RFC 7519 section 4")
