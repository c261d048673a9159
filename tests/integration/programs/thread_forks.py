"""A thread forks; the child ends when that thread returns, as no other thread of it is left."""

import os
import threading

from counted import call, keep_history


def fork():
    child = os.fork()
    call(2 if child else 3)
    if child:
        print(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    keep_history()
    call(1)
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
