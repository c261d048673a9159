"""The twin of call_dense.py whose calls come out of C: sorted(), re.sub(), reduce(), map() and qsort() through ctypes.

C that calls back into Python begins a new chain of frames in the middle of the stack, which is where naive samplers
lose the lower half of it.
"""

import ctypes
import functools
import re
import time

from target import run

WORDS = re.compile(r"\w+")
TEXT = "the quick brown fox jumps over the lazy dog " * 4
NUMBERS = list(range(40, 0, -1))

COMPARISON = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
libc = ctypes.CDLL(None)


def key_leaf(n):
    return -n


def key(n):
    return key_leaf(n)


def sorting():
    return sorted(NUMBERS, key=key)


def substitute_leaf(text):
    return text.upper()


def substitute(match):
    return substitute_leaf(match.group())


def substituting():
    return WORDS.sub(substitute, TEXT)


def add_leaf(a, b):
    return a + b


def add(a, b):
    return add_leaf(a, b)


def reducing():
    return functools.reduce(add, NUMBERS)


def compare_leaf(a, b):
    return a - b


def compare(a, b):
    return compare_leaf(a[0], b[0])


def foreign_sorting():
    numbers = (ctypes.c_int * 12)(*NUMBERS[:12])
    libc.qsort(numbers, 12, ctypes.sizeof(ctypes.c_int), COMPARISON(compare))


def inner_key(n):
    return n % 7


def outer_key(n):
    return min(NUMBERS[:6], key=inner_key)


def nesting():
    return max(NUMBERS[:8], key=outer_key)


def once():
    sorting()
    substituting()
    reducing()
    foreign_sorting()
    nesting()


def work(deadline):
    while time.monotonic() < deadline:
        once()
    return {}


if __name__ == "__main__":
    run(work)
