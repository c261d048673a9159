"""Files are watched, and what changes in them is what runs: however they are saved, and whatever is wrong with them."""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tachograph
from reloading import Told, write
from tachograph import _watch

PROGRAMS = Path(__file__).parent / "programs"
SECONDS = 60


def load(path: Path, name: str = "shop") -> Any:
    write(path, path.read_text() if path.exists() else "def price(): return 1\n")
    return importlib.import_module(name)


@pytest.mark.isolated
def test_modules_loaded_before_and_after(module_path: Path, told: Told) -> None:
    write(module_path / "shop.py", "def price(): return 1\n")
    write(module_path / "later.py", "def price(): return 1\n")
    shop = importlib.import_module("shop")
    tachograph.watch(module_path)
    later = importlib.import_module("later")
    price = shop.price
    write(module_path / "shop.py", "def price(): return 2\n")
    assert told.next() == "shop is reloaded: changed: price"
    (module_path / "later.py").write_text("def price(): return 3\n")
    told.until(lambda: later.price() == 3)
    assert (price(), shop.price is price) == (2, True)


@pytest.mark.isolated
def test_the_decorator_watches_its_file_and_costs_nothing(module_path: Path, told: Told) -> None:
    text = """
import tachograph
calls = []
class Cart:
    @tachograph.hot_reload
    def total(self): return 1
@tachograph.hot_reload
async def fetch(): return 1
def other(): return 1
"""
    write(module_path / "shop.py", text)
    shop = importlib.import_module("shop")
    assert tachograph.hot_reload(shop.other) is shop.other
    total = shop.Cart().total
    write(module_path / "unwatched.py", "def price(): return 1")
    write(module_path / "shop.py", text.replace("return 1", "return 2"))
    assert told.next() == "shop is reloaded: changed: Cart.total, fetch, other"
    assert (total(), shop.other()) == (2, 2)


@pytest.mark.isolated
def test_an_error_keeps_the_old_code_and_is_told_once(module_path: Path, told: Told) -> None:
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path)
    write(module_path / "shop.py", "def price(: return 2\n")
    assert told.next().startswith("shop keeps its old code: line 1: ")
    write(module_path / "shop.py", "def price(: return 2\n")  # the same again is not told again
    write(module_path / "shop.py", "X = missing\ndef price(): return 2\n")
    assert told.next().startswith("shop keeps its old code: line 1: NameError: name 'missing' is not defined")
    assert shop.price() == 1
    write(module_path / "shop.py", "X = 1\ndef price(): return 2\n")
    assert told.next() == "shop is reloaded: changed: price; bound: X"
    assert shop.price() == 2


@pytest.mark.isolated
def test_a_file_saved_again_and_again_ends_as_saved_last(module_path: Path, told: Told) -> None:
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path)
    for value in range(2, 100):
        (module_path / "shop.py").write_text(f"def price(): return {value}\n")
    told.until(lambda: shop.price() == 99)


@pytest.mark.isolated
def test_a_file_written_in_two_halves(module_path: Path, told: Told) -> None:
    (module_path / "shop.py").write_text("seen = []\ndef price(): return 1\n")
    shop = load(module_path / "shop.py")
    shop.seen.append(1)
    tachograph.watch(module_path)
    with open(module_path / "shop.py", "r+") as stream:
        stream.truncate()
        stream.write("seen = []\ndef price(): ")
        stream.flush()  # nobody looks at it before it is closed
        stream.write("return 2\n")
    assert told.next() == "shop is reloaded: changed: price"
    assert shop.price() == 2
    assert shop.seen == [1]


@pytest.mark.isolated
def test_a_file_that_goes_and_comes_back(module_path: Path, told: Told) -> None:
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path)
    (module_path / "shop.py").unlink()
    assert told.next().startswith("shop keeps its old code: the file cannot be read: No such file or directory")
    (module_path / "shop.py").mkdir()
    (module_path / "shop.py").rmdir()
    assert shop.price() == 1
    write(module_path / "shop.py", "def price(): return 2\n")
    told.until(lambda: shop.price() == 2)


@pytest.mark.isolated
def test_a_file_that_cannot_be_read(module_path: Path, told: Told) -> None:
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path)
    loop = module_path / ".shop.py.new"
    loop.symlink_to("shop.py")
    loop.replace(module_path / "shop.py")  # root may read any file, but not one that leads to itself
    reason = "the file cannot be read: Too many levels of symbolic links"
    assert told.next().startswith(f"shop keeps its old code: {reason}")
    assert shop.price() == 1
    write(module_path / "shop.py", "def price(): return 2\n")
    told.until(lambda: shop.price() == 2)


@pytest.mark.isolated
def test_two_threads_save_at_once(module_path: Path, told: Told) -> None:
    """Reloads do not overlap: each file ends as it was saved last."""
    names = ("shop", "other")
    modules = [load(write(module_path / f"{name}.py", "LIMIT = 0\ndef price(): return 0\n"), name) for name in names]
    tachograph.watch(module_path)

    def save(name: str) -> None:
        for value in range(1, 50):
            write(module_path / f"{name}.py", f"LIMIT = {value}\ndef price(): return {value}\n")

    threads = [threading.Thread(target=save, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.until(lambda: all(module.price() == 49 for module in modules))
    assert [module.LIMIT for module in modules] == [49, 49]


@pytest.mark.isolated
def test_packages_and_relative_imports(module_path: Path, told: Told) -> None:
    write(module_path / "shop" / "__init__.py", "from .cart import total\ndef price(): return total()\n")
    write(module_path / "shop" / "cart.py", "def total(): return 1\n")
    shop = importlib.import_module("shop")
    tachograph.watch(module_path)
    write(module_path / "shop" / "tax.py", "def rate(): return 5\n")
    write(
        module_path / "shop" / "__init__.py",
        "from .cart import total\nfrom .tax import rate\ndef price(): return total() * rate()\n",
    )
    assert told.next() == "shop is reloaded: changed: price; bound: rate"
    assert shop.price() == 5
    write(module_path / "shop" / "tax.py", "def rate(): return 6\n")
    told.until(lambda: shop.price() == 6)
    write(module_path / "shop" / "cart.py", "def total(): return 2\n")
    told.until(lambda: shop.price() == 12)


@pytest.mark.isolated
def test_one_file_under_two_names(module_path: Path, told: Told) -> None:
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path)
    spec = importlib.util.spec_from_file_location("again", module_path / "shop.py")
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    sys.modules["again"] = again
    spec.loader.exec_module(again)
    write(module_path / "shop.py", "def price(): return __name__\n")
    assert {told.next(), told.next()} == {f"{name} is reloaded: changed: price" for name in ("shop", "again")}
    assert (shop.price(), again.price()) == ("shop", "again")


@pytest.mark.isolated
def test_calls_that_run_end_as_they_began(module_path: Path, told: Told) -> None:
    text = "def price(began, go_on):\n    began.set()\n    go_on.wait()\n    return 1\n"
    (module_path / "shop.py").write_text(text)
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path)
    began, go_on, results = threading.Event(), threading.Event(), []
    thread = threading.Thread(target=lambda: results.append(shop.price(began, go_on)))
    thread.start()
    began.wait()
    write(module_path / "shop.py", text.replace("return 1", "return 2"))
    assert told.next() == "shop is reloaded: changed: price"
    go_on.set()
    thread.join()
    assert (results, shop.price(began, go_on)) == ([1], 2)


@pytest.mark.isolated
def test_threads_that_call_all_the_time(module_path: Path, told: Told) -> None:
    text = "LIMIT = {0}\ndef price():\n    return {0}\n"
    (module_path / "shop.py").write_text(text.format(1))
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path)
    tachograph.timing(shop.price)
    seen: list[set[int]] = [set(), set()]
    counts = [0, 0]

    def call(index: int) -> None:
        while 5 not in seen[index]:
            seen[index].add(shop.price())
            counts[index] += 1

    threads = [threading.Thread(target=call, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for value in range(2, 6):
        write(module_path / "shop.py", text.format(value))
        told.next()
    for thread in threads:
        thread.join()
    assert all({1, 5} <= values <= {1, 2, 3, 4, 5} for values in seen)
    assert tachograph.statistics()["shop::price"].call_count == sum(counts)


@pytest.mark.isolated
def test_parent_and_child_of_a_fork_both_follow(module_path: Path, told: Told) -> None:
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"!")
        told.until(lambda: shop.price() == 2)
        os._exit(0)
    os.read(reading, 1)
    write(module_path / "shop.py", "def price(): return 2\n")
    told.until(lambda: shop.price() == 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.isolated
def test_a_module_that_forks_while_it_is_reloaded(module_path: Path, told: Told) -> None:
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path)
    text = "import os\nCHILD = os.fork() or os._exit(7)\ndef price(): return 2\n"
    write(module_path / "shop.py", text)
    assert told.next() == "shop is reloaded: changed: price; bound: os, CHILD"
    assert os.waitstatus_to_exitcode(os.waitpid(shop.CHILD, 0)[1]) == 7


HOLD = """
import threading
began, go_on = threading.Event(), threading.Event()
def hold():
    began.set()
    return go_on.wait()
"""


@pytest.mark.isolated
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_during_a_reload(module_path: Path, told: Told) -> None:
    write(module_path / "holding.py", HOLD)
    holding, shop = importlib.import_module("holding"), load(module_path / "shop.py")
    tachograph.watch(module_path)
    write(module_path / "shop.py", "import holding\nX = holding.hold()\ndef price(): return 2\n")
    holding.began.wait()
    child = os.fork()  # the thread that reloads cannot end before this returns
    holding.go_on.set()
    told.until(lambda: shop.price() == 2)  # in the child by a thread of its own
    if child == 0:
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.isolated
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_the_child_of_a_thread_ends_with_it(module_path: Path) -> None:
    tachograph.watch(module_path)
    children = queue.Queue[int]()

    def fork() -> None:
        child = os.fork()
        if child:
            children.put(child)

    thread = threading.Thread(target=fork)
    thread.start()
    assert os.waitstatus_to_exitcode(os.waitpid(children.get(timeout=SECONDS), 0)[1]) == 0
    thread.join()


@pytest.mark.isolated
def test_a_child_that_execs_has_one_thread(module_path: Path) -> None:
    reading, writing = os.pipe()
    tachograph.watch(module_path)
    subprocess.run(
        [sys.executable, "-c", ""],
        preexec_fn=lambda: os.write(writing, b"%d" % len(os.listdir("/proc/self/task"))),
        check=True,
    )
    assert os.read(reading, 9) == b"1"


def test_the_end_of_the_program_leaves_a_reload(tmp_path: Path, environment: dict[str, str]) -> None:
    program = f"""
import pathlib, sys, tachograph
sys.path.insert(0, {str(tmp_path)!r})
import holding, shop
tachograph.watch({str(tmp_path)!r})
pathlib.Path(shop.__file__).write_text("import holding\\nX = holding.hold()\\n")
holding.began.wait()
print("left")
"""
    write(tmp_path / "holding.py", HOLD)
    write(tmp_path / "shop.py", "def price(): return 1\n")
    words = [sys.executable, "-c", program]
    assert subprocess.run(words, env=environment, capture_output=True, timeout=SECONDS, check=True).stdout == b"left\n"


def test_a_reload_in_a_worker_is_recorded(
    tmp_path: Path, environment: dict[str, str], runtime: Path, command: str
) -> None:
    program = f"""
import logging, os, pathlib, sys, threading, tachograph
sys.path.insert(0, {str(tmp_path)!r})
import shop
logging.getLogger("tachograph.reload").setLevel(logging.INFO)
tachograph.timing(shop.price)
tachograph.watch({str(tmp_path)!r})
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
told = threading.Event()
logging.getLogger("tachograph.reload").addFilter(lambda record: told.set())
pathlib.Path(shop.__file__).write_text("def price(): return 2\\n")
sys.exit(not told.wait({SECONDS}))
"""
    write(tmp_path / "shop.py", "def price(): return 1\n")
    subprocess.run([sys.executable, "-c", program], env=environment, timeout=2 * SECONDS, check=True)
    texts = []
    for recording in runtime.glob("*.tgr"):
        shown = subprocess.run([command, "report", "--json", str(recording)], capture_output=True, check=True)
        texts += [event["text"] for event in json.loads(shown.stdout)["events"]]
    assert "shop: changed: price" in texts


@pytest.mark.isolated
def test_ends_of_watching(module_path: Path, told: Told) -> None:
    (module_path / "other.py").write_text("def price(): return 1\n")
    other, shop = load(module_path / "other.py", "other"), load(module_path / "shop.py")
    tachograph.watch(module_path / "other.py")
    with tachograph.watch([module_path]) as watch:
        write(module_path / "shop.py", "def price(): return 2\n")
        told.until(lambda: shop.price() == 2)
    watch.stop()
    write(module_path / "shop.py", "def price(): return 3\n")
    write(module_path / "other.py", "def price(): return 3\n")
    assert told.next() == "other is reloaded: changed: price"
    assert (shop.price(), other.price()) == (2, 3)


@pytest.mark.isolated
def test_what_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot watch .*nowhere"):
        tachograph.watch(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        tachograph.watch([tmp_path, tmp_path / "nowhere"])
    with pytest.raises(TypeError, match="hot_reload goes on a Python function or a class with methods, not on int"):
        tachograph.hot_reload(3)
    names: dict[str, Any] = {"__name__": "typed"}
    exec("def f(): return 1", names)
    with pytest.warns(RuntimeWarning, match="f is not reloaded: it does not come from a file of Python source"):
        assert tachograph.hot_reload(names["f"]) is names["f"]


@pytest.mark.isolated
def test_disabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHOGRAPH_DISABLE", "1")
    with tachograph.watch(tmp_path / "nowhere"):
        assert tachograph.hot_reload(load) is load


@pytest.mark.isolated
def test_timing_and_sampling_go_on(module_path: Path, told: Told) -> None:
    (module_path / "shop.py").write_text("def price(): return sum(range(1000))\n")
    shop = load(module_path / "shop.py")
    tachograph.instrument("shop")
    tachograph.start(store="none", sample_hz=1000)
    tachograph.watch(module_path)
    shop.price()
    count = 1
    for value in range(2, 6):
        write(module_path / "shop.py", f"def price(): return {value} + sum(range(1000))\n")
        while shop.price() != value + 499500:
            count += 1
        count += 1
        assert told.next() == "shop is reloaded: changed: price"
    assert tachograph.statistics()["shop::price"].call_count == count
    assert tachograph.query()[1] > 0
    tachograph.stop()


@pytest.mark.isolated
@pytest.mark.parametrize("is_watched_before", [True, False])
def test_a_module_saved_while_it_is_imported(module_path: Path, told: Told, is_watched_before: bool) -> None:
    """It is reloaded when it has run; what it binds until then is its own."""
    began, go_on = threading.Event(), threading.Event()
    setattr(sys, "_events", (began, go_on))  # noqa: B010
    text = (
        "import sys\nA = {0}\nsys._events[0].set()\nsys._events[1].wait()\nLATE = {0}\ndef f(): return A, LATE, {0}\n"
    )
    write(module_path / "slow.py", text.format(1))
    shop = load(module_path / "shop.py")
    tachograph.watch(module_path / "shop.py")
    if is_watched_before:
        tachograph.watch(module_path)
    thread = threading.Thread(target=importlib.import_module, args=("slow",))
    thread.start()
    began.wait()
    tachograph.watch(module_path)
    awaited = threading.Event()
    spec = sys.modules["slow"].__spec__

    class Spec(type(spec)):  # type: ignore[misc]
        """Says when it is asked whether the import is over."""

        @property
        def _initializing(self) -> bool:
            awaited.set()
            return bool(vars(self)["_initializing"])

        @_initializing.setter
        def _initializing(self, value: bool) -> None:
            vars(self)["_initializing"] = value

    spec.__class__ = Spec  # type: ignore[union-attr]
    write(module_path / "slow.py", text.format(2) + "NEW = LATE * 10\n")
    awaited.wait()
    assert sys.modules["slow"].A == 1  # type: ignore[attr-defined]
    go_on.set()
    thread.join()
    assert told.next() == "slow is reloaded: changed: f; bound: A, LATE, NEW"
    slow: Any = sys.modules["slow"]
    assert (slow.f(), slow.NEW, shop.price()) == ((2, 2, 2), 20, 1)


@pytest.mark.isolated
def test_a_program_that_goes_on_in_its_import_is_reloaded(
    module_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_watch, "_IMPORT_SECONDS", 0.0)
    go_on = threading.Event()
    setattr(sys, "_go_on", go_on)  # noqa: B010
    text = "import sys\ndef f(): return {0}\nsys._go_on.wait()\n"
    write(module_path / "server.py", text.format(1))
    tachograph.watch(module_path)
    thread = threading.Thread(target=importlib.import_module, args=("server",))
    thread.start()
    while not hasattr(sys.modules.get("server"), "f"):
        pass
    write(module_path / "server.py", text.format(2))
    assert told.next() == "server is reloaded: changed: f"
    go_on.set()
    thread.join()


@pytest.mark.isolated
@pytest.mark.parametrize("raised", [KeyboardInterrupt, TimeoutError])
def test_a_signal_during_an_import_is_not_lost(
    module_path: Path, monkeypatch: pytest.MonkeyPatch, raised: type[BaseException]
) -> None:
    def handle(_signal: int, _frame: object) -> None:
        raise raised

    tachograph.watch(module_path)
    read = _watch._read
    signal.signal(signal.SIGALRM, handle)
    write(module_path / "shop.py", "def price(): return 1\n")
    with monkeypatch.context() as patch:
        patch.setattr(_watch, "_read", lambda file: (signal.raise_signal(signal.SIGALRM), read(file))[1])
        with pytest.raises(raised):
            importlib.import_module("shop")
    assert "shop" not in sys.modules
    assert importlib.import_module("shop").price() == 1


@pytest.mark.isolated
def test_a_failure_of_ours_is_told_and_fails_no_import(module_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    tachograph.watch(module_path)
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    monkeypatch.setattr(_watch, "_files", None)
    write(module_path / "shop.py", "def price(): return 1\n")
    assert importlib.import_module("shop").price() == 1
    assert [(found.exc_type, found.object.__name__) for found in told] == [(AttributeError, "shop")]


class Program:
    """The program of programs/reloaded.py, in a copy of its own."""

    def __init__(self, directory: Path, command: list[str], environment: dict[str, str]) -> None:
        self.path = directory / "reloaded.py"
        shutil.copy(PROGRAMS / "reloaded.py", self.path)
        self.process = subprocess.Popen(
            [*command, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=environment,
        )
        assert self.line() == "ready"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def call(self) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        return self.line()

    def edit(self, before: str, after: str) -> None:
        text = self.path.read_text()
        assert before in text
        write(self.path, text.replace(before, after))


@pytest.fixture(params=["python", "run"])
def program(
    request: pytest.FixtureRequest, tmp_path: Path, environment: dict[str, str], command: str
) -> Iterator[Program]:
    words = (
        [sys.executable]
        if request.param == "python"
        else [command, "run", "--no-report", "--no-history", "--python", sys.executable]
    )
    program = Program(tmp_path, words, environment)
    yield program
    assert program.process.stdin is not None
    program.process.stdin.close()
    program.process.stdout.close()  # type: ignore[union-attr]
    assert program.process.wait(SECONDS) == 0


def test_the_main_program(program: Program, runtime: Path, command: str) -> None:
    assert program.call() == "1 5.0"
    program.edit("return x / y", "return x * y")
    assert program.line() == "__main__ is reloaded: changed: example_function"
    assert program.call() == "2 20"
    program.edit("x * y", "x * y +")
    assert program.line().startswith("__main__ keeps its old code: line 15: invalid syntax")
    assert program.call() == "3 20"
    program.edit("x * y +", "x * y + 1")
    assert program.line() == "__main__ is reloaded: changed: example_function"
    assert program.call() == "4 21"
    program.edit('print("ready"', 'print("started again"')  # the block itself goes on as it began
    program.edit("state = []", "state = [7, 8]")
    assert program.line() == "__main__ is reloaded: bound: state"
    assert program.call() == "3 21"
    (recording,) = runtime.glob("*.tgr")
    shown = [command, "report", str(recording)]
    told = json.loads(subprocess.run([*shown, "--json"], capture_output=True, check=True).stdout)
    assert [(event["kind"], event["text"].partition(" (")[0]) for event in told["events"]] == [
        ("reload", "__main__: changed: example_function"),
        ("refused reload", "__main__: line 15: invalid syntax"),
        ("reload", "__main__: changed: example_function"),
        ("reload", "__main__: bound: state"),
    ]
    assert told["event_count"] == 4
    assert {event["pid"] for event in told["events"]} == {told["processes"][0]["pid"]}
    text = subprocess.run(shown, capture_output=True, check=True, text=True).stdout
    assert "  reload: __main__: changed: example_function\n" in text
    assert "  refused reload: __main__: line 15: invalid syntax\n" in text
    (timed,) = [row for row in told["functions"] if row["name"] == "__main__::example_function"]
    assert timed["call_count"] == 5


@pytest.mark.isolated
def test_saves_that_exchange_nothing_are_told_to_the_logger_alone(module_path: Path, told: Told) -> None:
    logging.getLogger("tachograph.reload").setLevel(logging.DEBUG)
    write(module_path / "shop.py", "def f(): return 1\n")
    shop = importlib.import_module("shop")
    tachograph.watch(module_path)
    write(module_path / "shop.py", "def f(): return 1\nprint('again')\n")
    assert told.next() == "shop runs what it ran: not run again: line 2"
    write(module_path / "shop.py", "def f(): return 1  # the only one\nprint('again')\n")
    assert told.next() == "shop runs what it ran: only its text has changed"
    write(module_path / "shop.py", "def f(): return 2\nprint('again')\n")
    assert told.next().startswith("shop is reloaded: changed: f")
    assert shop.f() == 2


@pytest.mark.parametrize("paths", [3, None, [3], ["src", None], b"src"])
def test_what_is_no_path_to_watch(paths: Any) -> None:
    with pytest.raises(TypeError, match=r"^expected a path or several, each a str or an os\.PathLike, not "):
        tachograph.watch(paths)
