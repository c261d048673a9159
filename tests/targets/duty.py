"""Four threads that work for unequal parts of the time, and wait for the rest; each says how much processor it had, how
long it waited for one, and in how many stretches it came to run.
"""

import threading
import time
from pathlib import Path

from target import run

PERIOD = 0.02
DUTIES = {"idle": 0.0, "tenth": 0.1, "third": 0.3, "rest": 1.0}


def spin(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def rest(seconds):
    time.sleep(seconds)


def on_duty(duty, deadline, cpu_seconds, ran):
    name = threading.current_thread().name
    begin = time.thread_time()
    while time.monotonic() < deadline:
        if duty:
            spin(duty * PERIOD)
        if duty < 1:
            rest((1 - duty) * PERIOD)
    cpu_seconds[name] = time.thread_time() - begin
    on_processor, waiting, stretches = map(int, Path("/proc/thread-self/schedstat").read_text().split())
    ran[name] = {"seconds": on_processor / 1e9, "waiting_seconds": waiting / 1e9, "stretches": stretches}


def work(deadline):
    cpu_seconds, ran = {}, {}
    threads = []
    for name, duty in DUTIES.items():
        threads.append(threading.Thread(target=on_duty, name=name, args=(duty, deadline, cpu_seconds, ran)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return {"cpu_seconds": cpu_seconds, "ran": ran}


if __name__ == "__main__":
    run(work)
