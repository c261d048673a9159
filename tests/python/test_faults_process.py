"""Processes that are killed, forked, cut short or refused what they need: the program runs on, and nothing lies."""

from __future__ import annotations

import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

TIMED = "import os, sys, tachograph\nfrom tachograph import timing\n"


def recordings(runtime: Path) -> list[Path]:
    return sorted(runtime.glob("*.tgr"))


KILLED = (
    TIMED
    + """
import mmap
counter = memoryview(mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 4096)).cast("q")
@timing
def leaf(n):
    return n + 1
@timing
def work(n):
    try:
        return leaf(n)
    finally:
        if n % 10 == 0:
            next(generator)
@timing
def endless():
    while True:
        yield
generator = endless()
next(generator)
print(tachograph.recording_path(), flush=True)
n = 0
while True:
    counter[0] = n + 1   # begun
    work(n)
    n += 1
    counter[1] = n       # ended
"""
)


@pytest.mark.longer
def test_kill_9_takes_nothing(environment: dict[str, str], tmp_path: Path, report: Any) -> None:
    chance = random.Random(9)
    told = 0
    for _ in range(50 if "TACHOGRAPH_SOAK" not in os.environ else 500):
        counter = tmp_path / "counter"
        counter.write_bytes(bytes(4096))
        with subprocess.Popen(
            [sys.executable, "-S", "-c", KILLED, str(counter)],
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout
            path = process.stdout.readline().decode().strip()
            time.sleep(chance.random() * 0.02)
            process.kill()
        with counter.open("r+b") as file, mmap.mmap(file.fileno(), 4096) as memory:
            begun, ended = struct.unpack_from("qq", memory)
        rows = report(path, whole=False)
        if not ended:
            continue  # killed before there was anything to tell
        work, leaf = rows["__main__::work"], rows["__main__::leaf"]
        assert ended <= work["call_count"] <= begun
        assert work["running_count"] in (0, 1)
        assert work["call_count"] + work["running_count"] <= begun + 1  # counted as ended before no more running
        assert ended <= leaf["call_count"] <= begun
        told += 1
        assert rows["__main__::endless"]["running_count"] == 1
        assert work["total_ns"] >= work["active_ns"] >= work["self_ns"]
        Path(path).unlink()
    assert told > 30


@pytest.mark.parametrize(
    "end", ["os._exit(3)", "os.abort()", "os.kill(os.getpid(), 15)", "os.execv('/bin/true', ['true'])"]
)
def test_sudden_ends(end: str, run: Any, runtime: Path, report: Any) -> None:
    run(TIMED + f"@timing\ndef f(): pass\n@timing\ndef g():\n    f()\n    {end}\nf()\ng()\n", code=None)
    (path,) = recordings(runtime)
    rows = report(path)
    assert rows["__main__::f"]["call_count"] == 2
    assert (rows["__main__::g"]["call_count"], rows["__main__::g"]["running_count"]) == (0, 1)


ENDING = """
import atexit, threading, time
@timing
def generator():
    try:
        yield 1
        yield 2
    finally:
        called("generator")
@timing
def called(what): print(what)
@timing
async def coroutine():
    await Wait()
class Wait:
    def __await__(self): yield
class Dies:
    def __init__(self, what): self.what = what
    @timing
    def __del__(self):
        if print is not None:
            print("died", self.what)
        if called is not None: called(self.what)
atexit.register(timing(lambda: called("atexit")))
kept = generator(); next(kept)
cycle = [Dies("cycle")]; cycle.append(cycle)
kept_coroutine = coroutine(); kept_coroutine.send(None)
dies = Dies("module")
class Meta(type):
    @timing
    def __del__(cls): print("class died")
class Late(metaclass=Meta): pass
wrapped = timing(len)
threading.Thread(target=lambda: (time.sleep(0.05), called("thread")), daemon=False).start()
"""
KEPT = """
sys.kept = Dies("sys")
sys.modules["kept"] = Dies("modules")
"""
DAEMON = """
@timing
def forever():
    started.set()
    while True: time.sleep(0.0005); short(); next(kept_by_thread)
@timing
def short(): pass
@timing
def endless():
    while True: yield
kept_by_thread = endless()
started = threading.Event()
threading.Thread(target=forever, daemon=True).start()
left = span("left"); left.__enter__()
started.wait()
"""
UNTIMED = "import contextlib, os, sys\ndef timing(f): return f\nspan = contextlib.nullcontext\n"


@pytest.mark.parametrize("program", [ENDING, ENDING + KEPT, ENDING + DAEMON], ids=["alone", "kept by sys", "daemon"])
def test_shutdown_with_everything_still_going_on(program: str, run: Any, runtime: Path, report: Any) -> None:
    plain = run(UNTIMED + program)
    done = run(TIMED + "span = tachograph.span\n" + program)
    assert sorted(done.stdout.splitlines()) == sorted(plain.stdout.splitlines())
    (path,) = recordings(runtime)
    rows = report(path)
    if "forever" in program:
        assert rows["__main__::forever"]["running_count"] == 1
        assert rows["__main__::endless"]["running_count"] == 1
    elif "sys.kept" not in program:
        assert {"atexit", "thread", "generator", "died module", "died cycle"} <= set(done.stdout.splitlines())
        assert rows["__main__::generator"]["call_count"] == 1
        assert rows["__main__::generator"]["running_count"] == 0
        assert rows["__main__::generator"]["error_count"] == 0
        assert rows["__main__::Dies.__del__"]["call_count"] == done.stdout.count("died ")
    assert rows["__main__::<lambda>"]["call_count"] == 1


def test_generators_collected_at_shutdown(run: Any, runtime: Path, report: Any) -> None:
    run(
        TIMED
        + "from tachograph import _native\n_native.set_test_clock(1000)\n"
        + """
@timing
def plain():
    _native.set_test_clock(1010)
    yield
@timing
def careful():
    try: yield
    finally: _native.set_test_clock(1100)
a, b = plain(), careful()
next(a); next(b)
"""
    )
    rows = report(*recordings(runtime))
    for name in "plain", "careful":
        assert rows[f"__main__::{name}"]["call_count"] == 1
        assert rows[f"__main__::{name}"]["error_count"] == 0
    assert rows["__main__::plain"]["active_ns"] == 10
    assert rows["__main__::careful"]["active_ns"] in (90, 100)


# What is refused.


@pytest.mark.parametrize(
    ("directory", "message"),
    [
        ("{tmp}/missing/deeper", "cannot make runtime directory"),
        ("relative/path", "no directory for recordings"),
        ("{tmp}/file", "is no directory; set TACHOGRAPH_RUNTIME_DIR to one of your own"),
        ("/proc/nothing", "cannot make runtime directory"),
        ("{tmp}/open", "everybody can replace what lies in runtime directory"),
        ("{tmp}/link", "is a symbolic link; set TACHOGRAPH_RUNTIME_DIR to the directory itself"),
    ],
)
def test_runtime_directories_that_cannot_be_used(directory: str, message: str, run: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    program = TIMED + (
        "@timing\ndef f(): pass\nfor _ in range(10): f()\n"
        "assert tachograph.recording_path() is None\n"
        "assert tachograph.statistics()['__main__::f'].call_count == 10\n"
        "pid = os.fork()\n"
        "if not pid:\n    f(); os._exit(tachograph.statistics()['__main__::f'].call_count)\n"
        "assert os.waitpid(pid, 0)[1] == 256\n"
        "print('ran on')\n"
    )
    changed = {"TACHOGRAPH_RUNTIME_DIR": directory.format(tmp=tmp_path)}
    for warnings in ("default", "error"):
        done = run(program, environment={**changed, "PYTHONWARNINGS": warnings}, code=None)
        assert (done.returncode, done.stdout) == (0, "ran on\n"), done.stderr
        assert done.stderr.count("timings stay inside this process") == 1
        assert message in done.stderr


def test_a_full_file_system(run: Any, runtime: Path, report: Any) -> None:
    """A limit on files acts like one: nothing may raise SIGBUS or SIGXFSZ."""
    functions = "".join(f"@timing\ndef f{n}(): pass\n" for n in range(2000))
    program = (
        TIMED
        + functions
        + (
            "import threading\n"
            "every = [globals()[f'f{n}'] for n in range(2000)]\n"
            "def run():\n    for _ in range(3):\n        for f in every: f()\n"
            "threads = [threading.Thread(target=run) for _ in range(4)]\n"
            "for t in threads: t.start()\n"
            "for t in threads: t.join()\n"
            "print(len(tachograph.statistics()))\n"
        )
    )
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (%d, %d))\n"
    assert int(run(program).stdout) == 2000
    recordings(runtime)[0].unlink()
    some = int(run(limit % (300_000, 300_000) + program).stdout)
    assert 100 < some < 2000
    rows = report(*recordings(runtime), whole=False)
    lost = rows.pop("quality")
    assert lost["damaged_count"] == lost["torn_count"] == 0
    known = sum(row["call_count"] for row in rows.values())
    assert known + lost["overflow_call_count"] + lost["unrecorded_call_count"] == 24000
    done = run(limit % (4096, 4096) + program, environment={"PYTHONWARNINGS": "default"}, code=None)
    assert (done.returncode, int(done.stdout)) == (0, 2000), done.stderr
    assert "cannot reserve" in done.stderr


def test_a_runtime_directory_that_goes_away(run: Any, runtime: Path) -> None:
    functions = "".join(f"@timing\ndef f{n}(): pass\n" for n in range(500))
    run(
        TIMED + "import shutil\n@timing\ndef f(): pass\nf()\n"
        "shutil.rmtree(os.environ['TACHOGRAPH_RUNTIME_DIR'])\n"
        "os.closerange(3, 100)\n"
        f"{functions}"
        "for n in range(500): globals()[f'f{n}']()\n"
        "f()\nassert tachograph.statistics()['__main__::f'].call_count == 2\n"
    )


def test_disabled(run: Any, runtime: Path) -> None:
    program = TIMED + (
        "from tachograph import _native, instrument, uninstrument, span, statistics, drain\n"
        "def f(): return 1\n"
        "code = f.__code__\n"
        "assert timing(f) is f and f.__code__ is code\n"
        "assert timing(len) is len\n"
        "assert instrument('*') == 0 and instrument(f) == 0 and uninstrument() == 0\n"
        "import json\n"
        "assert not _native.is_timed(json.dumps)\n"
        "with span('nothing'): f()\n"
        "assert statistics() == {} and drain() == {} and timing.data == {} and tachograph.recording_path() is None\n"
    )
    for value in ("1", "yes", "TRUE"):
        run(program, environment={"TACHOGRAPH_DISABLE": value})
        assert recordings(runtime) == []
    unclear = run(program, environment={"TACHOGRAPH_DISABLE": "maybe", "PYTHONWARNINGS": "error"}, code=None)
    assert (unclear.returncode, recordings(runtime)) == (0, [])
    assert unclear.stderr.count("TACHOGRAPH_DISABLE cannot be 'maybe': nothing is timed; set it to 1 or 0") == 1
    for value in ("0", "", "no", "False"):
        assert run(program, environment={"TACHOGRAPH_DISABLE": value}, code=1).returncode == 1


@pytest.mark.parametrize("clock", ["auto", "monotonic", "cpu", ""])
def test_clocks(clock: str, run: Any) -> None:
    done = run(
        TIMED + "import time\n@timing\ndef sleep(): time.sleep(0.05)\n"
        "@timing\ndef spin():\n    end = time.thread_time() + 0.05\n    while time.thread_time() < end: pass\n"
        "sleep(); spin()\nknown = tachograph.statistics()\n"
        "print(known['__main__::sleep'].total_time, known['__main__::spin'].total_time)\n",
        environment={"TACHOGRAPH_CLOCK": clock},
    )
    sleep, spin = map(float, done.stdout.split())
    assert spin >= 0.0499
    assert sleep < 0.045 if clock == "cpu" else sleep >= 0.0499


def test_an_unknown_clock(run: Any) -> None:
    program = TIMED + "@timing\ndef f(): pass\nf()\nprint(tachograph.statistics()['__main__::f'].call_count)\n"
    done = run(program, environment={"TACHOGRAPH_CLOCK": "bogus", "PYTHONWARNINGS": "default"}, code=None)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert 'RuntimeWarning: tachograph: TACHOGRAPH_CLOCK is ignored: unknown clock "bogus"' in done.stderr
    assert "choose auto, tsc, monotonic or cpu" in done.stderr


# Forks.


def test_each_forked_process_has_its_own_recording(run: Any, runtime: Path, report: Any) -> None:
    run(
        TIMED
        + """
import threading
@timing
def work(n):
    for _ in range(n): leaf()
@timing
def leaf(): pass
@timing
def split(): return os.fork()
@timing
def forks():
    children = []
    for n in range(1, 101):
        pid = split()
        if pid == 0:
            next(generator)        # begun in the parent: records nothing here
            generator.close()
            work(n)
            if n % 10 == 0:
                grandchild = os.fork()
                if grandchild == 0:
                    leaf()
                    os._exit(0)
                assert os.waitpid(grandchild, 0)[1] == 0
            mine = tachograph.statistics()
            good = mine["__main__::leaf"].call_count == n and mine["__main__::work"].call_count == 1
            good = good and not {"__main__::forks", "__main__::paused", "__main__::split"} & mine.keys()
            good = good and all(k.running_count == 0 for k in mine.values())
            os._exit(0 if good else 1)
        children.append(pid)
        work(1)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
@timing
def paused():
    while True: yield
generator = paused(); next(generator)
work(5)
forks()
known = tachograph.statistics()
assert known["__main__::work"].call_count == 101 and known["__main__::leaf"].call_count == 105
print(os.getpid())
"""
    )
    paths = recordings(runtime)
    assert len(paths) == 111
    assert len({path.name.split("-")[0] for path in paths}) == 111
    rows = report(*paths)
    assert rows["__main__::work"]["call_count"] == 101 + 100
    assert rows["__main__::leaf"]["call_count"] == 105 + 5050 + 10


def test_children_that_time_nothing_leave_nothing(run: Any, runtime: Path) -> None:
    run(
        TIMED
        + """
import subprocess
@timing
def f(): pass
f()
for _ in range(20):
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
subprocess.run(["/bin/true"], check=True)
subprocess.run(["/bin/true"], check=True, close_fds=False, preexec_fn=lambda: None)
"""
    )
    assert len(recordings(runtime)) == 1


def test_forks_from_threads_while_others_call(run: Any) -> None:
    run(
        TIMED
        + """
import threading, time, warnings
sys.setswitchinterval(0.0002)
warnings.filterwarnings("ignore", "This process .* is multi-threaded")   # true without tachograph as well
@timing
def leaf(): pass
@timing
def work():
    for _ in range(10): leaf()
stop = False
def busy():
    while not stop: work()
busies = [threading.Thread(target=busy) for _ in range(3)]
def short(): work()
for thread in busies: thread.start()
for _ in range(20):
    threads = [threading.Thread(target=short) for _ in range(3)]
    for thread in threads: thread.start()
    pid = os.fork()
    if pid == 0:
        work()
        mine = tachograph.statistics()
        os._exit(0 if mine["__main__::leaf"].call_count == 10 and tachograph.drain()["__main__::work"].call_count == 1 else 1)
    for thread in threads: thread.join()
    assert os.waitpid(pid, 0)[1] == 0
stop = True
for thread in busies: thread.join()
known = tachograph.statistics()
assert known["__main__::leaf"].call_count == 10 * known["__main__::work"].call_count
assert all(k.running_count == 0 for k in known.values())
"""
    )


def test_a_fork_draws_no_warning(run: Any) -> None:
    run(
        TIMED
        + "@timing\ndef f(): pass\nf()\npid = os.fork()\nif not pid: f(); os._exit(0)\nassert os.waitpid(pid, 0)[1] == 0\n"
    )


# Interpreters.


@pytest.mark.skipif(sys.version_info < (3, 14), reason="concurrent.interpreters is newer")
def test_timed_functions_are_kept_out_of_other_interpreters(run: Any) -> None:
    done = run(
        TIMED + "from concurrent import interpreters\n@timing\ndef f(): return 7\ndef g(): return 8\n"
        "other = interpreters.create()\n"
        "assert other.call(g) == 8\n"
        "try: print('called', other.call(f))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "tachograph.uninstrument()\n"
        "assert other.call(f) == 7\n"
        "other.close()\n"
    )
    assert "NotShareableError" in done.stdout or "called 7" in done.stdout


def test_imported_twice(run: Any) -> None:
    run(
        TIMED
        + """
def f(): return 1
timing(f); f()
gone = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "tachograph"}
import tachograph as second
assert second is not tachograph
second.timing(f)
second.instrument("json")
tachograph.instrument("textwrap")
import json, textwrap
json.loads("1"); textwrap.dedent("x")
f()
assert second.statistics()["__main__::f"].call_count == tachograph.statistics()["__main__::f"].call_count == 2
assert second.statistics()["json::loads"].call_count == 1
assert second.statistics()["textwrap::dedent"].call_count == 1
second.uninstrument(); tachograph.uninstrument()
json.loads("1"); textwrap.dedent("x"); f()
assert second.statistics()["__main__::f"].call_count == 2
assert second.statistics()["json::loads"].call_count == 1
from importlib._bootstrap_external import _LoaderBasics
assert type(_LoaderBasics.exec_module) is type(f)
"""
    )


def test_signals_end_the_program_as_ever(environment: dict[str, str]) -> None:
    program = (
        TIMED + "import time\n@timing\ndef f():\n    print('go', flush=True)\n    while True: time.sleep(0.01)\nf()\n"
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with subprocess.Popen(
            [sys.executable, "-c", program],
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout
            process.stdout.readline()
            process.send_signal(number)
            assert process.wait(30) == -number
