"""Runs a program of this folder with a thread that samples it by `sys._current_frames`, for the truth of `truth.py` itself.

What Python says of its own stacks, with its lock held, is always possible: a verdict against one of these is a mistake in
the verdict. Only what two readings agree on counts: the lock may be lost between two frames of one. It is no measure of shares: it sees the others only where they let go of the lock.

    python tests/targets/reference.py tests/targets/split.py --seconds 1 > STACKS
"""

from __future__ import annotations

import collections
import contextlib
import io
import runpy
import sys
import threading
import types
from pathlib import Path


def fold(frame: types.FrameType | None) -> str:
    """The stack of a frame, as text."""
    words: list[str] = []
    while frame is not None:
        code = frame.f_code
        words.append(f"{Path(code.co_filename).name}:{code.co_qualname}:{frame.f_lineno or 0}")
        frame = frame.f_back
    return ";".join(reversed(words))


def sample(stacks: collections.Counter[str], ended: threading.Event) -> None:
    """Counts the stacks of all other threads until the end."""
    own = threading.get_ident()
    while not ended.wait(0.0002):
        for ident, frame in sys._current_frames().items():
            stack = fold(frame)
            if ident != own and fold(frame) == stack:
                stacks[stack] += 1


def main() -> None:
    """Runs the program, and prints the stacks."""
    stacks: collections.Counter[str] = collections.Counter()
    ended = threading.Event()
    program = sys.argv[1]
    sys.argv[0:2] = [program]
    sys.path[0] = str(Path(program).parent)
    sampler = threading.Thread(target=sample, args=(stacks, ended))
    sampler.start()
    with contextlib.redirect_stdout(io.StringIO()):
        runpy.run_path(program, run_name="__main__")
    ended.set()
    sampler.join()
    for stack, count in stacks.items():
        print(f"{stack} {count}")


if __name__ == "__main__":
    main()
