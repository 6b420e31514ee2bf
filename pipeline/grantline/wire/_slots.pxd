# cython: language_level=3
"""The slots of one span while it is read, each empty or with a reference of its own."""

from cpython.exc cimport PyErr_Clear, PyErr_ExceptionMatches
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF

from grantline.wire._protobuf cimport Bytes, Part

cdef extern from "Python.h":
    PyObject* PyUnicode_DecodeUTF8(const char* start, Py_ssize_t size, const char* errors)
    PyObject* PyUnicode_FromStringAndSize(const char* start, Py_ssize_t size) except NULL


cdef inline PyObject* utf8(Bytes at, Py_ssize_t size) except? NULL:
    """A text, NULL without an exception where the bytes are no UTF-8."""
    cdef PyObject* text = PyUnicode_DecodeUTF8(<const char*>at, size, NULL)
    if text == NULL and PyErr_ExceptionMatches(UnicodeDecodeError):
        PyErr_Clear()
    return text


cdef inline PyObject* hexed(Part part) except NULL:
    """At most 16 bytes as lower-case hex digits."""
    cdef char digits[32]
    cdef Py_ssize_t at
    for at in range(part.size):
        digits[2 * at] = b"0123456789abcdef"[part.start[at] >> 4]
        digits[2 * at + 1] = b"0123456789abcdef"[part.start[at] & 15]
    return PyUnicode_FromStringAndSize(digits, 2 * part.size)


cdef inline void put(PyObject** slots, Py_ssize_t slot, PyObject* value) noexcept:
    """Gives a slot a reference of its own: of a name given twice the last one counts."""
    cdef PyObject* last = slots[slot]
    slots[slot] = value
    Py_XDECREF(last)


cdef inline void share(PyObject** slots, Py_ssize_t slot, object value) noexcept:
    Py_INCREF(value)
    put(slots, slot, <PyObject*>value)


cdef inline bint nothing(PyObject* value) noexcept:
    return value == NULL or value == <PyObject*>None
