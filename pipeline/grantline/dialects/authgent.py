"""authgent: clients as `client:<id>`, people as `user:<id>`, nested actors, parents in its log."""

from __future__ import annotations

from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import Dialect
from grantline.dialects.reading import Claims, Json, Reading

_PREFIX: Final = "client:"
_CLIENT: Final = "agnt_"


def _shaped(claims: Json) -> bool:
    """It says of most tokens whether a human is at their root, and names its clients in one way."""
    if isinstance(claims.get("human_root"), bool):
        return True
    client = claims.get("client_id")
    return isinstance(client, str) and client.startswith(_CLIENT)


def read(claims: Claims) -> Reading:
    """A client without `act` is written as in `act`: the same party has one name in every token.

    Chaining grants and transaction tokens drop `act`: who acted before is then not told, which is
    no sign of a new root. The parent's id is in the server's log only.
    """
    client = claims.text(*oauth.CLIENTS)
    if client is not None and not client.startswith(_PREFIX):
        client = _PREFIX + client
    subject = claims.text("sub")
    if subject is not None and subject == (client or "").removeprefix(_PREFIX):
        subject = client
    found = oauth.read_as(claims, subject, client)
    found.client = (client or "").removeprefix(_PREFIX) or None
    if found.subject is not None and found.subject_type is None:
        name = found.subject[1]
        found.subject_type = {"user": "user", "client": "service"}.get(name.partition(":")[0])
    return found


DIALECT: Final = Dialect(
    "authgent",
    "a run of authgent-server 0.3.4 (../shared/data/authgent)",
    read=read,
    shaped=_shaped,
    first=frozenset({"human_root", "client_id"}),
    scope_domain="issuer",
)
