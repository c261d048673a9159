"""Calls of new functions, in four threads, before somebody else fills the file system of the recordings, then and after.

What ran is told after each line of standard input, and the exit code is 7, so that neither is an accident.
"""

import sys
import threading

import tachograph

FUNCTIONS = 1000  # in each turn, called by each thread
CALLS = 3


def turn(number):
    """Of functions that nobody has called; the number of their calls."""
    names = {}
    exec("".join(f"def t{number}_{i}(): pass\n" for i in range(FUNCTIONS)), names)
    functions = [tachograph.timing(names[f"t{number}_{i}"]) for i in range(FUNCTIONS)]

    def call():
        for function in functions * CALLS:
            function()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return FUNCTIONS * CALLS * len(threads)


if __name__ == "__main__":
    for number, _ in enumerate(iter(sys.stdin.readline, "")):
        print(turn(number), flush=True)
    sys.exit(7)
