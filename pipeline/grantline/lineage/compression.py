"""Packed state, compressed: what much of it says alike is said once, in a dictionary.

State is a few kilobytes at most, too little for a compressor to learn from: issuers, services and
field names come again in each. So the first that is packed becomes the dictionary of what follows
(Zstandard, RFC 8878, with raw content as the dictionary).
"""

from __future__ import annotations

from typing import Final

from zstandard import (
    DICT_TYPE_RAWCONTENT,
    ZstdCompressionDict,
    ZstdCompressor,
    ZstdDecompressor,
)

_LEVEL: Final = 1
_LEAST: Final = 64
"""Bytes; what has fewer stays as it is."""
_DICTIONARY: Final = 16 << 10
_SAMPLE: Final = 4 << 10
"""Of one piece of state at most: what is large must not be all there is to learn from."""
_PLAIN, _ALONE, _LEARNED = b"p", b"z", b"d"
"""The first byte says how the rest was written."""


class Compression:
    """Of the state of one partition. Not for two threads at a time."""

    def __init__(self, dictionary: bytes = b"") -> None:
        """`dictionary`: that of an earlier one, whose bytes can be read then."""
        self._samples = bytearray()
        self._compressor = ZstdCompressor(level=_LEVEL)
        self._decompressor = ZstdDecompressor()
        self._learned: tuple[ZstdCompressor, ZstdDecompressor] | None = None
        self.dictionary = b""
        """Empty while there was too little to learn from."""
        if dictionary:
            self._use(dictionary)

    def compress(self, data: bytes) -> bytes:
        if len(data) <= _LEAST:
            return _PLAIN + data
        if self._learned is not None:
            return _LEARNED + self._learned[0].compress(data)
        self._samples += data[:_SAMPLE]
        if len(self._samples) >= _DICTIONARY:
            self._use(bytes(self._samples))
            self._samples.clear()
        return _ALONE + self._compressor.compress(data)

    def plain(self, data: bytes) -> bytes:
        """What was compressed. Raises `ValueError` without the dictionary it was compressed with."""
        how, rest = data[:1], data[1:]
        if how == _PLAIN:
            return rest
        if how == _ALONE:
            return self._decompressor.decompress(rest)
        if self._learned is None:
            raise ValueError("packed with a dictionary that is not here")
        return self._learned[1].decompress(rest)

    def _use(self, dictionary: bytes) -> None:
        self.dictionary = dictionary
        content = ZstdCompressionDict(dictionary, dict_type=DICT_TYPE_RAWCONTENT)
        content.precompute_compress(level=_LEVEL)
        # The frame need not name its dictionary: there is one.
        compressor = ZstdCompressor(level=_LEVEL, dict_data=content, write_dict_id=False)
        self._learned = compressor, ZstdDecompressor(dict_data=content)
