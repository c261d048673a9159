"""`tachograph top` on a terminal: keys, sizes, and the terminal put back however it ends."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MS = 1_000_000
ENTER, LEAVE = "\033[?1049h", "\033[?1049l"
SECONDS = 20


class Screen:
    """A terminal with `top` on it, and what can be read there."""

    def __init__(self, cli: Any, *words: str, size: tuple[int, int] = (20, 100), **options: Any) -> None:
        self.main, self.terminal = pty.openpty()
        self.size = size
        self.rows: dict[int, str] = {}
        self.written = ""
        self.unread = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()  # what is read may end within a character
        self.resize(*size, tell=False)
        self.modes = termios.tcgetattr(self.terminal)
        options = {"process_group": 0, **options}
        self.process = cli.start(
            "top", "-d", "0.1", *words, stdin=self.terminal, stdout=self.terminal, stderr=self.terminal, **options
        )

    def resize(self, height: int, width: int, *, tell: bool = True) -> None:
        """Gives the terminal another size, and tells the process."""
        self.size = (height, width)
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def press(self, keys: str) -> None:
        """Presses keys."""
        os.write(self.main, keys.encode())

    def _show(self) -> None:
        """Takes over the frames that are whole: they name the row of each line, and erase what is below."""
        *frames, self.unread = self.unread.split("\033[?2026l")
        for frame in frames:
            parts = re.split(r"\033\[(\d+)H", frame)
            if "\033[J" in frame or "\033[2J" in frame:
                self.rows.clear()
            for row, text in zip(parts[1::2], parts[2::2], strict=True):
                self.rows[int(row)] = re.sub(r"\033\[[0-9;]*[A-Za-z]", "", text)

    def read(self) -> bool:
        """Reads what there is; waits a little for it. False: all have closed the terminal."""
        if select.select([self.main], [], [], 0.05)[0]:
            try:
                part = self.decoder.decode(os.read(self.main, 65536))
            except OSError:
                return False
            self.written += part
            self.unread += part
            self._show()
        return True

    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(self.rows.get(row, "") for row in range(1, self.size[0] + 1))

    def until(self, condition: Callable[[str], Any], what: str) -> str:
        """Reads until the screen shows it."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            self.read()
            if condition(self.text()):
                return self.text()
        pytest.fail(f"waited in vain for {what}; the screen:\n{self.text()}")

    def shows(self, *texts: str) -> str:
        """Reads until all texts stand on the screen."""
        return self.until(lambda screen: all(text in screen for text in texts), repr(texts))

    def ends(self) -> int:
        """Reads until the process has ended; its exit code."""
        deadline = time.monotonic() + SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        while select.select([self.main], [], [], 0)[0] and self.read():
            pass
        return int(self.process.wait(1))

    def is_put_back(self) -> bool:
        """Whether the terminal is as before."""
        in_order = self.written.rfind(LEAVE) > self.written.rfind(ENTER) >= 0
        ended = self.written.rstrip().endswith(LEAVE)
        return in_order and ended and termios.tcgetattr(self.terminal) == self.modes

    def close(self) -> None:
        """Ends all."""
        self.process.kill()
        self.process.wait()
        for fd in (self.main, self.terminal):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def screen(cli: Any, function: Any) -> Iterator[Callable[..., Screen]]:
    """Starts `top` on a terminal, with the recording of a process that has ended."""
    functions = [function(f"shop.cart::f{i:02}", [MS * (i + 1)] * 2) for i in range(40)]
    cli.record(functions, pid=4711, program="shop.py")
    started: list[Screen] = []

    def start(*words: str, **options: Any) -> Screen:
        started.append(Screen(cli, *words, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_fills_the_screen_and_q_puts_it_back(screen: Any) -> None:
    top = screen()
    lines = top.shows("f39").splitlines()
    assert len(lines) == 20
    assert lines[0].startswith("0 processes, 1 ended")
    assert lines[19].startswith("q quit  h help")
    assert sum("shop.cart::f" in line for line in lines) == 16
    assert termios.tcgetattr(top.terminal) != top.modes
    top.press("q")
    assert top.ends() == 0
    assert top.is_put_back()


def test_keys(screen: Any) -> None:
    top = screen()
    top.shows("f39")
    top.press("\033[6~")  # page down
    top.until(lambda text: "f39" not in text and "f20" in text, "the next page")
    top.press("\033[4~")  # end
    top.shows("f00")
    top.press("h")
    top.shows("calls that have not ended")
    top.press("x/F31")
    top.until(lambda text: "filter: F31_" in text and text.count("shop.cart::") == 1, "one function")
    top.press("\033")
    top.until(lambda text: text.count("shop.cart::") == 16, "all functions")
    top.press("p")
    top.shows("processes by self", "4711", "ended", "shop.py")
    top.press("\r")
    top.shows("functions of 4711 shop.py by self")
    top.press("t")
    top.shows("threads by self", "worker 77")
    top.press("as")
    top.shows("functions by running")
    top.press(" ")
    top.shows("PAUSED")
    top.press("q")
    assert top.ends() == 0


def test_a_text_that_is_pasted_is_taken_whole(screen: Any) -> None:
    top = screen()
    top.shows("f39")
    top.press("/" + "x" * 90 + "\025cart::f07\r")
    top.until(lambda text: "with 'cart::f07'" in text and text.count("shop.cart::") == 1, "one function")
    top.press("\033")
    top.until(lambda text: text.count("shop.cart::") == 16, "all functions")
    top.press("q")
    assert top.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT])
def test_signals_end_it_with_the_terminal_put_back(screen: Any, number: signal.Signals) -> None:
    top = screen()
    top.shows("f39")
    top.process.send_signal(number)
    assert top.ends() == -number
    assert top.is_put_back()


def test_ctrl_c_on_its_own_terminal_ends_it(screen: Any) -> None:
    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    top = screen(preexec_fn=take_terminal, process_group=None)
    top.shows("f39")
    top.press("\003")
    assert top.ends() == 0
    assert top.is_put_back()


def test_stops_and_goes_on(screen: Any, wait_until: Any) -> None:
    top = screen()
    top.shows("f39")
    top.process.send_signal(signal.SIGTSTP)
    status = wait_until(lambda: os.waitid(os.P_PID, top.process.pid, os.WSTOPPED | os.WNOHANG), "its stop")
    assert status.si_status == signal.SIGTSTP
    while select.select([top.main], [], [], 0)[0] and top.read():
        pass
    assert top.is_put_back()
    top.rows.clear()
    top.process.send_signal(signal.SIGCONT)
    top.shows("f39", "q quit")
    assert termios.tcgetattr(top.terminal) != top.modes
    top.press("q")
    assert top.ends() == 0
    assert top.is_put_back()


@pytest.mark.parametrize("size", [(5, 20), (3, 20), (2, 9), (1, 1), (10, 40), (60, 300)])
def test_fits_every_size(screen: Any, size: tuple[int, int]) -> None:
    top = screen(size=size)
    top.until(lambda _: len(top.rows) >= size[0], "a frame")
    assert max(top.rows) <= size[0]
    assert max(map(len, top.rows.values())) <= size[1]
    top.press("q")
    assert top.ends() == 0


def test_survives_a_storm_of_sizes(screen: Any) -> None:
    top = screen()
    top.shows("f39")
    for turn in range(300):
        top.resize(1 + turn * 7 % 40, 1 + turn * 31 % 150)
        top.read() if turn % 10 == 0 else None
    top.resize(8, 50)
    top.until(
        lambda text: any("q quit" in line for line in text.splitlines()[7:]) and max(top.rows) <= 8, "the last size"
    )
    assert max(map(len, top.rows.values())) <= 50
    top.press("q")
    assert top.ends() == 0
    assert top.is_put_back()


def test_a_terminal_that_nobody_reads_does_not_hold_it_up(screen: Any) -> None:
    top = screen(size=(200, 250))
    top.shows("f39")
    for turn in range(60):  # more than the kernel keeps for a reader
        top.resize(200 - turn % 2, 250)
        time.sleep(0)
    top.process.terminate()
    assert top.process.wait(SECONDS) == -signal.SIGTERM


def test_ends_when_its_terminal_goes(screen: Any) -> None:
    top = screen()
    top.shows("f39")
    os.close(top.terminal)
    os.close(top.main)
    top.main = top.terminal = -1
    assert top.process.wait(SECONDS) in {0, -signal.SIGHUP}


def test_names_do_nothing_to_the_terminal(screen: Any, cli: Any, function: Any) -> None:
    names = ["a::\033[2J\033]0;x\007", "b::\n\r\x9b31m", "c::日本語" * 20, "d::e\u0301\u202e"]
    cli.record([function(name, [10_000 * MS]) for name in names], pid=4711, program="shop\033[31m.py")
    top = screen(size=(12, 120))
    top.shows("a::\\x1b[2J\\x1b]0;x\\a", "d::e\u0301\\u202e", "...")
    top.press("p")
    top.shows("shop\\x1b[31m.py")
    top.press("q")
    assert top.ends() == 0
    assert "\007" not in top.written
    assert "\u202e" not in top.written
    assert "\x9b" not in top.written
    assert "\033[31m" not in top.written


def test_no_color_is_without_colour_but_with_a_cursor(screen: Any) -> None:
    top = screen(env={"NO_COLOR": "1"})
    top.shows("f39")
    top.press("p")
    top.shows("> shop.py")
    top.press("q")
    assert top.ends() == 0
    assert set(re.findall(r"\033\[[0-9;]*m", top.written)) == {"\033[0m"}  # at its end


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_a_dumb_terminal_gets_plain_lines(screen: Any, kind: str, wait_until: Any) -> None:
    top = screen(env={"TERM": kind})
    wait_until(lambda: top.read() and top.written.count("f39") >= 2, "two intervals")
    top.process.send_signal(signal.SIGINT)
    assert top.ends() == -signal.SIGINT
    assert "\033" not in top.written


def test_follows_a_program_that_runs(screen: Any, cli: Any) -> None:
    cli.script(
        "import sys\ndef tick(): return 1\nfor line in sys.stdin:\n    tick()\n    print('ticked', flush=True)\n"
    )
    program = cli.start("run", "app.py", stdin=subprocess.PIPE)

    def tick() -> None:
        program.stdin.write("\n")
        program.stdin.flush()
        assert program.stdout.readline() == "ticked\n"

    tick()
    top = screen("--sort", "calls")
    top.shows("1 process", "__main__::tick")
    for _ in range(3):
        tick()
    top.until(lambda text: re.search(r" 4  __main__::tick", text), "what it has counted")
    program.communicate()
    top.shows("0 processes", "1 ended")
    top.press("q")
    assert top.ends() == 0


WORKS = """
import ctypes
ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)  # any process of the user may look at it
def work():
    while True:
        sum(range(1000))
print("ready", flush=True)
work()
"""


@pytest.fixture
def worker(cli: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that works all the time."""
    process = cli.start_other(sys.executable, "-c", WORKS)
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


INTERVAL = 0.6


def figures_of_work(text: str) -> tuple[float, float]:
    """Its share in percent, and for how many seconds it has been seen ever."""
    found = re.search(r"^ *([\d.]+) % .*?([\d.]+) (m?s) .* work ", text, re.MULTILINE)
    return (float(found[1]), float(found[2]) / (1000 if found[3] == "ms" else 1)) if found else (0.0, 0.0)


def pass_time(wait_until: Any, seconds: float) -> None:
    """Waits."""
    ended = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > ended, "time to pass")


def test_after_a_pause_shares_are_of_the_time_that_was_looked_at(screen: Any, worker: Any, wait_until: Any) -> None:
    top = screen("-p", str(worker.pid), "-d", str(INTERVAL))
    _, before = figures_of_work(top.shows("work"))
    top.until(lambda text: figures_of_work(text)[1] > before, "a whole interval")
    pass_time(wait_until, INTERVAL / 2)
    top.press(" ")
    _, before = figures_of_work(top.shows("PAUSED"))
    top.press(" ")
    top.until(lambda text: figures_of_work(text)[1] > before, "the next figures")
    share, ever = figures_of_work(top.text())
    assert 95 < share < 105
    assert ever - before < 1.5 * INTERVAL
    top.press("q")
    assert top.ends() == 0


def test_an_interval_in_which_it_was_suspended_is_as_long_as_another(screen: Any, worker: Any, wait_until: Any) -> None:
    top = screen("-p", str(worker.pid), "-d", str(INTERVAL))
    _, before = figures_of_work(top.shows("work"))
    _, before = figures_of_work(top.until(lambda text: figures_of_work(text)[1] > before, "a whole interval"))
    top.process.send_signal(signal.SIGTSTP)
    wait_until(lambda: os.waitid(os.P_PID, top.process.pid, os.WSTOPPED | os.WNOHANG), "its stop")
    while select.select([top.main], [], [], 0)[0] and top.read():
        pass
    pass_time(wait_until, INTERVAL)
    top.process.send_signal(signal.SIGCONT)
    top.until(lambda text: figures_of_work(text)[1] > before, "the next figures")
    assert figures_of_work(top.text())[1] - before > INTERVAL / 2
    top.press("q")
    assert top.ends() == 0


def test_who_stops_late_is_let_go_while_it_is_paused(screen: Any, late: Any, wait_until: Any) -> None:
    for _ in range(8):
        process = late("pause")
        main = Path(f"/proc/{process.pid}/task/{process.pid}")
        top = screen("-p", str(process.pid), "-r", "1000")
        wait_until(lambda main=main: (main / "children").read_text(), "the thread to wait", 60)
        time.sleep(0.5)
        if "TracerPid:\t0\n" not in (main / "status").read_text():
            break
        top.process.terminate()  # it was not looked at when it had just begun to wait; now it rests, and need not stop
    else:
        pytest.fail("the thread was never asked to stop")
    top.press(" ")
    top.shows("PAUSED")
    os.kill(int((main / "children").read_text()), signal.SIGKILL)
    assert process.communicate(timeout=60) == ("through\n", "")
    top.press("q")
    assert top.ends() == 0
