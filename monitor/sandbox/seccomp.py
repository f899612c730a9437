"""Lets a process ask only for what computing takes: a filter that the kernel holds it to."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from dataclasses import dataclass
from typing import Final

# Its own handles, its own memory, the time, and its end: no file is opened, nothing is sent to
# another address, no program is run, no process is made or signalled, no limit is moved.
# Source of the numbers: Linux, arch/x86/entry/syscalls/syscall_64.tbl and
# include/uapi/asm-generic/unistd.h.
_X86_64: Final = {
    **{"read": 0, "close": 3, "fstat": 5, "lseek": 8, "munmap": 11, "brk": 12},
    **{"rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "sched_yield": 24, "mremap": 25},
    **{"madvise": 28, "getpid": 39, "exit": 60, "gettimeofday": 96, "getrusage": 98},
    **{"sysinfo": 99, "sigaltstack": 131, "gettid": 186, "futex": 202, "sched_getaffinity": 204},
    **{"restart_syscall": 219, "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231},
    **{"newfstatat": 262, "set_robust_list": 273, "getrandom": 318, "membarrier": 324},
    **{"rseq": 334},
}
_AARCH64: Final = {
    **{"read": 63, "close": 57, "fstat": 80, "lseek": 62, "munmap": 215, "brk": 214},
    **{"rt_sigprocmask": 135, "rt_sigreturn": 139, "pread64": 67, "sched_yield": 124},
    **{"mremap": 216, "madvise": 233, "getpid": 172, "exit": 93, "gettimeofday": 169},
    **{"getrusage": 165, "sysinfo": 179, "sigaltstack": 132, "gettid": 178, "futex": 98},
    **{"sched_getaffinity": 123, "restart_syscall": 128, "clock_gettime": 113},
    **{"clock_nanosleep": 115, "exit_group": 94, "newfstatat": 79, "getrandom": 278},
    **{"membarrier": 283, "rseq": 293, "set_robust_list": 99},
}


@dataclass(frozen=True, slots=True)
class _Machine:
    """How a kind of machine numbers its system calls.

    Attributes:
        audit: The kernel's number of the machine itself.
        write: Only to standard input, the socket to who started this process.
        mapping: mmap and mprotect, which may make no memory executable.
        clone: May make threads, as a decoder of HEIC does, in the same namespaces.
        clone3: Is said not to exist, as its flags can't be seen: C libraries use clone then.
        seccomp: The call that puts the filter in force.
    """

    audit: int
    allowed: tuple[int, ...]
    write: int
    mapping: tuple[int, int]
    clone: int
    clone3: int
    seccomp: int


_MACHINES: Final = {
    "x86_64": _Machine(0xC000003E, tuple(_X86_64.values()), 1, (9, 10), 56, 435, 317),
    "aarch64": _Machine(0xC00000B7, tuple(_AARCH64.values()), 64, (222, 226), 220, 435, 277),
}

# Source: linux/bpf_common.h, linux/seccomp.h, linux/prctl.h.
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_KILL, _ALLOW, _FAIL = 0x80000000, 0x7FFF0000, 0x00050000
_AT_NUMBER, _AT_MACHINE, _AT_FIRST_ARGUMENT, _AT_THIRD_ARGUMENT = 0, 4, 16, 32
_ASKING: Final = 0
_PROT_EXEC: Final = 4
_CLONE_THREAD, _CLONE_NEW_ANY = 0x00010000, 0x7E020000
_SET_FILTER, _ALL_THREADS = 1, 1
_NO_NEW_PRIVILEGES: Final = 38


class _Program(ctypes.Structure):
    """The kernel's `struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def confine() -> bool:
    """Hold this process to the filter, for good.

    What is not allowed fails with EPERM: most decoders go on or report an error, and are not lost.

    Returns:
        False where this system has no such filter, or none is written for this kind of machine.
    """
    machine = _MACHINES.get(platform.machine())
    if not sys.platform.startswith("linux") or sys.byteorder != "little" or machine is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    code = _filter_for(machine)
    program = _Program(len(code) // 8, code)
    filtered = libc.syscall(machine.seccomp, _SET_FILTER, _ALL_THREADS, ctypes.byref(program))
    return bool(filtered == 0)


def _filter_for(machine: _Machine) -> bytes:
    """Write the filter as the kernel reads it: 8 bytes an instruction."""
    refuse = (_RETURN, 0, 0, _FAIL | errno.EPERM)
    allow = (_RETURN, 0, 0, _ALLOW)
    code = [
        (_LOAD, 0, 0, _AT_MACHINE),
        (_IF_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
    ]
    # Jumps are counts of instructions to pass over.
    for number in machine.allowed:
        code += [(_IF_EQUAL, 0, 1, number), allow]
    check = [(_LOAD, 0, 0, _AT_FIRST_ARGUMENT), (_IF_EQUAL, 0, 1, _ASKING), allow, refuse]
    code += [(_IF_EQUAL, 0, len(check), machine.write), *check]
    for number in machine.mapping:
        check = [(_LOAD, 0, 0, _AT_THIRD_ARGUMENT), (_IF_ANY_BIT, 0, 1, _PROT_EXEC), refuse, allow]
        code += [(_IF_EQUAL, 0, len(check), number), *check]
    check = [
        (_LOAD, 0, 0, _AT_FIRST_ARGUMENT),
        (_IF_ANY_BIT, 1, 0, _CLONE_NEW_ANY),
        (_IF_ANY_BIT, 1, 0, _CLONE_THREAD),
        refuse,
        allow,
    ]
    code += [(_IF_EQUAL, 0, len(check), machine.clone), *check]
    code += [(_IF_EQUAL, 0, 1, machine.clone3), (_RETURN, 0, 0, _FAIL | errno.ENOSYS), refuse]
    return b"".join(struct.pack("<HBBI", *one) for one in code)
