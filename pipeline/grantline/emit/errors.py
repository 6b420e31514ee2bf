"""The only exceptions an agent can get from an emitter that is already configured.

Wrong settings are a `ValueError` at `configure()`, before any agent runs. Everything after
that is counted and logged instead of raised, except these two, which are asked for.
"""

from __future__ import annotations


class NotRecorded(RuntimeError):
    """A grant or delegation could not be recorded, and `fail_closed=True` was set.

    Raised only by `grant`, `delegate` and `exchange`. The authority may already exist at the
    issuer: do not use it, or revoke it.
    """


class Mistake(ValueError):
    """What the developer wrote cannot be meant, and `strict=True` was set; the text has the cure.

    Without `strict` it is a warning in the log, once for each mistake.
    """
