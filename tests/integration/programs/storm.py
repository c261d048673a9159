"""Forks again and again, with as many threads as the first argument says; every warning is an error."""

import os
import sys
import threading
import time

from counted import call, keep_history

ending = threading.Event()


def turn():
    while not ending.is_set():
        call(5)
        time.sleep(0.001)


if __name__ == "__main__":
    keep_history()
    call(1)
    threads = [threading.Thread(target=turn) for _ in range(int(sys.argv[1]))]
    for thread in threads:
        thread.start()
    for number in range(int(sys.argv[2])):
        child = os.fork()
        if child == 0:
            if number % 2:
                call(number)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        call(1)
    ending.set()
    for thread in threads:
        thread.join()
    print("forked")
