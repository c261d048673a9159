"""The thread that keeps the history disturbs nobody: it takes no signal, waits for nobody's lock, and goes on."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from typing import Any

NOT_TO_BE_BLOCKED = {signal.SIGKILL, signal.SIGSTOP, 32, 33}  # the last two are the C library's


def blocked_signals(history: Any, driven: Any) -> list[int]:
    """Of the collectors' threads, when there are any: a new one has to find its name first."""
    return history.wait_until(lambda: json.loads(driven.tell("signals")), "the collector's thread")


def test_it_takes_no_signal(history: Any) -> None:
    driven = history.drive()
    (blocked,) = blocked_signals(history, driven)
    assert {number for number in range(1, 65) if not blocked >> (number - 1) & 1} == NOT_TO_BE_BLOCKED
    driven.tell("fork 1")
    assert blocked_signals(history, driven) == [blocked]
    assert driven.tell("stop 10") == "True"
    assert driven.tell("signals") == "[]"
    assert driven.end() == []


def test_it_goes_on_while_another_holds_pythons_lock(history: Any) -> None:
    driven = history.drive()
    driven.tell("call 100")
    assert driven.tell("flush 10") == "True"
    driven.send("call 23\n")
    driven.send("hold\n")
    assert [driven.answer(), driven.answer()] == ["23", "holding"]
    history.wait_until(lambda: [one.calls for one in history.kept().values()] == [123], "an interval")
    driven.send("x")
    assert driven.answer() == "None"
    assert driven.end() == []


def test_stop_and_start_again(history: Any) -> None:
    driven = history.drive()
    driven.tell("call 100")
    assert driven.tell("stop 10") == "True"
    assert driven.tell("flush 10") == "False"
    assert [one.calls for one in history.kept().values()] == [100]
    driven.tell("start")
    driven.tell("call 23")
    driven.tell("fork 2")
    assert driven.tell("flush 10") == "True"
    assert driven.end() == []
    assert history.collect().returncode == 0
    history.expect_all(processes=3)


def test_the_program_ends_soon_when_the_store_hangs(history: Any) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        history.store = f"mysql://somebody@127.0.0.1:{silent.getsockname()[1]}/hanging"
        driven = history.drive()
        driven.tell("call 100")
        history.wait_until(lambda: list(history.spool.glob("*.tgs")), "a batch that waits")
        started = time.monotonic()
        assert driven.end() == []
        assert time.monotonic() - started < 4  # one second is what it waits, five is the time-out
    assert len(list(history.runtime.glob("*.tgr"))) == 1
