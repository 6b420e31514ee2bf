"""The members of incidents in the ledger's tables: `alerts.filing.Shelf` within one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from grantline.alerts.group import Key
from grantline.alerts.inhibit import takes_part
from grantline.alerts.member import Member
from grantline.alerts.silence import Silence

_encode = msgspec.msgpack.Encoder().encode
_silence: Final = msgspec.msgpack.Decoder(Silence)
_member: Final = msgspec.msgpack.Decoder(Member)


class SqlShelf:
    """Reads and writes through `sql`; what it puts is there when the transaction is committed."""

    def __init__(self, sql: sqlite3.Connection, now_ms: int) -> None:
        self._sql = sql
        self._now_ms = now_ms
        self._silences: list[Silence] | None = None

    def member(self, finding_id: str) -> Member | None:
        row = self._sql.execute("SELECT member FROM finding WHERE id = ?", (finding_id,)).fetchone()
        return None if row is None else _member.decode(row[0])

    def members(self, incident_id: str) -> list[Member]:
        rows = self._sql.execute("SELECT member FROM finding WHERE incident_id = ?", (incident_id,))
        return [_member.decode(body) for (body,) in rows]

    def everyone(self) -> list[Member]:
        rows = self._sql.execute("SELECT member FROM finding")
        return [_member.decode(body) for (body,) in rows]

    def sharing(self, tokens: Iterable[str]) -> list[Member]:
        found: dict[str, Member] = {}
        for token in tokens:
            rows = self._sql.execute(
                "SELECT f.id, f.member FROM token t JOIN finding f ON f.id = t.finding_id "
                "WHERE t.fingerprint = ?",
                (token,),
            )
            found |= {id_: _member.decode(body) for id_, body in rows}
        return list(found.values())

    def silences(self) -> list[Silence]:
        if self._silences is None:
            rows = self._sql.execute("SELECT body FROM silence")
            self._silences = [_silence.decode(body) for (body,) in rows]
        return self._silences

    def forget_silences(self) -> None:
        """They are others now."""
        self._silences = None

    def put(self, member: Member) -> None:
        row = (member.finding_id, member.incident_id, _encode(member), member.silenced_by,
               self._now_ms)  # fmt: skip
        self._sql.execute(
            "INSERT INTO finding (id, incident_id, member, silence, touched_ms) "
            "VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET incident_id = excluded.incident_id, "
            "member = excluded.member, silence = excluded.silence, touched_ms = excluded.touched_ms",
            row,
        )
        if takes_part(member.reference):
            self._sql.execute("DELETE FROM token WHERE finding_id = ?", (member.finding_id,))
            self._sql.executemany(
                "INSERT OR IGNORE INTO token VALUES (?, ?)",
                [(token, member.finding_id) for token in member.tokens],
            )

    def found(self, id_: str, key: Key) -> None:
        self._sql.execute(
            "INSERT OR IGNORE INTO incident (id, kind, key, subject) VALUES (?, ?, ?, ?)",
            (id_, *key),
        )

    def keep_body(self, finding_id: str, body: bytes) -> None:
        """The finding as it was read, for when its incident is told by it."""
        self._sql.execute("UPDATE finding SET body = ? WHERE id = ?", (body, finding_id))

    def body(self, finding_id: str) -> bytes | None:
        row = self._sql.execute("SELECT body FROM finding WHERE id = ?", (finding_id,)).fetchone()
        return None if row is None else row[0]
