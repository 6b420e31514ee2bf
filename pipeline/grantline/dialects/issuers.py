"""When two spellings of an issuer are one: for comparing, never for storing.

An issuer is stored as it was told (RFC 8414 section 3.3 compares code point by code point, and who
looks into a token must find it there). People and configurations spell it differently all the
same, so whatever is compared goes through `issuer_key`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# No user information, no back slash, no query, no white space, ASCII hosts only: what is odd is
# compared as it was told. A Kelvin sign lower-cased would make a stranger's host one of ours.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{0,5}))?"
    r"(?P<path>(?:/[^\s\\?#]*)?)",
    re.IGNORECASE | re.ASCII,
)
_DEFAULT_PORT: Final = {"http": 80, "https": 443}
# Entra writes one tenant in two ways: v1.0 access tokens name `sts.windows.net/<tenant>/`, v2.0
# ones `login.microsoftonline.com/<tenant>/v2.0`; MSAL takes the other hosts for the same cloud
# (learn.microsoft.com, access-token-claims-reference, `iss`).
_ENTRA_PATH: Final = re.compile(r"/([a-z0-9._-]{1,64})(?:/v2\.0)?", re.IGNORECASE | re.ASCII)
_ENTRA_GLOBAL: Final = "login.microsoftonline.com"
_ENTRA_CHINA: Final = "login.partner.microsoftonline.cn"
_ENTRA_CLOUD: Final = {
    "login.microsoftonline.com": _ENTRA_GLOBAL,
    "login.microsoftonline.us": _ENTRA_GLOBAL,
    "login.microsoft.com": _ENTRA_GLOBAL,
    "login.windows.net": _ENTRA_GLOBAL,
    "sts.windows.net": _ENTRA_GLOBAL,
    "login.partner.microsoftonline.cn": _ENTRA_CHINA,
    "login.chinacloudapi.cn": _ENTRA_CHINA,
    "sts.chinacloudapi.cn": _ENTRA_CHINA,
}
# Google's ID tokens bear it with the scheme and without (developers.google.com, OpenID Connect).
_GOOGLE: Final = "accounts.google.com"


@lru_cache(maxsize=8_192)
def issuer_key(issuer: str) -> str:
    """The form in which an issuer is compared: `issuer_key(a) == issuer_key(b)` is "the same one".

    Host and scheme in lower case, the scheme's own port and one final slash left out; Entra's two
    forms of a tenant are one, and so are Google's. The case of a path counts (it is a name in most
    products), and so does `http` against `https`. What is no plain URL is returned as it is. Never
    raises, and a key is its own key.
    """
    if issuer == _GOOGLE:
        return f"https://{_GOOGLE}"
    found = _URL.fullmatch(issuer)
    if found is None:
        return issuer
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = int(found["port"]) if found["port"] else _DEFAULT_PORT[scheme]
    path = found["path"]
    if path.endswith("/") and not path.endswith("//"):
        path = path[:-1]
    if port != _DEFAULT_PORT[scheme]:
        return f"{scheme}://{host}:{port}{path}"
    cloud = _ENTRA_CLOUD.get(host) if scheme == "https" else None
    if cloud is not None and (tenant := _ENTRA_PATH.fullmatch(path)):
        return f"https://{cloud}/{tenant[1].lower()}/v2.0"
    return f"{scheme}://{host}{path}"


def issuer_host(issuer: str) -> str:
    """The host of an issuer in lower case, without its port; `""` where it names none."""
    found = _URL.fullmatch(issuer_key(issuer))
    return found["host"] if found else ""


def same_issuer(one: str | None, other: str | None) -> bool:
    """Whether two issuers are one; two that are not told are not known to be."""
    return one is not None and other is not None and issuer_key(one) == issuer_key(other)
