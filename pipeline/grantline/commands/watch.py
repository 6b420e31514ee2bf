"""`grantline watch`: what is new in a folder of logs, or on standard input, to the topic of its source.

What arrived is remembered in the data directory, file by file, so that the next start goes on there; killed
in between, some records are sent twice, and the same record is one hop. Standard input is not resumed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from grantline.commands import Failed
from grantline.commands.pieces import Piece, Place, split
from grantline.commands.sender import Sender
from grantline.commands.tail import Tail
from grantline.settings import BadSettings, Settings, tried
from grantline.sources import SOURCES, Source, is_line
from grantline.stopping import stopped_by_signals

STDIN: Final = "-"
_PAUSE_SECONDS: Final = 0.5
_SAY_SECONDS: Final = 60.0
_WRITE_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 8.0
_WAIT_SECONDS: Final = 3_600.0
_MAX_PENDING: Final = 64 << 20

_log = logging.getLogger(__name__)


def run(settings: Settings, options: Mapping[str, Any]) -> int:
    """Until SIGTERM or SIGINT, or the end of standard input. Raises `Failed`, `BadSettings`."""
    name, given = options["format"], options["path"]
    topic = options["topic"] or topic_of(settings, name, options["issuer"])
    tried.kafka_client(settings)
    stop = threading.Event()
    with ExitStack() as stack:
        if given != STDIN:
            if not Path(given).exists():
                raise Failed(f"{given}: there is no such file or folder")
            tried.directory(settings.data_dir, "GRANTLINE_DATA_DIR")
            memory = Memory(settings.data_dir, topic, Path(given))
            stack.callback(memory.close)
        stack.enter_context(stopped_by_signals(stop.set))
        sender = Sender(settings, topic)
        stack.callback(sender.close)
        told = _Told(sender, topic)
        if given == STDIN:
            _watch_stdin(SOURCES[name], sender, stop, told)
        else:
            tail = Tail(SOURCES[name], Path(given), memory.places, settings.data_dir)
            stack.callback(tail.close)
            _watch_files(tail, sender, memory, stop, told)
        told.say()
    return 0


def topic_of(settings: Settings, name: str, issuer: str | None) -> str:
    """The topic that `GRANTLINE_SOURCES` names for a format. Raises `BadSettings` for none or several."""
    found = [
        topic
        for topic, (source, of) in settings.sources.items()
        if source == name and (issuer is None or issuer == of)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadSettings(
            f"GRANTLINE_SOURCES has several topics for {name} ({', '.join(sorted(found))}): choose "
            "one with --topic or --issuer"
        )
    of = "" if SOURCES[name].names_issuer else f"@{issuer or 'https://issuer'}"
    raise BadSettings(
        f"GRANTLINE_SOURCES names no topic for {name}{f' of {issuer}' if issuer else ''}: set it to "
        f"TOPIC={name}{of}, as for the worker, or name one with --topic"
    )


def _watch_files(
    tail: Tail, sender: Sender, memory: Memory, stop: threading.Event, told: _Told
) -> None:
    while not stop.is_set():
        for piece in tail.pieces():
            if not _sent(sender, piece, stop, told):
                return
            memory.keep(piece)
            told.now_and_then()
            if stop.is_set():
                return
        memory.forget_all_but(tail.there)
        memory.write()
        told.now_and_then()
        stop.wait(_PAUSE_SECONDS)


def _sent(sender: Sender, piece: Piece, stop: threading.Event, told: _Told) -> bool:
    for value in piece.values:
        sender.send(value)
    sender.too_large += piece.too_large
    return _arrived(sender, stop, told)


def _arrived(sender: Sender, stop: threading.Event, told: _Told) -> bool:
    """Waits for what is under way; a stop waits for some seconds only."""
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until and not stop.is_set():
        if sender.delivered(1):
            return True
        told.now_and_then()
    if sender.delivered(_STOP_SECONDS):
        return True
    _log.warning("the broker does not answer: what did not arrive is sent at the next start")
    return False


def _watch_stdin(source: Source, sender: Sender, stop: threading.Event, told: _Told) -> None:
    pending, ended = b"", False
    while not stop.is_set() and not ended:
        if not select.select([sys.stdin], [], [], 0.2)[0]:
            told.now_and_then()
            continue
        data = os.read(sys.stdin.fileno(), 1 << 16)
        ended = not data
        whole, pending = cut(source, pending + data, ended)
        for one in whole:
            values, too_large = split(source, one)
            if not _sent(sender, Piece(values, too_large, STDIN, Place(0, "")), stop, told):
                return
    if pending.strip():
        _log.warning("standard input ended in the middle of a document: %d bytes", len(pending))


def cut(source: Source, data: bytes, ended: bool) -> tuple[list[bytes], bytes]:
    """Whole documents at the beginning of `data`, and what is left. One ends with a line that makes it
    whole; what becomes none within 64 MiB goes as it is, for the worker to reject.
    """
    whole: list[bytes] = []
    begin = at = 0
    while (end := data.find(b"\n", at)) >= 0 or (ended and at < len(data)):
        end = end + 1 if end >= 0 else len(data)
        # A document of several lines closes at the beginning of its last.
        closes = at == begin or data[at : at + 1] in b"}]"
        one = data[begin:end]
        if (closes and _is_whole(one)) or (at == begin and is_line(source, one)):
            whole.append(one)
            begin = end
        elif at > begin and data[at : at + 1] == b"{" and _is_whole(data[at:end]):
            # What stood before it was torn: it goes as it is, for the worker to reject.
            whole += [data[begin:at], data[at:end]]
            begin = end
        at = end
    if len(data) - begin > _MAX_PENDING:
        return [*whole, data[begin:]], b""
    return whole, data[begin:]


def _is_whole(data: bytes) -> bool:
    if not data.strip():
        return True
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


class Memory:
    """Which files were read how far. One process at a time has it; raises `Failed` for another."""

    def __init__(self, data_dir: Path, topic: str, path: Path) -> None:
        mark = hashlib.sha256(f"{topic}\x00{path.resolve()}".encode()).hexdigest()[:16]
        self._file = data_dir / f"watch-{mark}.json"
        self._lock = (data_dir / f"watch-{mark}.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise Failed(
                f"another `grantline watch` sends {path} to {topic}: stop it, or watch another folder"
            ) from None
        self.places = self._read()
        self._changed = False
        self._next = 0.0

    def _read(self) -> dict[str, Place]:
        try:
            said = json.loads(self._file.read_text("utf-8"))
            return {name: Place(int(at), str(head)) for name, (at, head) in said.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError):
            raise Failed(
                f"{self._file} cannot be read: delete it, and everything is sent again, which does "
                "no harm"
            ) from None

    def keep(self, piece: Piece) -> None:
        """To disk once a second: what is killed in between is sent again. Raises `Failed`."""
        self.places[piece.file] = piece.place
        self._changed = True
        if time.monotonic() >= self._next:
            self.write()

    def forget_all_but(self, there: set[str]) -> None:
        """Files that are gone."""
        for name in self.places.keys() - there:
            del self.places[name]
            self._changed = True

    def write(self) -> None:
        """Raises `Failed` where it cannot be written."""
        if not self._changed:
            return
        new = self._file.with_suffix(".new")
        try:
            new.write_text(json.dumps({name: at[:2] for name, at in self.places.items()}), "utf-8")
            new.replace(self._file)
        except OSError as why:
            raise Failed(
                f"{self._file}: {why.strerror}: make room, or set GRANTLINE_DATA_DIR"
            ) from None
        self._changed, self._next = False, time.monotonic() + _WRITE_SECONDS

    def close(self) -> None:
        """Raises `Failed` where it cannot be written."""
        try:
            self.write()
        finally:
            self._lock.close()


class _Told:
    """Says what was sent, once a minute where there was something."""

    def __init__(self, sender: Sender, topic: str) -> None:
        self._sender = sender
        self._topic = topic
        self._said = (-1, 0)
        self._next = time.monotonic() + _SAY_SECONDS

    def now_and_then(self) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SAY_SECONDS
            self.say()

    def say(self) -> None:
        now = self._sender.sent, self._sender.too_large
        if now == self._said:
            return
        self._said = now
        lost = f"; {now[1]:,} too large for a broker were left out" if now[1] else ""
        many = f"{now[0]:,} record{'' if now[0] == 1 else 's'}"
        print(f"sent {many} to {self._topic}{lost}", file=sys.stderr, flush=True)
