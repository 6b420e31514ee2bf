"""The kinds, by what they are about. Importing this package lists them all."""

from tests.truth.kinds import (  # noqa: F401 - each lists its kinds when it is imported
    approved,
    bound,
    disowned,
    normal,
    presented,
    reach,
    renewed,
    revoked,
    scopes,
)
