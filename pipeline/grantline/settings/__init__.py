"""Every setting of the command line's processes, read from `GRANTLINE_*` variables.

Thresholds of the rules live in one TOML file (`GRANTLINE_POLICY`), because they are reviewed and
versioned like code. What is wrong ends the process before it does anything, with status 2 and
every wrong setting named; what nobody would read is not passed over in silence either.
"""

from __future__ import annotations

from grantline.settings.bad import BadSettings
from grantline.settings.reading import read
from grantline.settings.variables import Settings

__all__ = ["BadSettings", "Settings", "read"]
