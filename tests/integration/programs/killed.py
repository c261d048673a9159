"""Workers of multiprocessing that call without end, each killed in the middle of it by its parent."""

import multiprocessing
import sys

from counted import call


def work(connection):
    call(10)
    connection.send("calling")
    while True:
        call(1)


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    for _ in range(3):
        mine, theirs = context.Pipe()
        worker = context.Process(target=work, args=(theirs,))
        worker.start()
        assert mine.recv() == "calling"
        worker.kill()
        worker.join()
        print(worker.exitcode)
