"""Histories made for tests, row by row, from the tables in src/store/schema.c.

So every figure of an answer can be foretold; `tachograph store verify` says whether what was written is a history.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Of each thread, by name: stacks as "main;work", outermost function first, and nanoseconds.
Stacks = dict[str, dict[str, int]]

NS = 1_000_000_000
START = 1_700_000_000  # 2023-11-14 22:13:20 UTC
BASE_NS = 10 * NS
MS = 1_000_000
START_EVENT, ENDED, KILLED, VERSION, MARKER, RELOAD, REFUSED_RELOAD = range(1, 8)  # enum tg_store_event_kind


def varint(number: int) -> bytes:
    """LEB128."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def encode_profile(stacks: Stacks, file: str = "/srv/shop/orders.py") -> bytes:
    """A profile in its serial form (src/profile/profile.h), in which every function begins on line 12."""
    names = sorted({name for of_thread in stacks.values() for stack in of_thread for name in stack.split(";")})
    texts = [file, *names]
    out = [1, 0, 0, 0, 10_000_000, 0, *[0] * 4, *[0] * 4, len(texts), *texts, len(names)]
    for number in range(len(names)):
        out += [number + 2, 1, 12]
    out.append(len(stacks))
    for thread, of_thread in stacks.items():
        places: dict[tuple[str, ...], int] = {(): 0}
        nodes: list[Any] = [*[0] * 4]
        paths = sorted({tuple(s.split(";")[: i + 1]) for s in of_thread for i in range(s.count(";") + 1)})
        for path in paths:
            places[path] = len(places)
            ns = of_thread.get(";".join(path), 0)
            nodes += [2 * (places[path] - places[path[:-1]]) + bool(ns), names.index(path[-1]) + 1]
            nodes += [1, ns, ns // 2, ns // 4] if ns else []
        out += [4711, 1, thread, *[0] * 4, len(places), *nodes]
    return b"".join(
        varint(len(item.encode())) + item.encode() if isinstance(item, str) else varint(item) for item in out
    )


@dataclasses.dataclass
class Service:
    """A service of a history, and what was stored of it."""

    connection: sqlite3.Connection
    number: int
    name: str
    base_ns: int = BASE_NS
    started_s: int = START
    functions: dict[str, int] = dataclasses.field(default_factory=dict)
    processes: dict[tuple[str, str], tuple[int, int]] = dataclasses.field(default_factory=dict)

    def process(self, version: str, run: str, started_ns: int) -> tuple[int, int]:
        """The id of the process of a version and run, and the number of its next batch."""
        if (version, run) not in self.processes:
            row = (self.number, uuid.uuid4().bytes, bytes.fromhex(run), 4711, 1, 0x030B07F0, started_ns, 0)
            cursor = self.connection.execute(
                "INSERT INTO processes (service_id, uuid, run_uuid, pid, parent_pid, python_version, started_ns,"
                " ended_kind, version, host, program, first_iteration, last_iteration)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'box', 'app.py', 1e9, -1e9)",
                (*row, version),
            )
            assert cursor.lastrowid
            self.processes[version, run] = (cursor.lastrowid, 1)
        number, seq = self.processes[version, run]
        self.processes[version, run] = (number, seq + 1)
        return number, seq

    def function(self, name: str) -> int:
        """The id of a function."""
        if name not in self.functions:
            cursor = self.connection.execute(
                "INSERT INTO functions (service_id, name, file, line) VALUES (?, ?, '/srv/shop/orders.py', 12)",
                (self.number, name),
            )
            assert cursor.lastrowid
            self.functions[name] = cursor.lastrowid
        return self.functions[name]

    def add(
        self,
        iteration: int,
        calls: dict[str, tuple[int, int]],
        *,
        version: str = "",
        run: str = "0" * 32,
        errors: int = 0,
    ) -> None:
        """Stores a batch: of each function the number of calls and the nanoseconds that each took."""
        slot = self.started_s * NS // self.base_ns + iteration
        ended = slot * self.base_ns + 1
        process, seq = self.process(version, run, ended - self.base_ns)
        interval = self.connection.execute(
            "INSERT INTO intervals (service_id, process_id, seq, slot, iteration, began_ns, ended_ns, interval_ns,"
            " function_count, overflow_call_count, unrecorded_call_count, refused_function_count, torn_count,"
            " damaged_count, collector_cpu_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0)",
            (self.number, process, seq, slot, iteration, ended - self.base_ns, ended, self.base_ns, len(calls)),
        ).lastrowid
        for name, (count, ns) in calls.items():
            total = count * ns
            self.connection.execute(
                "INSERT INTO function_intervals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, x'')",
                (self.number, iteration, self.function(name), interval, count, errors, *[total] * 4, ns, ns),
            )
        self.connection.execute(
            "UPDATE processes SET first_iteration = MIN(first_iteration, ?), last_iteration = MAX(last_iteration, ?)"
            " WHERE id = ?",
            (iteration, iteration, process),
        )
        self.connection.execute(
            "UPDATE services SET last_iteration = MAX(last_iteration, ?), last_ended_ns = MAX(last_ended_ns, ?),"
            " unfolded_count = unfolded_count + ? WHERE id = ?",
            (iteration, ended, len(calls), self.number),
        )

    def code(self, name: str, code_hash: int, first_iteration: int, python: int = 0) -> None:
        """Says from when on a function had a code, and which Python (0x030b) compiled it."""
        self.connection.execute(
            "INSERT INTO code_changes"
            " (function_id, first_iteration, python, code_hash, line, process_id, after_ns, until_ns)"
            " VALUES (?, ?, ?, ?, 12, 0, 0, 0)",
            (self.function(name), first_iteration, python, code_hash),
        )

    def event(self, iteration: int, kind: int, detail: str, version: str = "") -> None:
        """Something that happened, at the beginning of an iteration."""
        wall_ns = (self.started_s * NS // self.base_ns + iteration) * self.base_ns
        self.connection.execute(
            "INSERT INTO events (service_id, iteration, wall_ns, kind, process_id, version, detail)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.number, iteration, wall_ns, kind, 0, version, detail),
        )

    def sample(self, iteration: int, stacks: Stacks, *, version: str = "", run: str = "0" * 32) -> None:
        """Stores what a sampler saw in a batch: of each thread its stacks, and the nanoseconds of each."""
        self.add(iteration, {}, version=version, run=run)
        interval = self.connection.execute("SELECT MAX(id) FROM intervals").fetchone()[0]
        count = sum(len(of_thread) for of_thread in stacks.values())
        self.connection.execute(
            "INSERT INTO call_trees VALUES (?, ?, ?, 100, 0, ?, 1, ?, 0, ?, ?)",
            (self.number, iteration, interval, count, count, len(stacks), encode_profile(stacks)),
        )

    def fail(
        self,
        iteration: int,
        function: str,
        kind: str,
        count: int,
        *,
        samples: Sequence[dict[str, Any]] = (),
        lost: int = 0,
    ) -> None:
        """Stores exceptions of one kind in the batch that was stored last, which is of this iteration."""
        interval, ended = self.connection.execute(
            "SELECT id, ended_ns FROM intervals WHERE service_id = ? AND iteration = ? ORDER BY id DESC LIMIT 1",
            (self.number, iteration),
        ).fetchone()
        key = (self.number, self.function(function), kind)
        found = self.connection.execute(
            "SELECT id FROM exceptions WHERE service_id = ? AND function_id = ? AND type = ?", key
        ).fetchone()
        if not found:
            number = self.connection.execute("SELECT COUNT(*) + 1 FROM exceptions").fetchone()[0]
            self.connection.execute(
                "INSERT INTO exceptions VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, self.number, number, self.function(function), kind, ended, ended),
            )
            found = (number,)
        self.connection.execute("UPDATE exceptions SET last_ns = ? WHERE id = ?", (ended, found[0]))
        of_batch = (self.number, found[0], iteration, interval)
        self.connection.execute("INSERT INTO exception_counts VALUES (?, ?, ?, ?, ?)", (*of_batch, count))
        for sample in samples:
            texts = {"message": "", "traceback": "", "args": "[]", "kwargs": "{}", "rebound": "", **sample}
            self.connection.execute(
                "INSERT INTO exception_samples (service_id, exception_id, iteration, interval_id, wall_ns, native_id,"
                " thread, message, traceback, args, kwargs, rebound) VALUES (?, ?, ?, ?, ?, 4711, 'MainThread',"
                " ?, ?, ?, ?, ?)",
                (*of_batch, ended, *texts.values()),
            )
        if lost:
            self.connection.execute(
                "INSERT INTO exception_losses VALUES (?, ?, ?, ?)", (self.number, iteration, interval, lost)
            )

    def end(self, version: str = "", run: str = "0" * 32, kind: int = ENDED) -> None:
        """Says how the process of a version and run ended."""
        number, _ = self.processes[version, run]
        self.connection.execute(
            "UPDATE processes SET ended_kind = ?, ended_ns ="
            " (SELECT MAX(ended_ns) FROM intervals WHERE process_id = processes.id) WHERE id = ?",
            (kind, number),
        )


class History:
    """A history in SQLite, with made-up services."""

    def __init__(self, cli: Any, path: Path) -> None:
        """Makes the file, by the program under test."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cli("store", "init", path).returncode == 0
        self.connection = sqlite3.connect(path)

    def service(self, name: str = "shop", base_ns: int = BASE_NS, started_s: int = START) -> Service:
        """A service without figures."""
        number = self.connection.execute(
            "INSERT INTO services (name, base_interval_ns, first_slot, last_iteration, last_ended_ns, folded_until,"
            " unfolded_count, version, version_ns) VALUES (?, ?, ?, 0, 0, -1, 0, '', 0)",
            (name, base_ns, started_s * NS // base_ns),
        ).lastrowid
        assert number
        return Service(self.connection, number, name, base_ns, started_s)

    def done(self) -> Path:
        """Ends the writing."""
        self.connection.commit()
        self.connection.close()
        return self.path


SEARCH = "shop.orders::Orders.search"
PRICE = "shop.orders::Orders.price"
MAIN = "shop.__main__::main"


def search_ns(iteration: int) -> int:
    """Slows down in the first version, and is slower in the second; with some noise."""
    noise = (iteration * 7919 % 13 - 6) * 20_000
    return (3 * MS + 50_000 * iteration if iteration < 20 else 6 * MS) + noise


def fill(service: Service) -> None:
    """Thirty iterations: twenty of version 1, ten of version 2, in which `search` is called twice as often."""
    for iteration in range(30):
        version = "1" if iteration < 20 else "2"
        calls = {SEARCH: (10 if version == "1" else 20, search_ns(iteration)), PRICE: (40, 200_000)}
        if iteration in (19, 29):
            calls[MAIN] = (1, 190 * NS)
        service.add(iteration, calls, version=version, run=("a" if version == "1" else "b") * 32)


def answer(result: Any) -> Any:
    """The JSON of an answer."""
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)
