"""The seed's three questions of a million function-intervals: of our history, and as the seed asks them of its table.

Both databases have the same figures, and their answers are compared: a wrong one would not count. They are made once and
kept in build/bench until the store's sources change.
"""

import hashlib
import math
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness.claim import ROOT, report
from harness.filling import DIRECTORY, Filling
from harness.seed_table import LAST_AVERAGES, SLOPES, SLOWEST, SQLITE
from tachograph import history

# So many that as much as ever lies beside the sums that fast questions read (src/store/fold.c), and is read as well.
ITERATIONS = 1002
ROUNDS = 3
TIMES = 40  # in each round; the seed's questions are asked once


def databases() -> tuple[Path, Path]:
    """The history and the seed's table, made if they are not there."""
    sources = [
        *sorted((ROOT / "src" / "store").glob("*.[ch]")),
        ROOT / "bench" / "c" / "fill_history.c",
        Path(__file__),
    ]
    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    ours, theirs = DIRECTORY / f"asking-{key}.db", DIRECTORY / f"asking-{key}-seed.db"
    if not theirs.exists():
        for old in DIRECTORY.glob("asking-*"):
            old.unlink()
        filling = Filling(f"sqlite:///{ours}")
        filling.add(ITERATIONS)
        filling.close()
        unfinished = DIRECTORY / "asking-unfinished.db"
        copy(ours, unfinished)
        unfinished.rename(theirs)
    return ours, theirs


def copy(ours: Path, theirs: Path) -> None:
    """Fill the seed's table from our view of that name."""
    connection = sqlite3.connect(theirs)
    for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
        connection.execute(f"PRAGMA {setting}")
    for statement in SQLITE:
        connection.execute(statement)
    connection.execute("ATTACH ? AS ours", [str(ours)])
    connection.execute(
        "INSERT INTO main.function_statistics (function_name, iteration, call_count, total_time)"
        " SELECT function_name, iteration, call_count, total_time FROM ours.function_statistics ORDER BY iteration"
    )
    connection.commit()
    connection.execute("ANALYZE main")
    connection.close()


def timed(ask: Callable[[], object]) -> float:
    """Milliseconds of processor time: nothing here waits, as the databases are in the system's memory."""
    started = time.process_time()
    ask()
    return (time.process_time() - started) * 1000


@dataclass(frozen=True)
class Question:
    """One question both ways, and how the answers are compared."""

    claim: str
    ask_ours: Callable[[], list[Any]]
    ask_seed: Callable[[], list[Any]]
    plain: Callable[[Any], tuple[Any, ...]]  # a row of ours, as the seed gives it

    def check(self) -> None:
        """Both must answer the same."""
        ours, theirs = sorted(map(self.plain, self.ask_ours())), sorted(self.ask_seed())
        for mine, other in zip(ours, theirs, strict=True):
            if mine[:-1] != other[:-1] or not math.isclose(mine[-1], other[-1], rel_tol=1e-6, abs_tol=1e-15):
                raise SystemExit(f"{self.claim}: we say {mine}, the seed {other}")

    def measure(self, rows: int) -> None:
        """State both."""
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(ROUNDS):
            ours += [timed(self.ask_ours) for _ in range(TIMES)]
            theirs.append(timed(self.ask_seed))
        report(self.claim, median(ours), worst_ms=max(ours), seed_ms=median(theirs), rows=rows)
        report(f"{self.claim}_seed", median(theirs) / median(ours))


def questions(past: history.History, seed: sqlite3.Connection) -> list[Question]:
    """The three. Of trends, none is to be looked at more closely: the seed asks for slopes and no more."""
    name = past.functions()[0].name
    return [
        Question(
            "asking_series",
            lambda: past.series(name, 10),
            lambda: seed.execute(LAST_AVERAGES, [name]).fetchall(),
            lambda point: (name, point.iteration, point.average_time),
        ),
        Question(
            "asking_rank",
            lambda: past.rank("average", 5),
            lambda: seed.execute(SLOWEST).fetchall(),
            lambda ranked: (ranked.function.name, ranked.value),
        ),
        Question(
            "asking_slopes",
            lambda: past.trends(math.inf),
            lambda: [row[:2] for row in seed.execute(SLOPES)],
            lambda trend: (trend.name, trend.slope),
        ),
    ]


def main() -> None:
    ours, theirs = databases()
    past = history.open(ours)
    seed = sqlite3.connect(theirs)
    for question in questions(past, seed):
        question.check()
        question.measure(past.status().row_count)
    report(
        "asking_trends",
        median(timed(past.trends) for _ in range(ROUNDS)),
        evident=sum(trend.evident for trend in past.trends()),
    )


if __name__ == "__main__":
    main()
