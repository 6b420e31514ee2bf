# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""`grantline.lineage.partition`, compiled."""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL


cdef uint32_t hashed(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    cdef uint32_t m = 0x5BD1E995u
    cdef uint32_t h = 0x9747B28Cu ^ <uint32_t>size
    cdef uint32_t k
    cdef Py_ssize_t rest = size & 3
    cdef const uint8_t* end = data + (size - rest)
    while data < end:
        k = data[0] | <uint32_t>data[1] << 8 | <uint32_t>data[2] << 16 | <uint32_t>data[3] << 24
        k *= m
        h = (h * m) ^ ((k ^ (k >> 24)) * m)
        data += 4
    if rest:
        if rest == 3:
            h ^= <uint32_t>data[2] << 16
        if rest >= 2:
            h ^= <uint32_t>data[1] << 8
        h = (h ^ data[0]) * m
    h = (h ^ (h >> 13)) * m
    return h ^ (h >> 15)


def murmur2(bytes data not None):
    """The unsigned 32-bit murmur2 hash of `data`."""
    cdef const uint8_t* start = data
    return hashed(start, len(data))


def partition_of(str key not None, uint32_t partitions):
    """The partition of `key` among `partitions`."""
    cdef Py_ssize_t size = 0
    cdef const char* start
    cdef bytes encoded
    if partitions == 0:
        raise ZeroDivisionError("no partitions to choose from")
    try:
        start = PyUnicode_AsUTF8AndSize(key, &size)
    except UnicodeEncodeError:  # half of a surrogate pair
        encoded = key.encode("utf-8", "surrogatepass")
        start, size = encoded, len(encoded)
    return (hashed(<const uint8_t*>start, size) & 0x7FFFFFFFu) % partitions
