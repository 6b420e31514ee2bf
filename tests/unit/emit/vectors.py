"""The convention's own test vectors (1.5). The signatures are fake."""

from __future__ import annotations

from typing import Any

from grantline.emit.clean import Notes

T0 = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0."
    "eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUuY29tIiwic3ViIjoidS03ZjNhIiwiY2xpZW50X2lkIjoicGxhbm5lci"
    "IsImF1ZCI6WyJodHRwczovL2Jvb2tlci5leGFtcGxlLmNvbSJdLCJzY29wZSI6ImNhbGVuZGFyLnJlYWQgY2FsZW5k"
    "YXIud3JpdGUgbWFpbC5zZW5kIiwianRpIjoiYXQtMDAwMSIsImlhdCI6MTc5NTAwMDAwMCwiZXhwIjoxNzk1MDAzNj"
    "AwfQ."
    "gS5dTIKX1rhrk1aumYyzE9qWCmQSfQUk2WjVPzhacrOo1LqGT3-F0Acp70R2esJKp1MgOhJHs1ZWwH_KFFXo9Q"
)
T1 = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiYXQrand0In0."
    "eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUuY29tIiwic3ViIjoidS03ZjNhIiwiY2xpZW50X2lkIjoiYm9va2VyIi"
    "wiYXVkIjpbImh0dHBzOi8vbWNwLmNhbGVuZGFyLmV4YW1wbGUuY29tIl0sInNjb3BlIjoiY2FsZW5kYXIud3JpdGUi"
    "LCJqdGkiOiJhdC0wMDAyIiwiaWF0IjoxNzk1MDAwMDMwLCJleHAiOjE3OTUwMDA5MzAsImFjdCI6eyJpc3MiOiJodH"
    "RwczovL2FzLmV4YW1wbGUuY29tIiwic3ViIjoiYm9va2VyIiwiYWN0Ijp7ImlzcyI6Imh0dHBzOi8vYXMuZXhhbXBs"
    "ZS5jb20iLCJzdWIiOiJwbGFubmVyIn19LCJjbmYiOnsiamt0IjoiMFpjT0NPUlpOWXktRFdwcXEzMGpaeUpHSFROMG"
    "QySGdsQlYzdWlndUE0SSJ9fQ."
    "HC6UvXLwUxZ_nrN5NjQi7LENfQoVcx8ebWXE3hVwJCxY2TI6VQ-k_Z5CedMLfw7yeCDpZ7BQsNXlE7fzNAbrrw"
)
AS = "https://as.example.com"
F0 = "sha256:9ebfd04b7eb57aa1002385c7fb81b101459476c644206d749df2122a40dabcef"
F1 = "sha256:faa51a4270f861f90df5eac192b3f142207973f5c1a92cd4030da3eca1a233f3"
D0 = "dlg_9ebfd04b7eb57aa1002385c7fb81b101"
D1 = "dlg_faa51a4270f861f90df5eac192b3f142"
CHAIN = [[AS, "u-7f3a"], [AS, "planner"], [AS, "booker"]]
CHAIN_HASH = "sha256:4bc3c28fa04ec78d5c60a2a24264eed324590f79dcc65f51c1aa66c1c94f02b9"


class Noted(Notes):
    """Remembers what was put right."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def note(self, what: str, detail: str) -> None:
        assert "eyJ" not in detail
        self.seen.append(what)


def plain(_issuer: str, subject: str) -> str:
    """People under the name the issuer gives them."""
    return subject


Claims = dict[str, Any]
