"""Does what lines on its standard input tell it, and answers each with a line: what happens when is up to a test.

The exit code at the end of the input is 7, so that it is no accident.
"""

import ctypes
import functools
import os
import resource
import sys

import counted
import tachograph


def hold_gil():
    """Waits for a byte on standard input with Python's lock held, as a long call into C does."""
    print("holding", flush=True)
    ctypes.PyDLL(None).read(0, ctypes.create_string_buffer(1), 1)


def limit_files(bytes_max):
    """No file can grow beyond so much; negative: all can."""
    limit = resource.RLIM_INFINITY if bytes_max < 0 else bytes_max
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def fork(times):
    """A child each time, which calls once."""
    for _ in range(times):
        child = os.fork()
        if child == 0:
            counted.call(1)
            os._exit(0)
        os.waitpid(child, 0)


def fork_and_flush(times):
    """A child that calls so often and keeps its own history; its exit code is 0 when all of it is stored."""
    child = os.fork()
    if child == 0:
        counted.call(times)
        os._exit(0 if tachograph.flush(10) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@functools.cache
def watched():
    """A function whose exceptions are recorded: from its first use on, as most tests are of none."""

    @tachograph.exception_logger(reraise=True)
    def pay(amount, *, api_key):
        raise LookupError(amount)

    return pay


def fail(times):
    """So many exceptions of one kind."""
    for amount in range(times):
        try:
            watched()(amount, api_key="hush")
        except LookupError:
            pass
    return times


def fork_and_fail(times):
    """A child in which so many fail and are stored; its exit code."""
    child = os.fork()
    if child == 0:
        fail(times)
        os._exit(0 if tachograph.flush(10) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def blocked_signals():
    """Of the collector's thread, as a mask; and how many such threads there are."""
    masks = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/status") as status:
            lines = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
        if lines["Name"] == "tachograph":
            masks.append(int(lines["SigBlk"], 16))
    return masks


COMMANDS = {
    "call": lambda times: counted.call(int(times)),
    "fail": lambda times: fail(int(times)),
    "fork_and_fail": lambda times: fork_and_fail(int(times)),
    "flush": lambda seconds: tachograph.flush(float(seconds)),
    "stop": lambda seconds: tachograph.stop(float(seconds)),
    "start": lambda: counted.keep_history(instrument=None),
    "hold": hold_gil,
    "limit": lambda bytes_max: limit_files(int(bytes_max)),
    "fork": lambda times: fork(int(times)),
    "fork_and_flush": lambda times: fork_and_flush(int(times)),
    "signals": blocked_signals,
}

if __name__ == "__main__":
    counted.keep_history()
    print("ready", flush=True)
    while line := sys.stdin.buffer.raw.readline():  # nothing read ahead: `hold` reads a byte
        command, *arguments = line.decode().split()
        print(COMMANDS[command](*arguments), flush=True)
    sys.exit(7)
