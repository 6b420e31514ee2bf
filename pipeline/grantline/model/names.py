r"""Names that can be derived from one another without asking anybody (convention 1.5), and what
names look like. The patterns have no character classes such as `\s`: JSON Schema's dialect of
regular expressions takes them for something else.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

SPAN_ID: Final = "[0-9a-f]{16}"
FINGERPRINT: Final = "(sha256|hmac-sha256:[^:]{1,128}):[0-9a-f]{64}"


def derived_id(fingerprint: str) -> str:
    """The id of the delegation whose first token has this fingerprint."""
    return "dlg_" + fingerprint.rpartition(":")[2][:32]


_GAP: Final = "gap "
_TOP: Final = "top "
_UNSEEN: Final = "\0"
"""In front of names that no span can be given: a root id is any text, but never ours."""


def gap_key(key: str) -> str:
    """The chain below `key` (`route.token_key` and its like), above which nothing was reported."""
    return _GAP + key


def top_key(key: str) -> str:
    """The chain below a grant that an issuer told under `key`, and that no span gave a root."""
    return _TOP + key


def is_top(chain_key: str) -> bool:
    return chain_key.startswith(_TOP)


def rank_of_chain(chain_key: str) -> int:
    """How strong the name of a chain without a root is. Of two gaps one may be above the other."""
    if not is_top(chain_key):
        return 0
    return {"tok": 3, "jti": 2}.get(key_of(chain_key).partition(":")[0], 1)


def key_of(chain_key: str) -> str:
    """The key that a chain without a root hangs below."""
    return chain_key[len(_GAP) :]


def id_of_jti(issuer: str, jti: str) -> str:
    """The delegation of whose token nothing is known but its issuer and jti."""
    return "dlg_" + sha256(f"jti:{issuer} {jti}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def id_of_key(key: str) -> str:
    """The delegation that `key` names; of an issuer and jti it is made from both."""
    kind, _, name = key.partition(":")
    if kind == "tok":
        return derived_id(name)
    if kind == "dlg":
        return name
    issuer, _, jti = name.partition(" ")
    return id_of_jti(issuer, jti)


def is_unseen(root_id: str) -> bool:
    return root_id.startswith(_UNSEEN)


def chain_named(root_id: str) -> str:
    """The key of the chain under a root that a span names."""
    return _UNSEEN + root_id if root_id.startswith(_UNSEEN) else root_id


def chain_below(chain_key: str) -> str:
    """The key of a chain without a root: none that a span can name."""
    return _UNSEEN + chain_key


def root_of(key: str) -> str:
    """What stands for the root of the chain of that key, in itself and in findings."""
    below = key.removeprefix(_UNSEEN)
    return id_of_key(key_of(below)) if below is not key and is_top(below) else key
