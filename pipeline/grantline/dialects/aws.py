"""AWS STS: sessions of roles and federated users; the access key id names one, no JWT does."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import Dialect

ISSUER: Final = "https://sts.amazonaws.com"
"""Stands for STS where an issuer is asked for, with the access key id as `jti`: so do a session
told by its holder and one told by CloudTrail become one."""

DIALECT: Final = Dialect(
    "aws",
    "docs.aws.amazon.com: STS AssumeRole, AssumeRoleWithWebIdentity, GetFederationToken",
    issuers=re.compile(
        r"https://(?:sts(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
        r"|[0-9a-f-]+\.tokens\.sts\.global\.api\.aws)"
    ),
    scope_domain="issuer",
    identity_scopes=frozenset(),
    actors="none",
    # A chained session ends an hour after it began, whenever its parent does.
    cascades=False,
    shorter_lived=False,
)
