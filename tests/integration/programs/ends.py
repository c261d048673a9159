"""Counted calls in several intervals, then the end that the first argument names."""

import os
import signal
import sys
import time

from counted import call, keep_history

ENDS = {
    "return": lambda: None,
    "sys.exit": lambda: sys.exit(3),
    "exception": lambda: {}["end"],
    "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "os._exit": lambda: os._exit(4),
    "exec": lambda: os.execv(sys.executable, [sys.executable, "-S", "-c", "print('another')"]),
}

if __name__ == "__main__":
    keep_history()
    call(100)
    time.sleep(0.12)
    call(20, failing=True)
    time.sleep(0.08)
    call(3)
    print("ends", flush=True)
    ENDS[sys.argv[1]]()
