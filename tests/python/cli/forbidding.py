"""Takes system calls away from a program, as containers do: a filter (seccomp) that answers EPERM, or kills."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = {
    "x86_64": {"ptrace": 101, "process_vm_readv": 310, "bpf": 321},
    "aarch64": {"ptrace": 117, "process_vm_readv": 270, "bpf": 280},
}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_NUMBER, IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # instructions of the filter
ALLOW, FORBID, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000


class Filter(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbidding(*calls: str, kills: bool = False) -> Callable[[], None]:
    """What makes these calls fail, or kills who makes them, for ``preexec_fn``."""
    numbers = [NUMBERS[platform.machine()][call] for call in calls]
    program = [(LOAD_NUMBER, 0, 0, 0)]
    program += [(IF_EQUAL, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
    program += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, KILL if kills else FORBID)]
    instructions = b"".join(struct.pack("<HBBI", *each) for each in program)

    def forbid() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        filter = Filter(len(program), instructions)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
            PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter), 0, 0
        ):
            raise OSError(ctypes.get_errno(), "no filter of system calls")

    return forbid
