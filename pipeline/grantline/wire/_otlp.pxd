# cython: language_level=3
"""Where what is in a record of OTLP: opentelemetry/proto/trace/v1/trace.proto and
common/v1/common.proto, down to the attributes of a span."""

from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp

from grantline.wire._protobuf cimport FIXED64, LENGTH, VARINT, Bytes, Field, Part, field, little
from grantline.wire._protobuf cimport zeros

cdef enum:
    # Tags: field number * 8 + wire type.
    RESOURCE_SPANS = 1 * 8 + LENGTH
    RESOURCE = 1 * 8 + LENGTH
    SCOPE_SPANS = 2 * 8 + LENGTH
    LIBRARY_SPANS = 1000
    SPANS = 2 * 8 + LENGTH
    TRACE_ID = 1 * 8 + LENGTH
    SPAN_ID = 2 * 8 + LENGTH
    PARENT_SPAN_ID = 4 * 8 + LENGTH
    KIND = 6 * 8 + VARINT
    START_TIME = 7 * 8 + FIXED64
    END_TIME = 8 * 8 + FIXED64
    ATTRIBUTES = 9 * 8 + LENGTH
    DROPPED = 10 * 8 + VARINT
    STATUS = 15 * 8 + LENGTH
    CODE = 3 * 8 + VARINT
    KEY = 1 * 8 + LENGTH
    VALUE = 2 * 8 + LENGTH
    STRING_VALUE = 1 * 8 + LENGTH
    BOOL_VALUE = 2 * 8 + VARINT
    INT_VALUE = 3 * 8 + VARINT
    DOUBLE_VALUE = 4 * 8 + FIXED64
    ARRAY_VALUE = 5 * 8 + LENGTH
    VALUES = 1 * 8 + LENGTH

    ERROR = 2
    LAST_KIND = 5
    INT32 = 0x7FFFFFFF
    ATTRIBUTES_OF_ONE = 1024


cdef struct Span:
    Part trace
    Part id
    Part parent
    uint64_t time
    uint64_t ended
    uint64_t kind
    bint failed
    bint dropped
    Py_ssize_t count
    Part attributes[ATTRIBUTES_OF_ONE]


cdef inline Py_ssize_t countable(Bytes at, Bytes end, Py_ssize_t limit) noexcept nogil:
    """How many spans a record has; -1 where it is broken, unusual above its spans, or has more
    than `limit`."""
    cdef Field group
    cdef Field scope
    cdef Field found
    cdef Bytes below
    cdef Bytes within
    cdef Py_ssize_t scopes = 0
    cdef int resources
    cdef Py_ssize_t spans = 0
    while at < end:
        if not field(&at, end, &group):
            return -1
        if group.tag != RESOURCE_SPANS:
            if group.tag >> 3 == RESOURCE_SPANS >> 3:
                return -1
            continue
        resources = 0
        below = group.start
        while below < group.start + group.size:
            if not field(&below, group.start + group.size, &scope):
                return -1
            if scope.tag == RESOURCE:
                resources += 1
                if resources > 1:  # one message in two parts: protobuf merges them
                    return -1
            elif scope.tag == SCOPE_SPANS:
                scopes += 1
                within = scope.start
                while within < scope.start + scope.size:
                    if not field(&within, scope.start + scope.size, &found):
                        return -1
                    if found.tag == SPANS:
                        spans += 1
                    elif found.tag >> 3 == SPANS >> 3:
                        return -1
            elif scope.tag >> 3 in (1, 2, LIBRARY_SPANS):
                return -1
    return spans if scopes <= limit and spans <= limit else -1


cdef inline bint named(Part part, Part name) noexcept nogil:
    """Whether an attribute has this name, of less than 128 bytes."""
    return (
        part.size >= name.size + 2 and part.start[0] == KEY
        and part.start[1] == name.size
        and memcmp(part.start + 2, name.start, name.size) == 0
    )


cdef inline bint status_of(Part status, bint* failed) noexcept nogil:
    """Reads a status; one that says no code leaves `failed` as it was, as merging does."""
    cdef Bytes at = status.start
    cdef Bytes end = at + status.size
    cdef Field found
    while at < end:
        if not field(&at, end, &found):
            return False
        if found.tag == CODE and found.number <= INT32:
            failed[0] = found.number == ERROR
        elif found.tag >> 3 == CODE >> 3:
            return False
    return True


cdef inline bint may_hold_jwt(Bytes start, Py_ssize_t size) noexcept nogil:
    """Whether `eyJ` is anywhere in it, with which every JWT begins."""
    cdef Bytes at = start
    cdef Bytes end = at + size
    while at < end:
        at = <Bytes>memchr(at, c"J", end - at)
        if at == NULL:
            return False
        if at - start >= 2 and (at - 1)[0] == c"y" and (at - 2)[0] == c"e":
            return True
        at += 1
    return False


cdef inline bint usual(
    Bytes start, Py_ssize_t size, Part mark, Py_ssize_t most, uint64_t first, uint64_t last,
    Span* span
) noexcept nogil:
    """Reads what is no attribute of a span, and finds its attributes. False where none of them is
    the mark, where they are more than `most`, where it does not start from `first` to `last`, or
    something is unusual."""
    cdef Bytes at = start
    cdef Bytes end = at + size
    cdef Field found
    cdef Part part
    cdef bint marked = False
    span.trace.size = span.id.size = span.parent.size = span.count = 0
    span.time = span.ended = span.kind = 0
    span.failed = span.dropped = False
    while at < end:
        if not field(&at, end, &found):
            return False
        part.start, part.size = found.start, found.size
        if found.tag == ATTRIBUTES:
            if span.count == most:
                return False
            span.attributes[span.count] = part
            span.count += 1
            marked = marked or named(part, mark)
        elif found.tag == TRACE_ID:
            span.trace = part
        elif found.tag == SPAN_ID:
            span.id = part
        elif found.tag == PARENT_SPAN_ID:
            span.parent = part
        elif found.tag == START_TIME:
            span.time = little(found.start, 8)
        elif found.tag == END_TIME:
            span.ended = little(found.start, 8)
        elif found.tag == KIND and found.number <= INT32:
            span.kind = found.number
        elif found.tag == DROPPED and found.number <= INT32:
            span.dropped = found.number > 0
        elif found.tag == STATUS:
            if not status_of(part, &span.failed):
                return False
        elif found.tag >> 3 in (1, 2, 4, 6, 7, 8, 9, 10, 15):
            return False
    return (
        marked and span.trace.size == 16 and span.id.size == 8
        and not zeros(span.trace) and not zeros(span.id)
        and first <= span.time <= last and not may_hold_jwt(start, size)
    )
