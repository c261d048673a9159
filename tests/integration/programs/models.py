"""Counted calls in processes of every kind that Python knows, all at once or the one that the first argument names.

The functions that are called lie in a module (counted), and in the main program, which children import again.
"""

import asyncio
import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import threading

from counted import call, keep_history

TIMES = 7
CHILD = f"import sys; sys.path[:0] = [{os.path.dirname(__file__)!r}]; import counted; counted.call({TIMES})"


def own(times):
    """Of the main program, which children of multiprocessing import anew."""
    return call(times)


def run_fork():
    for number in range(3):
        if os.fork() == 0:
            call(TIMES + number)
            os._exit(0)
    for _ in range(3):
        os.wait()


def run_subprocess():
    subprocess.run([sys.executable, "-c", CHILD], check=True, preexec_fn=lambda: None)
    subprocess.run([sys.executable, "-c", CHILD], check=True, start_new_session=True)
    os.system(f'"{sys.executable}" -c "{CHILD}"')
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", CHILD]) == 0
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", CHILD], os.environ)
    assert os.waitpid(child, 0)[1] == 0

    async def run():
        await (await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD)).wait()

    asyncio.run(run())


def run_exec():
    if os.fork() == 0:
        call(TIMES)
        os.execv(sys.executable, [sys.executable, "-c", CHILD])
    assert os.wait()[1] == 0


def run_process(method):
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=own, args=(TIMES + number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0


def run_pool(method):
    with multiprocessing.get_context(method).Pool(3, maxtasksperchild=5) as pool:
        assert sum(pool.map(own, range(1, 30), chunksize=2)) == sum(range(1, 30))
        pool.close()
        pool.join()


def run_futures(method):
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        assert sum(pool.map(own, range(1, 30))) == sum(range(1, 30))


def run_thread():
    """A thread that forks, beside one that calls."""
    beside = threading.Thread(target=call, args=(10_000,))
    beside.start()
    forking = threading.Thread(target=run_fork)
    forking.start()
    forking.join()
    beside.join()


METHODS = ("fork", "spawn", "forkserver")
MODELS = {
    "fork": run_fork,
    "subprocess": run_subprocess,
    "exec": run_exec,
    "thread": run_thread,
    **{f"process-{method}": (lambda method=method: run_process(method)) for method in METHODS},
    **{f"pool-{method}": (lambda method=method: run_pool(method)) for method in METHODS},
    **{f"futures-{method}": (lambda method=method: run_futures(method)) for method in METHODS},
}

if __name__ == "__main__":
    keep_history()
    call(1)
    for model in sys.argv[1:] or MODELS:
        MODELS[model]()
    call(1)
    print("done", flush=True)
