# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""OTLP protobuf -> hops in one walk over the bytes: the compiled way, beside the pure one.

It knows only what every emitter sends. Whatever is unusual in an attribute, a span or a record is
left to the Python code that it was given, from the bytes, and with nothing of it taken: so both
ways say the same of every input, and each refusal is worded in one place.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize
from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.limits cimport LLONG_MAX
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memset

from grantline.wire._otlp cimport (
    ARRAY_VALUE, ATTRIBUTES_OF_ONE, BOOL_VALUE, DOUBLE_VALUE, INT_VALUE, KEY, LAST_KIND, RESOURCE,
    RESOURCE_SPANS, SCOPE_SPANS, SPANS, STRING_VALUE, VALUE, VALUES, Span, countable, usual,
)
from grantline.wire._protobuf cimport (
    MAX_VARINT, Bytes, Field, Part, before, field, fills, little, varint, zeros,
)
from grantline.wire._slots cimport hexed, nothing, put, share, utf8

cdef extern from "Python.h":
    object PyObject_Vectorcall(object called, PyObject** args, size_t count, PyObject* names)
    PyObject* PyLong_FromLongLong(long long value) except NULL

cdef enum:
    # Kinds of attributes, in the order of `KINDS`.
    TEXT = 0
    INTEGER = 1
    TRUTH = 2
    TEXTS = 3
    SCOPES = 4
    FINGERPRINT = 5
    OPERATION = 6
    INSTANT = 7

    CANONICAL = 7 + 64
    BUCKETS = 1024

    # Room on the stack: a walk shares nothing with another one, on whatever thread.
    SLOTS = 128
    ITEMS = 64

VERSION = 2
"""Of what a `Walker` is told and gives: a module that was built from other sources is not used."""
KINDS = (
    "text", "integer", "truth", "texts", "scopes", "fingerprint", "operation", "instant",
)
"""The converters of `otlp_values` that are done here where the value is as it should be."""


cdef struct Known:
    Bytes name
    Py_ssize_t size
    int slot
    int kind


cdef inline unsigned int bucket(Bytes name, Py_ssize_t size) noexcept nogil:
    """Where the search for a name begins: of its length, its last bytes and its middle."""
    cdef uint64_t mixed = <uint64_t>size * 0x9E3779B97F4A7C15u
    if size >= 8:
        mixed ^= little(name + size - 8, 8) * 0xC2B2AE3D27D4EB4Fu
        mixed ^= little(name + (size - 8) // 2, 8) * 0x165667B19E3779F9u
    mixed *= 0x9E3779B97F4A7C15u
    return <unsigned int>(mixed >> 32) % BUCKETS


cdef inline bint canonical(Bytes at) noexcept nogil:
    """Whether these 71 bytes are `sha256:` and lower-case hex digits."""
    cdef int place
    cdef uint8_t byte
    if memcmp(at, b"sha256:", 7) != 0:
        return False
    for place in range(7, CANONICAL):
        byte = at[place]
        if not (c"0" <= byte <= c"9" or c"a" <= byte <= c"f"):
            return False
    return True


cdef class Walker:
    """Reads records; made once, with the tables and the pure code.

    `names` are (name, slot, place in `KINDS`) of each attribute, `mark` the name that makes a
    delegation span; `fields` the slots that are filled otherwise; `defaults` has a value for each
    slot, of which the first `width` make a hop. `emitter` reads a resource, `remember` one
    attribute into (slot, value) and `pure` one span into a hop, a rejection or None, each as the
    pure way does. `starts` and `instants` are the first and the last start of a span (ns) and
    instant of an attribute (s) that are taken here.
    """

    cdef object make, emitter, remember, pure, unusable, dropped
    cdef dict operations
    cdef tuple names, defaults
    cdef int width, slots
    cdef Py_ssize_t max_text, max_items, max_attributes
    cdef int span_id, trace_id, operation, time, kind, service, instance, received
    cdef int environment, failed, flags, action, parent, ended, tool, method, odd
    cdef uint64_t first_start, last_start
    cdef int64_t first_instant, last_instant
    cdef Known table[BUCKETS]
    cdef Part mark

    def __cinit__(
        self, make, *, names, mark, fields, defaults, width, operations, dropped, unusable,
        max_text, max_items, max_attributes, starts, instants, emitter, remember, pure,
    ):
        self.make, self.emitter, self.remember, self.pure = make, emitter, remember, pure
        self.unusable, self.dropped = unusable, dropped
        self.operations = {name: name for name in operations}
        self.defaults = tuple(defaults)
        self.width, self.slots = width, len(self.defaults)
        (
            self.span_id, self.trace_id, self.operation, self.time, self.kind, self.service,
            self.instance, self.received, self.environment, self.failed, self.flags, self.action,
            self.parent, self.ended, self.tool, self.method, self.odd,
        ) = fields
        self.first_start, self.last_start = starts
        self.first_instant, self.last_instant = instants
        self.max_text, self.max_items, self.max_attributes = max_text, max_items, max_attributes
        self.names = tuple((bytes(name), slot, kind) for name, slot, kind in names)
        if (
            not 0 < self.width <= self.slots <= SLOTS
            or max_items > ITEMS or max_attributes > ATTRIBUTES_OF_ONE
            or len(self.names) > BUCKETS // 4
            or not 0 < self.first_start <= self.last_start <= <uint64_t>LLONG_MAX
            or not all(0 <= slot < self.slots for slot in fields)
            or not all(0 <= slot < self.slots and 0 <= kind < len(KINDS)
                       for _, slot, kind in self.names)
        ):
            raise ValueError("tables that this walk has no room for")
        for name, slot, kind in self.names:
            self.enter(name, slot, kind)
            if name == mark:
                self.mark.start, self.mark.size = <Bytes>PyBytes_AS_STRING(name), len(name)
        if not 0 < self.mark.size < 128:
            raise ValueError("the mark is none of the names")

    cdef void enter(self, bytes name, int slot, int kind) noexcept:
        cdef Bytes start = <Bytes>PyBytes_AS_STRING(name)  # self.names keeps it alive
        cdef unsigned int at = bucket(start, PyBytes_GET_SIZE(name))
        while self.table[at].name != NULL:
            at = (at + 1) % BUCKETS
        self.table[at].name, self.table[at].size = start, PyBytes_GET_SIZE(name)
        self.table[at].slot, self.table[at].kind = slot, kind

    cdef inline Known* find(self, Bytes name, Py_ssize_t size) noexcept:
        cdef unsigned int at = bucket(name, size)
        while self.table[at].name != NULL:
            if self.table[at].size == size and memcmp(self.table[at].name, name, size) == 0:
                return &self.table[at]
            at = (at + 1) % BUCKETS
        return NULL

    def read(self, data, Py_ssize_t limit, received):
        """(hops, rejected, passed over) of a record; None where it must be read the other way:
        it is unusual as a whole, or holds more than `limit` spans."""
        if not PyBytes_CheckExact(data):
            return None
        cdef Bytes at = <Bytes>PyBytes_AS_STRING(data)
        cdef Bytes end = at + PyBytes_GET_SIZE(data)
        cdef Py_ssize_t spans = countable(at, end, limit)
        if spans < 0:
            return None
        cdef list hops = []
        cdef list rejected = []
        cdef Py_ssize_t index = 0
        cdef Field group
        while at < end and field(&at, end, &group):
            if group.tag == RESOURCE_SPANS:
                index = self.group(group, received, hops, rejected, index)
        return hops, rejected, spans - len(hops) - len(rejected)

    cdef Py_ssize_t group(
        self, Field group, object received, list hops, list rejected, Py_ssize_t index
    ) except -1:
        """Reads one ResourceSpans; gives the number of the next span."""
        cdef Bytes end = group.start + group.size
        cdef Bytes at = group.start
        cdef Bytes inner
        cdef Field scope
        cdef Field span
        cdef bytes resource = b""
        emitter = None
        while at < end and field(&at, end, &scope):
            if scope.tag == RESOURCE:
                resource = PyBytes_FromStringAndSize(<const char*>scope.start, scope.size)
        at = group.start
        while at < end and field(&at, end, &scope):
            if scope.tag != SCOPE_SPANS:
                continue
            if emitter is None:
                emitter = self.emitter(resource)
                # (service, instance, environment, problem, flags), read below without asking again.
                if not isinstance(emitter, tuple) or len(emitter) != 5:
                    raise TypeError("an emitter is five values")
            inner = scope.start
            while inner < scope.start + scope.size and field(
                &inner, scope.start + scope.size, &span
            ):
                if span.tag == SPANS:
                    made = self.span(span.start, span.size, emitter, received)
                    if type(made) is self.make:
                        hops.append(made)
                    elif made is not None:
                        rejected.append((index, made))
                    index += 1
        return index

    cdef object span(self, Bytes start, Py_ssize_t size, object emitter, object received):
        """The hop or the rejection of a span; None where it is no delegation span."""
        cdef PyObject* slots[SLOTS]
        cdef Span span
        cdef int slot
        made = None
        if (<tuple>emitter)[3] is None and not (<tuple>emitter)[4] and usual(
            start, size, self.mark, self.max_attributes, self.first_start, self.last_start, &span
        ):
            memset(slots, 0, sizeof(slots))
            try:
                if self.gather(&span, slots):
                    made = self.hop(&span, slots, emitter, received)
            finally:
                for slot in range(self.slots):
                    put(slots, slot, NULL)
        if made is None:
            raw = PyBytes_FromStringAndSize(<const char*>start, size)
            made = self.pure(raw, emitter, received)
        return made

    cdef bint gather(self, Span* span, PyObject** slots) except -1:
        """Takes all attributes; false where one of them is wrong."""
        cdef Py_ssize_t at
        cdef Part part
        for at in range(span.count):
            part = span.attributes[at]
            if not self.attribute(part, slots) and not self.ask(part, slots):
                return False
        return True

    cdef bint attribute(self, Part part, PyObject** slots) except -1:
        """Takes one attribute; false where it is not as nearly all are."""
        cdef Bytes at = part.start
        cdef Bytes end = at + part.size
        if part.size < 2 or at[0] != KEY or at[1] > 127 or at[1] + 2 >= part.size:
            return False
        cdef Known* known = self.find(at + 2, at[1])
        at += at[1] + 2
        if at[0] != VALUE:
            return False
        at += 1
        if not fills(&at, end) or at == end:
            return False
        cdef int tag = at[0]
        at += 1
        if tag == STRING_VALUE:
            return fills(&at, end) and (known == NULL or self.text(known, at, end - at, slots))
        if tag == INT_VALUE:
            return self.integer(known, at, end, slots)
        if tag == BOOL_VALUE:
            if at + 1 != end or at[0] > 1 or (known != NULL and known.kind != TRUTH):
                return False
            if known != NULL:
                share(slots, known.slot, True if at[0] else False)
            return True
        if tag == DOUBLE_VALUE:
            return known == NULL and end - at == 8
        if tag == ARRAY_VALUE:
            return known != NULL and fills(&at, end) and self.array(known, at, end, slots)
        return False

    cdef bint text(self, Known* known, Bytes at, Py_ssize_t size, PyObject** slots) except -1:
        """Takes a text of a known attribute; no text has more characters than bytes."""
        if size > self.max_text or known.kind not in (TEXT, FINGERPRINT, OPERATION):
            return False
        if size == 0:
            if known.kind != OPERATION:
                share(slots, known.slot, None)
            return known.kind != OPERATION
        if known.kind == FINGERPRINT and not (size == CANONICAL and canonical(at)):
            return False
        cdef PyObject* made = utf8(at, size)
        if made == NULL:
            return False
        put(slots, known.slot, made)
        return known.kind != OPERATION or <object>made in self.operations

    cdef bint integer(self, Known* known, Bytes at, Bytes end, PyObject** slots) except -1:
        cdef uint64_t number = 0
        if not varint(&at, end, MAX_VARINT, &number) or at != end:
            return False
        if known == NULL:
            return True
        if known.kind != INTEGER and not (
            known.kind == INSTANT
            and self.first_instant <= <int64_t>number <= self.last_instant
        ):
            return False
        put(slots, known.slot, PyLong_FromLongLong(<int64_t>number))
        return True

    cdef bint array(self, Known* known, Bytes at, Bytes end, PyObject** slots) except -1:
        """Takes an array of texts; scopes only where they are sorted, unique and one each."""
        cdef Part items[ITEMS]
        cdef Part item
        cdef Field found
        cdef PyObject* text
        cdef Py_ssize_t count = 0
        cdef Py_ssize_t place
        if known.kind != TEXTS and known.kind != SCOPES:
            return False
        while at < end:
            if count == self.max_items or not field(&at, end, &found) or found.tag != VALUES:
                return False
            if found.size == 0 or found.start[0] != STRING_VALUE:
                return False
            item.start = found.start + 1
            if not fills(&item.start, found.start + found.size):
                return False
            item.size = found.start + found.size - item.start
            if item.size > self.max_text:
                return False
            if item.size == 0:
                return False
            if known.kind == SCOPES and (
                memchr(item.start, c" ", item.size) != NULL
                or (count > 0 and not before(items[count - 1], item))
            ):
                return False
            items[count] = item
            count += 1
        made = PyTuple_New(count)
        for place in range(count):
            text = utf8(items[place].start, items[place].size)
            if text == NULL:
                return False
            PyTuple_SET_ITEM(made, place, <object>text)  # takes our reference over
        share(slots, known.slot, made)
        return True

    cdef bint ask(self, Part part, PyObject** slots) except -1:
        """Takes what the pure way reads in an attribute; false where that is odd, or a problem."""
        raw = PyBytes_FromStringAndSize(<const char*>part.start, part.size)
        slot, value = self.remember[raw]
        cdef Py_ssize_t at = slot
        if type(value) is self.unusable or at == self.odd or not 0 <= at < self.slots:
            return False
        share(slots, at, value)
        return True

    cdef object hop(self, Span* span, PyObject** slots, object emitter, object received):
        """The hop that the slots add up to, None without an operation."""
        cdef int slot
        if nothing(slots[self.operation]):
            return None
        put(slots, self.trace_id, hexed(span.trace))
        put(slots, self.span_id, hexed(span.id))
        if span.parent.size == 8 and not zeros(span.parent):
            put(slots, self.parent, hexed(span.parent))
        put(slots, self.time, PyLong_FromLongLong(<int64_t>span.time))
        if span.time <= span.ended <= <uint64_t>LLONG_MAX:
            put(slots, self.ended, PyLong_FromLongLong(<int64_t>span.ended))
        share(slots, self.kind, span.kind if span.kind <= LAST_KIND else 0)
        share(slots, self.failed, True if span.failed else False)
        share(slots, self.service, (<tuple>emitter)[0])
        share(slots, self.instance, (<tuple>emitter)[1])
        share(slots, self.environment, (<tuple>emitter)[2])
        share(slots, self.received, received)
        if span.dropped:
            share(slots, self.flags, self.dropped)
        if nothing(slots[self.action]):
            slot = self.method if nothing(slots[self.tool]) else self.tool
            if slots[slot] != NULL:
                share(slots, self.action, <object>slots[slot])
        for slot in range(self.width):
            if slots[slot] == NULL:
                share(slots, slot, self.defaults[slot])
        return PyObject_Vectorcall(self.make, slots, self.width, NULL)
