"""The claims: what is measured, what it has to be, and which script says so."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One row of the table. No bar: for information."""

    claim: str
    text: str
    unit: str
    bar: float | None = None
    stretch: float | None = None
    larger_is_better: bool = False
    noise: str | None = None  # the detail that says how far from zero noise alone takes the figure
    note: str | None = None  # said below the table where the bar is missed: why, and that it is known

    def met(self, value: float, limit: float | None) -> bool:
        """Whether a figure is as good as a limit."""
        return limit is not None and (value >= limit if self.larger_is_better else value <= limit)


BARS = (
    Bar("floor_ns", "the floor: two clock reads and the record, in C (TSC)", "ns"),
    Bar("empty_ns", "added to a call: empty function", "ns"),
    Bar("fib_ns", "added to a call: fib", "ns"),
    Bar("generator_ns", "added to a yield", "ns"),
    Bar("empty_floors", "empty function / floor", "x", 1.7, 1.3),
    Bar("fib_floors", "fib / floor", "x", 1.7, 1.3),
    Bar("floor_ns_monotonic", "the floor with clock_gettime", "ns"),
    Bar("empty_floors_monotonic", "empty function / floor, clock_gettime", "x", 1.5, 1.2),
    Bar("fib_floors_monotonic", "fib / floor, clock_gettime", "x", 1.5, 1.2),
    Bar("seed_empty", "the seed's decorator / ours: empty function", "x", 11, 15, larger_is_better=True),
    Bar("seed_fib", "the seed's decorator / ours: fib", "x", 11, 15, larger_is_better=True),
    Bar("cprofile_empty", "cProfile / ours: empty function", "x", 3, 4, larger_is_better=True),
    Bar("cprofile_fib", "cProfile / ours: fib", "x", 3, 4, larger_is_better=True),
    Bar("yappi_empty", "yappi (wall) / ours: empty function", "x", 7, 10, larger_is_better=True),
    Bar("yappi_fib", "yappi (wall) / ours: fib", "x", 7, 10, larger_is_better=True),
    Bar("viztracer_empty", "viztracer / ours: empty function", "x", 1.8, 2.5, larger_is_better=True),
    Bar("viztracer_fib", "viztracer / ours: fib", "x", 1.8, 2.5, larger_is_better=True),
    Bar("four_threads", "four threads / one: added to a call", "x", 1.25, 1.1),
    Bar("richards", "richards, every function timed: slow-down", "x", 1.75, 1.4),
    Bar("deltablue", "deltablue, every function timed: slow-down", "x"),
    Bar("rewriting", "rewriting one function", "µs", 10, 4),
    Bar("import", "import tachograph", "ms", 15, 5),
    Bar("pth", "the .pth file in a process that does not use it", "ms", 0.3),
    Bar(
        "memory",
        "recording, for one function in one thread",
        "B",
        192,
        note="192 bytes are the block (three cache lines: two would not hold its figures), 4 its place in a table",
    ),
    Bar("uninstrumented", "a function after uninstrument: 0 within noise", "ns", 0, noise="noise_ns"),
    Bar("hot_reload", "hot_reload, on a call while its file is as it was", "ns", 100, 5),
    Bar("exception_logger_returning", "exception_logger, on a call that does not fail, beside timing", "ns", 15, 3),
    Bar("exception_logger_raising", "the same with reraise=True", "ns", 15, 3),
    Bar("exception_kept_us", "an exception that is kept, with three arguments", "µs", 15, 8),
    Bar("exception_hand", "format_exc and json.dumps / ours", "x", 3, 5, larger_is_better=True),
    Bar("exception_counted_us", "an exception that is only counted", "µs", 1, 0.5),
    Bar("storm_lost", "exceptions of four threads in ten seconds: not counted", "", 0),
    Bar("storm_mib", "the same: memory for them", "MiB", 16),
    Bar("super_ns", "super_decorator, added to a call: empty function", "ns"),
    Bar("super_timing", "super_decorator, on top of timing alone", "ns", 15, 2),
    Bar("imported", "a function where tachograph is merely imported", "ns"),
    Bar("collector_share", "the collector, 1,000 functions a second: of one core", "%", 1, 0.2),
    Bar("collected_ns", "a call while it collects: 0 more within noise", "ns", 0, noise="noise_ns"),
    Bar(
        "sqlite_rate",
        "into SQLite: 1,000 function-intervals a second",
        "k",
        500,
        1000,
        larger_is_better=True,
        note="wall time, which a busy machine takes its share of: the next row does not count that",
    ),
    Bar("sqlite_cpu_rate", "into SQLite: the same a second of processor time", "k"),
    Bar("sqlite_seed", "executemany on the seed's table / ours, SQLite", "x", 15, larger_is_better=True),
    Bar("mariadb_rate", "into MariaDB: 1,000 function-intervals a second", "k"),
    Bar("mariadb_cpu_rate", "into MariaDB: the same a second of our processor time", "k"),
    Bar("mariadb_seed", "executemany on the seed's table / ours, MariaDB", "x", 5, larger_is_better=True),
    Bar("asking_series", "a function's last 10 averages, of a million rows", "ms", 5),
    Bar("asking_rank", "the 5 slowest functions, of a million rows", "ms", 5),
    Bar(
        "asking_slopes",
        "slopes of 1,000 functions, of a million rows",
        "ms",
        5,
        note="8,000 rows, the most there ever are, are not in the sums yet, and reading them is half of it",
    ),
    Bar("asking_trends", "the same, and a closer look at those that stand out", "ms"),
    Bar("asking_series_seed", "the seed's query on its table / ours: last averages", "x"),
    Bar("asking_rank_seed", "the seed's query on its table / ours: slowest", "x"),
    Bar("asking_slopes_seed", "the seed's query on its table / ours: slopes", "x"),
    Bar("serving_rate", "a series of 100 kB on 200 connections: answers a second", "/s", larger_is_better=True),
    Bar("serving_p99_ms", "the same: all but one in a hundred within", "ms"),
    Bar("serving_memory_mb", "the same: memory that the server took for it", "MB", 64),
    Bar("serving_held", "of 1,000 idle and 200 slow connections, held", "", 1200, larger_is_better=True),
    Bar("serving_held_p99", "p99 of a small answer beside them / alone", "x", 3),
    Bar("serving_first_view_s", "the first view of a million rows, to its last figure", "s", 1.5),
    Bar("sample_outside_us", "a read and walk, depth 50, 1 thread, from outside", "µs", 5, 1.5),
    Bar("sample_outside_64_us", "the same of 64 threads, one of them busy", "µs", 10, 3),
    Bar(
        "sample_inside_us",
        "the same of 1 thread, from inside",
        "µs",
        1,
        0.3,
        note="at times 1.1 in whole runs, 4 where nothing is loaded in place (docs/adr/0035)",
    ),
    Bar("sample_outside_whole_us", "a whole sample, with its clock: 1 thread", "µs"),
    Bar("sample_outside_64_whole_us", "a whole sample, with its clocks: 64 threads", "µs"),
    Bar("sample_outside_spy_blocking", "py-spy / ours: 1 thread", "x"),
    Bar("sample_outside_spy_nonblocking", "py-spy --nonblocking / ours: 1 thread", "x"),
    Bar("sample_outside_64_spy_blocking", "py-spy / ours: 64 threads", "x"),
    Bar("sample_outside_64_spy_nonblocking", "py-spy --nonblocking / ours: 64 threads", "x"),
    *(
        Bar(f"{claim}_{who}", f"impossible stacks, {what}: {whose}", "%", bar)
        for claim, what in (("calls", "nothing but calls"), ("callbacks", "calls out of C"))
        for who, whose, bar in (
            ("outside", "from outside", 0),
            ("inside", "from inside", 0),
            ("spy_blocking", "py-spy", None),
            ("spy_nonblocking", "py-spy --nonblocking", None),
        )
    ),
    *(
        Bar(f"{claim}_lost_{where}", f"lost samples, {what}: from {where}", "%", 2, 0)
        for claim, what in (("calls", "nothing but calls"), ("callbacks", "calls out of C"))
        for where in ("outside", "inside")
    ),
    *(
        Bar(f"split_{who}", f"shares of 50, 30, 20 %, off by: {whose}", "pt", bar, stretch)
        for who, whose, bar, stretch in (
            ("outside", "from outside", 1.5, 0.7),
            ("inside", "from inside", 1.5, 0.7),
            ("spy_blocking", "py-spy", None, None),
            ("spy_nonblocking", "py-spy --nonblocking", None, None),
            ("pyinstrument", "pyinstrument", None, None),
            ("ox_profile", "ox_profile", None, None),
            ("scalene", "scalene", None, None),
        )
    ),
    *(
        Bar(f"slow_{work}_{where}_{name}", f"slow-down, {what}: {where}, {rate}", "%", bar, stretch)
        for work, what in (("loop", "a loop"), ("steps", "a call each 40 µs"), ("calls", "nothing but calls"))
        for where in ("outside", "inside")
        for name, rate, bar, stretch in (
            ("control", "not sampled (noise)", None, None),
            ("100", "100 Hz", 0.5, None),
            ("1k", "1 kHz", 2, 1),
            ("10k", "10 kHz", 10, 5),
        )
    ),
    *(
        Bar(
            f"slow_calls_outside_{name}_displaced",
            f"slow-down, nothing but calls: outside without CAP_BPF, {rate}",
            "%",
        )
        for name, rate in (("100", "100 Hz"), ("1k", "1 kHz"), ("10k", "10 kHz"))
    ),
    *(
        Bar(f"slow_{work}_inside_{name}_signalled", f"slow-down, {what}: signals handled by nothing, {rate}", "%")
        for work, what in (("steps", "a call each 40 µs"), ("calls", "nothing but calls"))
        for name, rate in (("100", "100 Hz"), ("1k", "1 kHz"), ("10k", "10 kHz"))
    ),
    *(
        Bar(f"slow_{work}_inside_paused", f"slow-down, {what}: a sampler that is paused, beside none", "%")
        for work, what in (("loop", "a loop"), ("steps", "a call each 40 µs"), ("calls", "nothing but calls"))
    ),
    *(
        Bar(f"slow_loop_outside_{name}_{kind}", f"slow-down, a loop: {what}, {rate}", "%")
        for name, rate in (("100", "100 Hz"), ("1k", "1 kHz"), ("10k", "10 kHz"))
        for kind, what in (("woken", "beside a thread that wakes up"), ("elsewhere", "another one is sampled"))
    ),
    *(
        Bar(f"slow_{work}_{who}", f"slow-down, {what}: {whose}", "%")
        for work, what in (("loop", "a loop"), ("calls", "nothing but calls"))
        for who, whose in (
            ("inside_pyinstrument", "pyinstrument, 1 kHz"),
            ("inside_ox_profile", "ox_profile, 1 kHz"),
            ("spy_control", "not sampled, py-spy's windows"),
            ("spy_100", "py-spy, 100 Hz"),
            ("spy_1k", "py-spy, 1 kHz"),
            ("spy_1k_nonblocking", "py-spy --nonblocking, 1 kHz"),
        )
    ),
)


@dataclass(frozen=True)
class Script:
    """How often a script is started (code lies elsewhere each time, which moves figures), with what setting."""

    name: str
    launches: int
    clock: str | None = None
    once: bool = False  # Python's version does not matter: with the first one only
    server: bool = False  # beside a MariaDB server; left out where there is none


SCRIPTS = (
    Script("calls", 9),
    Script("calls", 5, clock="monotonic"),
    Script("seed_decorator", 2),
    Script("peers", 2),
    Script("four_threads", 3),
    Script("programs", 2),
    Script("rewriting", 2),
    Script("importing", 1),
    Script("memory", 1),
    Script("untimed", 3),
    Script("exceptions", 2),
    Script("super_decorator", 3),
    Script("collecting", 1, once=True),
    Script("ingesting", 1, once=True),
    Script("ingesting_mariadb", 1, once=True, server=True),
    Script("asking", 1, once=True),
    Script("serving", 1, once=True),
    Script("sampling_cost", 1),
    Script("sampling_truth", 1),
    Script("sampling_slowdown", 1),
    Script("sampling_slowdown_inside", 1),
)
