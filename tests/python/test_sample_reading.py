"""The sampler finds the interpreter in a process, whatever became of its files, and reads what it says of its code."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).parent / "native" / "reading_for_tests.c"
FOLDERS = ("base", "measure", "profile")
OK, NOT_FOUND, INVALID, UNSUPPORTED, BUSY = 0, 6, 5, 11, 10
VISIT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_char_p)
SECOND = 1_000_000_000


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The files of src/ that read, and the functions above them, as a library of its own."""
    output = tmp_path_factory.mktemp("reading") / "reading.so"
    reading = ["code_cache", "code_content", "code_object", "elf", "line_table", "memory", "process_maps", "layout"]
    reading += ["python_dict", "python_process", "python_text", "python_value", "refusal", "task", "thread_names"]
    sources = [*(ROOT / "src" / "sample" / f"{name}.c" for name in reading)]
    sources += (ROOT / "src" / "sample").glob("layout_3_*.c")
    sources += [ROOT / "src" / "base" / f"{name}.c" for name in ("error", "utf8")]
    sources += [ROOT / "src" / "profile" / f"{name}.c" for name in ("symbol", "text_pool")]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-fPIC", "-shared", "-I", ROOT / "src"]
    subprocess.run([*compiler, *flags, PROGRAM, *sources, "-o", output], check=True)
    loaded = ctypes.CDLL(str(output))
    loaded.reading_open.restype = ctypes.c_void_p
    loaded.reading_open.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]
    loaded.reading_close.argtypes = [ctypes.c_void_p]
    loaded.reading_version.argtypes = [ctypes.c_void_p]
    loaded.reading_begin.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    loaded.reading_code.argtypes = [ctypes.c_void_p, ctypes.c_uint64, *[ctypes.c_void_p] * 4, ctypes.c_uint]
    loaded.reading_counts.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    loaded.reading_names.argtypes = [ctypes.c_void_p, VISIT]
    loaded.reading_names.restype = ctypes.c_size_t
    loaded.reading_leaf.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p]
    loaded.reading_leaf.restype = ctypes.c_uint64
    return loaded


class ReadingError(Exception):
    """What the library said."""

    def __init__(self, status: int, message: str) -> None:
        """The status of src/base/error.h, and the message for people."""
        super().__init__(message)
        self.status = status


class Code:
    """A code object as it was read from outside."""

    def __init__(self, name: str, file: str, figures: list[int], lines: list[int]) -> None:
        """As reading_code() gives them."""
        self.name, self.file, self.lines = name, file, lines
        self.first_line, self.frame_bytes, self.is_young = figures


class Reading:
    """A process that is read."""

    def __init__(self, library: ctypes.CDLL, pid: int, limit_bytes: int = 64 << 20) -> None:
        """Opens it, or raises ReadingError."""
        status, message = ctypes.c_int(), ctypes.create_string_buffer(512)
        self.library = library
        self.handle = library.reading_open(pid, limit_bytes, ctypes.byref(status), message)
        if not self.handle:
            raise ReadingError(status.value, message.value.decode())

    def close(self) -> None:
        """Once."""
        self.library.reading_close(self.handle)

    def version(self) -> int:
        """As sys.hexversion."""
        return int(self.library.reading_version(self.handle))

    def begin(self, after: int = 0) -> None:
        """A tick."""
        self.library.reading_begin(self.handle, after)

    def code(self, address: int) -> Code | None:
        """The code object at an address."""
        name, file = ctypes.c_char_p(), ctypes.c_char_p()
        figures, room = (ctypes.c_uint32 * 3)(), 1 << 16
        lines = (ctypes.c_uint32 * room)()
        count = self.library.reading_code(
            self.handle, address, ctypes.byref(name), ctypes.byref(file), figures, lines, room
        )
        if not count:
            return None
        return Code((name.value or b"").decode(), (file.value or b"").decode(), list(figures), lines[:count])

    def counts(self) -> list[int]:
        """Read, replaced, refused, full."""
        counts = (ctypes.c_uint64 * 4)()
        self.library.reading_counts(self.handle, counts)
        return list(counts)

    def names(self) -> dict[int, str]:
        """The names of the threads by their ident."""
        found: dict[int, str] = {}
        visit = VISIT(lambda _, ident, name: found.__setitem__(ident, name.decode()))
        assert self.library.reading_names(self.handle, visit) == len(found)
        return found

    def leaf(self, native_id: int) -> tuple[int, int]:
        """The code and the code unit of a thread's leaf frame."""
        unit = ctypes.c_int32()
        return int(self.library.reading_leaf(self.handle, native_id, ctypes.byref(unit))), unit.value


@pytest.fixture
def read(library: ctypes.CDLL) -> Iterator[Callable[..., Reading]]:
    """Opens processes, and closes them after the test."""
    opened: list[Reading] = []

    def open_process(pid: int, **options: int) -> Reading:
        opened.append(Reading(library, pid, **options))
        return opened[-1]

    yield open_process
    for reading in opened:
        reading.close()


def lines_of(code: CodeType) -> list[int]:
    """The line of each code unit, 0 for none, as Python says."""
    return [start or 0 for start, _, _, _ in code.co_positions()]


def nested(code: CodeType) -> Iterator[CodeType]:
    """A code object and all those in it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from nested(const)


def text_of(text: str) -> str:
    """As it is read: a lone surrogate is no character of UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def agrees(code: CodeType, reading: Reading) -> bool:
    """Whether what is read of a live code object is what Python says of it."""
    seen = reading.code(id(code))
    return seen is not None and (seen.name, seen.file, seen.first_line, seen.lines) == (
        text_of(code.co_qualname),
        text_of(code.co_filename),
        max(code.co_firstlineno, 0),
        [max(line, 0) for line in lines_of(code)],
    )


def test_every_line_of_the_standard_library(read: Callable[..., Reading]) -> None:
    reading = read(os.getpid())
    count = 0
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if {"site-packages", "test", "tests"} & set(path.parts):
            continue
        try:
            module = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue  # tests of the parser
        reading.begin()
        for code in nested(module):
            assert agrees(code, reading), code
            count += 1
    assert count > 10_000
    assert reading.counts()[2:] == [0, 0]


def made(source: str, name: str = "<made>") -> CodeType:
    """A code object that nobody else has."""
    return compile(source, name, "exec")


def test_names_of_all_kinds_of_text(read: Callable[..., Reading]) -> None:
    reading = read(os.getpid())
    reading.begin()
    names = ["plain", "größe", "表", "𝒳", "a" * 600, "é" * 600, "語" * 600]
    for name in names:
        code = list(nested(made(f"def {name}(): pass", f"/tmp/{name}.py")))[-1]
        assert agrees(code, reading), name
    odd = made("pass", "/tmp/\udcff.py")
    seen = reading.code(id(odd))
    assert seen is not None
    assert seen.file == "/tmp/\N{REPLACEMENT CHARACTER}.py"


def test_lines_that_go_back_and_instructions_without_one(read: Callable[..., Reading]) -> None:
    reading = read(os.getpid())
    reading.begin()
    source = (
        "\n" * 70_000
        + "def f():\n    with a(\n        b,\n    ) as c:\n        for x in c:\n            yield (\n x)\n"
    )
    codes = list(nested(made(source)))
    seen = reading.code(id(codes[-1]))
    assert seen is not None
    assert all(agrees(code, reading) for code in codes)
    assert any(after < before for before, after in pairwise(seen.lines) if after)
    assert max(seen.lines) > 70_000


def test_what_is_no_code_object(read: Callable[..., Reading]) -> None:
    reading = read(os.getpid())
    reading.begin()
    for address in (0, 8, id(object()), id("text"), id(agrees), id(agrees.__code__) + 8, 2**64 - 8):
        assert reading.code(address) is None, address
    assert reading.counts() == [0, 0, 0, 0]


def test_a_code_object_in_the_place_of_another(read: Callable[..., Reading]) -> None:
    reading = read(os.getpid())
    reading.begin()
    names: dict[int, str] = {}
    replaced = 0
    for i in range(300):
        name = f"function_{i}"
        code = next(code for code in nested(made(f"def {name}(): pass")) if code.co_name == name)
        seen = reading.code(id(code))
        assert seen is not None
        assert seen.name == name
        replaced += names.get(id(code), name) != name
        names[id(code)] = code.co_name  # its own: with another in its place, too, nothing would tell the two apart
        del code
    assert replaced > 0
    assert reading.counts()[1] == replaced
    assert reading.counts()[0] == 300


def test_an_entry_is_young_for_a_second(read: Callable[..., Reading]) -> None:
    reading = read(os.getpid())
    code = id(agrees.__code__)
    ages = [0, SECOND - 1, 1]
    young = []
    for age in ages:
        reading.begin(age)
        seen = reading.code(code)
        assert seen is not None
        young.append(bool(seen.is_young))
    assert young == [True, True, False]
    assert reading.counts()[0] == 1


def test_a_full_cache_refuses_and_then_begins_anew(read: Callable[..., Reading]) -> None:
    reading = read(os.getpid(), limit_bytes=16 << 10)
    reading.begin()
    codes = [made(f"number = {number}") for number in range(300)]  # all different: functions may share one
    seen = [reading.code(id(code)) is not None for code in codes]
    fitting = seen.index(False)
    assert fitting > 0
    assert not any(seen[fitting:])
    assert reading.counts()[0] == fitting
    assert reading.counts()[3] == len(codes) - fitting
    assert reading.code(id(codes[0])) is not None  # what was read before it was full is still known
    reading.begin()
    assert agrees(codes[-1], reading)


def test_the_leaf_frame_stands_where_python_says(read: Callable[..., Reading]) -> None:
    """The one check of a layout that needs no walk: where a thread waits is known."""
    reading = read(os.getpid())
    reading.begin()
    started = threading.Event()

    def waits() -> None:
        started.set()
        lock.acquire()

    lock = threading.Lock()
    with lock:
        thread = threading.Thread(target=waits)
        thread.start()
        started.wait()
        deadline = time.monotonic() + 60
        frame = sys._current_frames()[thread.ident or 0]
        while frame.f_code is not waits.__code__ or frame.f_lineno != waits.__code__.co_firstlineno + 2:
            assert time.monotonic() < deadline
            frame = sys._current_frames()[thread.ident or 0]
        address, unit = reading.leaf(thread.native_id or 0)
        assert address == id(waits.__code__)
        assert unit == frame.f_lasti // 2
        seen = reading.code(address)
        assert seen is not None
        assert seen.lines[unit] == frame.f_lineno
    thread.join()


class Worker(threading.Thread):
    """A thread with attributes of its own."""

    def __init__(self, name: str, end: threading.Event) -> None:
        """And so many that they are no longer shared with others of its class."""
        super().__init__(name=name)
        self.end = end
        for number in range(40):
            setattr(self, f"attribute_{number}", number)

    def run(self) -> None:
        """Waits."""
        self.end.wait()


def test_the_names_of_threads(read: Callable[..., Reading]) -> None:
    reading = read(os.getpid())
    end = threading.Event()
    threads = [threading.Thread(target=end.wait, name=name) for name in ("plain", "größe", "表" * 20)]
    threads += [Worker("of a class", end), threading.Thread(target=end.wait)]
    vars(threads[0])["a dict"] = "of its own"
    for thread in threads:
        thread.start()
    try:
        expected = {thread.ident: thread.name for thread in threading.enumerate()}
        assert len(expected) > len(threads)
        assert reading.names() == expected
        threads[1].name = "another"
        assert reading.names()[threads[1].ident or 0] == "another"
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert reading.names() == {thread.ident: thread.name for thread in threading.enumerate()}


def test_names_while_threads_come_and_go(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]]
) -> None:
    """What was read of threads that ended is no name of theirs."""
    process = start(sys.executable, "-c", CHURN)
    assert process.stdout
    process.stdout.readline()
    reading = read(process.pid)
    seen: set[str] = set()
    for _ in range(2000):
        seen.update(reading.names().values())
    assert "MainThread" in seen
    assert all(name == "MainThread" or name.startswith("worker-") for name in seen), seen


CHURN = """
import itertools, threading
print("ready", flush=True)
for number in itertools.count():
    threads = [threading.Thread(target=lambda: None, name=f"worker-{number}-{i}") for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_a_program_without_threading_has_no_names(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]]
) -> None:
    process = start(sys.executable, "-S", "-c", WAITING)
    address_of_waits(process)
    assert read(process.pid).names() == {}


# --- Processes ---

WAITING = """
import sys
def waits():
    sys.stdin.readline()
print(id(waits.__code__), flush=True)
waits()
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts programs that print a line when they are ready and end with their input."""
    started: list[subprocess.Popen[str]] = []

    def start_program(*command: str | Path, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        started.append(process)
        return process

    yield start_program
    for process in started:
        process.kill()
        process.communicate()


def address_of_waits(process: subprocess.Popen[str]) -> int:
    """What WAITING prints."""
    assert process.stdout
    return int(process.stdout.readline())


def assert_reads_waits(reading: Reading, address: int) -> None:
    """The function of WAITING, and the frame it waits in."""
    reading.begin()
    seen = reading.code(address)
    assert seen is not None
    assert (seen.name, seen.file, seen.first_line) == ("waits", "<string>", 3)
    assert reading.version() == sys.hexversion


def test_another_process(read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(sys.executable, "-c", WAITING)
    address = address_of_waits(process)
    assert_reads_waits(read(process.pid), address)


def copy_of_the_interpreter(directory: Path) -> Path:
    """A copy of the program, and of its library where it has one, that can be removed."""
    executable = directory / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    executable.parent.mkdir()
    real = Path(sys.executable).resolve()
    shutil.copy2(real, executable)
    (directory / "lib").mkdir()
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/libpython3" in line}
    for library in map(Path, loaded):
        shutil.copy2(library, directory / "lib" / library.name)
    return executable


def start_copy(start: Callable[..., subprocess.Popen[str]], executable: Path) -> subprocess.Popen[str]:
    """WAITING under a copied interpreter."""
    return start(executable, "-S", "-c", WAITING, env=environment_of(executable))


def environment_of(executable: Path) -> dict[str, str]:
    """What a copy of the interpreter needs to find its library and modules."""
    library = str(executable.parent.parent / "lib")
    return {**os.environ, "PYTHONHOME": str(Path(os.__file__).parents[2]), "LD_LIBRARY_PATH": library}


def test_an_interpreter_whose_files_were_removed(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    executable = copy_of_the_interpreter(tmp_path)
    process = start_copy(start, executable)
    address = address_of_waits(process)
    shutil.rmtree(tmp_path / "bin")
    shutil.rmtree(tmp_path / "lib")
    assert_reads_waits(read(process.pid), address)


def test_an_interpreter_of_another_name(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    executable = copy_of_the_interpreter(tmp_path)
    renamed = executable.rename(executable.with_name("application"))
    process = start_copy(start, renamed)
    address = address_of_waits(process)
    assert_reads_waits(read(process.pid), address)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root, for a namespace of its own")
def test_an_interpreter_in_another_mount_namespace(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """As in a container: what is at its path there is nothing here."""
    there = tmp_path / "there"
    there.mkdir()
    source = tmp_path / "source"
    source.mkdir()
    copy_of_the_interpreter(source)
    executable = there / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    mounted = f"mount --make-rprivate / && mount --bind {source} {there} && exec {executable} -S -c '{WAITING}'"
    process = start("unshare", "--mount", "sh", "-c", mounted, env=environment_of(executable))
    address = address_of_waits(process)
    assert not executable.exists()
    assert_reads_waits(read(process.pid), address)


@pytest.mark.skipif(not shutil.which("strip"), reason="needs strip")
def test_an_interpreter_without_symbols(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """What is exported cannot be stripped from a library, so that is enough."""
    executable = copy_of_the_interpreter(tmp_path)
    files = [executable, *(tmp_path / "lib").iterdir()]
    subprocess.run(["strip", "--strip-all", *files], check=True)
    process = start_copy(start, executable)
    address = address_of_waits(process)
    assert_reads_waits(read(process.pid), address)


NO_SYMBOLS = """
#include <stdio.h>
int main(void) { puts("ready"); fflush(stdout); return getchar(); }
"""


def test_a_python_that_exports_nothing(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    program = tmp_path / "python3.12"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, "-x", "c", "-", "-o", program, "-static", "-s"]
    subprocess.run(command, input=NO_SYMBOLS, text=True, check=True)
    process = start(program)
    assert process.stdout
    process.stdout.readline()
    status, message = status_of(read, process.pid)
    assert status == UNSUPPORTED
    assert message.startswith(f"process {process.pid} runs a Python (python3.12) that was stripped of all its symbols")


STATIC = """
#include <Python.h>
int main(int count, char **words) { return Py_BytesMain(count, words); }
"""


def link_statically(directory: Path, *flags: str) -> Path:
    """A program of another name with the whole interpreter in it, of which it exports nothing."""
    variables = sysconfig.get_config_vars()
    archive = Path(variables["LIBPL"], variables["LIBRARY"])
    if not archive.exists():
        pytest.skip(f"this Python came without {archive.name}")
    program = directory / "application"
    libraries = " ".join(variables[name] for name in ("LIBS", "SYSLIBS", "MODLIBS")).split()
    compiler = shlex.split(os.environ.get("CC", "cc"))
    include = f"-I{sysconfig.get_path('include')}"
    command = [*compiler, "-w", "-x", "c", "-", "-x", "none", include, "-o", program, *flags, archive, *libraries]
    subprocess.run(command, input=STATIC, text=True, check=True)
    return program


def start_static(start: Callable[..., subprocess.Popen[str]], program: Path) -> subprocess.Popen[str]:
    """WAITING in such a program."""
    environment = {**os.environ, "PYTHONHOME": str(Path(os.__file__).parents[2])}
    return start(program, "-S", "-c", WAITING, env=environment)


def test_a_python_within_a_program_of_another_name(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Its file says where everything is, also when it has been removed."""
    program = link_statically(tmp_path)
    process = start_static(start, program)
    address = address_of_waits(process)
    assert_reads_waits(read(process.pid), address)
    program.unlink()
    assert_reads_waits(read(process.pid), address)


def test_a_stripped_python_within_a_program_of_another_name(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start_static(start, link_statically(tmp_path, "-s"))
    address_of_waits(process)
    status, message = status_of(read, process.pid)
    assert status == UNSUPPORTED
    assert message.startswith(f"process {process.pid} runs a Python (application) that was stripped of all its symbols")
    assert "tachograph run" not in message  # nothing that is loaded into it would find it, either


def test_pypy(read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """Known by its name alone."""
    program = Path(shutil.copy("/bin/cat", tmp_path / "pypy3.11"))
    process = start(program)
    assert process.stdin
    assert process.stdout
    process.stdin.write("ready\n")
    process.stdin.flush()
    process.stdout.readline()
    message = f"process {process.pid} runs PyPy, and only CPython can be sampled"
    assert status_of(read, process.pid) == (UNSUPPORTED, message)


# Says that it is ready, and waits to be killed.
OF_32_BITS = """
static int call(int number, int first, const void *second, int third) {
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(first), "c"(second), "d"(third) : "memory");
    return number;
}
void _start(void) {
    call(4, 1, "ready\\n", 6);
    for (;;) call(29, 0, 0, 0);
}
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs a processor that has 32 bits, too")
def test_a_program_of_32_bits(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    program = tmp_path / "python3.12"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, "-m32", "-nostdlib", "-static", "-fno-pic", "-x", "c", "-", "-o", program]
    made = subprocess.run(command, input=OF_32_BITS, text=True, capture_output=True, check=False)
    try:
        process = start(program)
    except OSError:
        pytest.skip(f"makes or runs no programs of 32 bits: {made.stderr}")
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    status, message = status_of(read, process.pid)
    assert status == UNSUPPORTED
    assert message.startswith(f"process {process.pid} runs a program of 32 bits")


def status_of(read: Callable[..., Reading], pid: int) -> tuple[int, str]:
    """How opening a process fails."""
    with pytest.raises(ReadingError) as failed:
        read(pid)
    return failed.value.status, str(failed.value)


def test_what_is_no_python(read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("/bin/cat")
    assert process.stdin
    assert process.stdout
    process.stdin.write("ready\n")
    process.stdin.flush()
    process.stdout.readline()
    status, message = status_of(read, process.pid)
    assert status == INVALID
    assert f"process {process.pid} runs " in message
    assert "and no Python" in message


def test_what_has_ended(read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(sys.executable, "-c", "")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    status, message = status_of(read, process.pid)
    assert (status, "zombie" in message) == (NOT_FOUND, True)
    process.communicate()
    status, message = status_of(read, process.pid)
    assert (status, message) == (NOT_FOUND, f"there is no process {process.pid} (any more)")
    assert status_of(read, -1)[0] == NOT_FOUND


def test_a_thread_is_no_process(read: Callable[..., Reading]) -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        status, message = status_of(read, thread.native_id or 0)
    finally:
        end.set()
        thread.join()
    assert status == INVALID
    assert message.endswith(f"is a thread of process {os.getpid()}: give that number")


def test_a_thread_of_the_kernel(read: Callable[..., Reading]) -> None:
    kernel = next((int(path.parent.name) for path in Path("/proc").glob("[0-9]*/comm") if is_kernel(path)), None)
    if kernel is None:
        pytest.skip("none is visible here")
    status, _ = status_of(read, kernel)
    assert status == INVALID


def is_kernel(comm: Path) -> bool:
    """Whether a process has no program of its own."""
    try:
        return comm.read_text().startswith("kthreadd")
    except OSError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_another_user(library: ctypes.CDLL, start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(sys.executable, "-c", WAITING)
    address_of_waits(process)
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            Reading(library, process.pid)
        except ReadingError as failed:
            os.write(theirs, f"{failed.status} {failed}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(theirs)
    message = os.read(ours, 4096).decode()
    os.close(ours)
    assert message == (
        f"8 process {process.pid} belongs to root: run tachograph as that user (sudo -u root) or as root (sudo)"
    )


OLD = ["3.7", "3.8", "3.9", "3.10"]


@pytest.mark.parametrize("version", OLD)
def test_an_old_python(read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]], version: str) -> None:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    executable = next(versions.glob(f"{version}.*/bin/python{version}"), None)
    if executable is None:
        pytest.skip(f"no Python {version} here")
    process = start(executable, "-c", WAITING)
    address_of_waits(process)
    status, message = status_of(read, process.pid)
    assert status == UNSUPPORTED
    assert message.startswith(f"process {process.pid} runs a Python before 3.11, which is too old: from 3.11 on")
    assert message.endswith("from 3.14 on attached to")


def status_now(read: Callable[..., Reading], pid: int) -> int:
    """How opening a process ends."""
    try:
        read(pid)
    except ReadingError as failed:
        return failed.status
    return OK


def test_a_process_from_its_first_moment_to_its_last(
    read: Callable[..., Reading], start: Callable[..., subprocess.Popen[str]]
) -> None:
    """Until Python has started up, and once it is gone, it fails for a reason that says so; never otherwise."""
    for _ in range(10):
        process = start(sys.executable, "-c", WAITING)
        statuses = [status_now(read, process.pid)]
        while statuses[-1] != OK and len(statuses) < 1_000_000:
            statuses.append(status_now(read, process.pid))
        assert set(statuses) <= {BUSY, NOT_FOUND, OK}
        address_of_waits(process)
        process.kill()
        while statuses[-1] == OK:
            statuses.append(status_now(read, process.pid))
        assert statuses[-1] in {BUSY, NOT_FOUND, INVALID}  # INVALID: it has no program any more
