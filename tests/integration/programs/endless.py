"""Counted calls in eight threads, or as many as the first argument says, until somebody ends it."""

import sys
import threading
import time

from counted import call, keep_history


def endless():
    while True:
        call(50)
        time.sleep(0.001)


if __name__ == "__main__":
    keep_history()
    call(1)
    print("ready", flush=True)
    for _ in range(int(sys.argv[1])):
        threading.Thread(target=endless, daemon=True).start()
    sys.stdin.read()
