"""Exceptions on their way into a store: each counted and each sample kept once, whatever happens in between."""

from __future__ import annotations

import json
import signal
from typing import Any

SAMPLES = 10  # of a kind in an interval, and in an hour of a history


def told(history: Any) -> Any:
    """What `tachograph exceptions --json` says."""
    command = [str(history.program), "exceptions", "--json", "--store", history.store]
    done = history.finish(command, **history.options(keeping=False))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def expect(history: Any, count: int, *, processes: int = 1) -> None:
    """Asserts that all are there, of one kind, and no more samples than there may be."""
    (kind,) = told(history)["exceptions"]
    assert (kind["type"], kind["count"]) == ("LookupError", count)
    assert kind["sample"]["kwargs"] == {"api_key": "[redacted]"}
    rows = history.rows("SELECT count, interval_id FROM exception_counts")
    counted = {int(interval): int(number) for number, interval in rows}
    assert sum(counted.values()) == count
    kept = [int(interval) for (interval,) in history.rows("SELECT interval_id FROM exception_samples ORDER BY id")]
    assert set(kept) <= set(counted)
    assert 0 < len(kept) <= SAMPLES * 2  # an hour may have ended meanwhile
    of = "SELECT COUNT(DISTINCT process_id) FROM intervals WHERE id IN (SELECT interval_id FROM exception_counts)"
    assert int(history.rows(of)[0][0]) == processes
    assert history.finish([str(history.program), "store", "verify", history.store]).returncode == 0


def test_a_store_that_is_down_meanwhile(history: Any) -> None:
    history.file.write_text("these are my notes\n" * 1000)
    driven = history.drive()
    assert driven.tell("fail 100") == "100"
    driven.wait_for_lines(1)
    assert driven.tell("flush 10") == "False"
    driven.tell("fail 23")
    history.file.unlink()
    driven.wait_for_lines(2)  # it tries again by itself
    driven.tell("fail 7")
    assert driven.tell("flush 10") == "True"
    expect(history, 130)
    driven.tell("fail 1")
    driven.end()
    expect(history, 131)


def test_what_a_killed_process_had_is_collected(history: Any) -> None:
    history.interval = 3600
    driven = history.drive()
    driven.tell("fail 25")
    driven.process.send_signal(signal.SIGKILL)
    driven.process.wait()
    assert history.collect().returncode == 0
    assert history.collect().returncode == 0  # once more: nothing is stored twice
    expect(history, 25)
    (row,) = history.rows("SELECT COUNT(*), COUNT(DISTINCT args) FROM exception_samples")
    assert row == (SAMPLES, SAMPLES)


def test_two_processes_have_one_kind(history: Any) -> None:
    both = [history.drive(), history.drive()]
    for _ in range(5):
        for driven in both:
            driven.send("fail 20\n")
        assert [driven.answer() for driven in both] == ["20", "20"]
        assert [driven.tell("flush 10") for driven in both] == ["True", "True"]
    for driven in both:
        driven.end()
    expect(history, 200, processes=2)


def test_a_forked_child_counts_for_itself(history: Any) -> None:
    driven = history.drive()
    driven.tell("fail 3")
    assert driven.tell("fork_and_fail 4") == "0"
    driven.tell("fail 5")
    driven.end()
    expect(history, 12, processes=2)
