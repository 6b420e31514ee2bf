"""Protobuf's wire format, written by hand: what no stock encoder writes but any reader may meet."""

from __future__ import annotations


def varint(number: int, padded: int = 0) -> bytes:
    """A base-128 number, with so many bytes more than it needs."""
    number &= (1 << 64) - 1
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F)
    groups += [0] * padded
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def tag(field: int, wire: int, padded: int = 0) -> bytes:
    return varint(field << 3 | wire, padded)


def bytes_field(field: int, value: bytes, padded: int = 0) -> bytes:
    return tag(field, 2, padded) + varint(len(value), padded) + value


def number_field(field: int, number: int, padded: int = 0) -> bytes:
    return tag(field, 0, padded) + varint(number, padded)


def fixed_field(field: int, number: int) -> bytes:
    """Eight bytes, little end first."""
    return tag(field, 1) + (number & ((1 << 64) - 1)).to_bytes(8, "little")
