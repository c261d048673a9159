"""Counted calls in processes of every kind, the first argument says which."""

import concurrent.futures
import multiprocessing
import os
import signal
import sys

from counted import call, keep_history

CHILDREN = 6
TASKS = 40

keep_history()  # also where a child imports this module anew


def fork():
    """Children that end by themselves in the usual way, at once, and by a kill; grandchildren."""
    children = []
    for number in range(CHILDREN):
        child = os.fork()
        if child:
            children.append(child)
            continue
        call(10 + number)
        if number == 0:
            sys.exit(0)
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 2 and os.fork() == 0:
            call(5)
        if number == 2:
            try:
                os.wait()
            except ChildProcessError:
                pass  # the grandchild has none
        os._exit(0)
    call(1)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def pool(method):
    context = multiprocessing.get_context(method)
    call(1)
    with context.Pool(3, maxtasksperchild=4) as workers:
        calls = workers.map(call, range(1, TASKS), chunksize=2)
        workers.close()
        workers.join()
    return sum(calls)


def futures(method):
    context = multiprocessing.get_context(method)
    call(1)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        return sum(executor.map(call, range(1, TASKS)))


def process(method):
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=call, args=(100,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [worker.exitcode for worker in workers]


if __name__ == "__main__":
    kinds = {"fork": fork, "pool": pool, "futures": futures, "process": process}
    print(kinds[sys.argv[1]](*sys.argv[2:]), flush=True)
