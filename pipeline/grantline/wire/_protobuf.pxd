# cython: language_level=3
"""Protobuf's wire format, as far as nearly every message needs it; what else there is, is unusual.

Nothing is read but between `at` and `end` of the innermost message, and a length is believed only
after it was held against what is left. https://protobuf.dev/programming-guides/encoding/
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

ctypedef const uint8_t* Bytes

cdef enum:
    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    FIXED32 = 5

    # Bytes of a tag and of a length; longer ones are legal, and nobody writes them.
    MAX_TAG = 2
    MAX_LENGTH = 4
    MAX_VARINT = 10


cdef struct Field:
    int tag
    uint64_t number
    Bytes start
    Py_ssize_t size


cdef struct Part:
    Bytes start
    Py_ssize_t size


cdef inline bint varint(Bytes* at, Bytes end, int longest, uint64_t* number) noexcept nogil:
    """Reads a base-128 number; false where it is cut off, above 64 bits or longer than `longest`."""
    cdef uint64_t read = 0
    cdef int shift = 0
    cdef uint8_t byte
    while shift < 7 * longest and at[0] < end:
        byte = at[0][0]
        at[0] += 1
        if shift == 63 and byte > 1:
            return False
        read |= (<uint64_t>(byte & 0x7F)) << shift
        if byte < 0x80:
            number[0] = read
            return True
        shift += 7
    return False


cdef inline bint length(Bytes* at, Bytes end, Py_ssize_t* size) noexcept nogil:
    """Reads a length that what is left has room for."""
    cdef uint64_t number = 0
    if not varint(at, end, MAX_LENGTH, &number) or number > <uint64_t>(end - at[0]):
        return False
    size[0] = <Py_ssize_t>number
    return True


cdef inline bint fills(Bytes* at, Bytes end) noexcept nogil:
    """Reads a length, and whether it is all that is left."""
    cdef Py_ssize_t size = 0
    return length(at, end, &size) and size == end - at[0]


cdef inline bint field(Bytes* at, Bytes end, Field* found) noexcept nogil:
    """Reads one field. False for what is broken or unusual, groups among it."""
    cdef uint64_t tag = 0
    found.number = 0
    if not varint(at, end, MAX_TAG, &tag) or tag < 8:
        return False
    found.tag = <int>tag
    cdef int wire = <int>(tag & 7)
    if wire == LENGTH:
        if not length(at, end, &found.size):
            return False
        found.start = at[0]
        at[0] += found.size
        return True
    found.start, found.size = at[0], 0
    if wire == VARINT:
        return varint(at, end, MAX_VARINT, &found.number)
    cdef int size = 8 if wire == FIXED64 else 4
    if (wire != FIXED64 and wire != FIXED32) or end - at[0] < size:
        return False
    found.size = size
    at[0] += size
    return True


cdef inline uint64_t little(Bytes at, int size) noexcept nogil:
    cdef uint64_t number = 0
    cdef int place
    for place in range(size):
        number |= (<uint64_t>at[place]) << (8 * place)
    return number


cdef inline bint zeros(Part part) noexcept nogil:
    cdef Py_ssize_t at
    for at in range(part.size):
        if part.start[at]:
            return False
    return True


cdef inline bint before(Part one, Part other) noexcept nogil:
    """Whether a text comes before another; UTF-8 sorts as its code points do."""
    cdef Py_ssize_t size = one.size if one.size < other.size else other.size
    cdef int order = memcmp(one.start, other.start, size)
    return order < 0 or (order == 0 and one.size < other.size)
