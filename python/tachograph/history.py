"""Asks a history what it knows: which functions are slow, which get slower, and what a version changed.

    from tachograph import history

    with history.open() as past:
        for ranked in past.rank(by="average"):
            print(ranked.function.name, ranked.value)
        print(past.trend("Cart.add").slope_per_hour)
        print(past.diff("version:1", "version:2").worst)

Times are seconds, floats; points in time are seconds since 1970 UTC. An *iteration* is one interval of a service's
time (10 seconds unless it was started otherwise), counted from its first: all processes of the service share it, and
where nothing ran there is none.

Every question takes what it is about:

- ``service``: its name; not needed where the history has one service only.
- ``since``, ``until``: a `datetime.datetime` (local time if it has no time zone) or a text: ``"-1h"`` (s, m, h, d, w),
  ``"2026-11-21T10:00"`` (with seconds, ``Z`` or an offset if need be), ``"2026-11-21"``, ``"now"``,
  ``"iteration:120"``, ``"version:1.4.2"`` (where that version begins or, as ``until``, ends). Both ends are included.
- ``version``: what processes told as theirs; ``""`` is that of those that told none.
- ``run``: the id of one run (`History.runs`), of which the first digits will do, ``"latest"`` or ``"previous"``.

A function is named as in ``"shop.cart::Cart.add"``, or by an end of that which no other function's name has: ``"Cart.add"``.

Every question raises:

- ``LookupError``: no such service, version or function, or nothing stored yet.
- ``ValueError``: a text that means nothing, or several services and none named.
- `StoreError`: the store cannot be read.
- ``RuntimeError``: the history is closed, or was opened before a fork.
"""

from __future__ import annotations

import datetime
import os
from typing import Any, Literal, NamedTuple

from tachograph import _collect, _native
from tachograph._native import StoreError

__all__ = [
    "Change",
    "Diff",
    "Event",
    "Function",
    "History",
    "Part",
    "Point",
    "Ranked",
    "Run",
    "Service",
    "Side",
    "Status",
    "Step",
    "StoreError",
    "Trend",
    "Version",
    "open",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self, TypeAlias

    Moment: TypeAlias = str | datetime.datetime


class Service(NamedTuple):
    """A service that has a history."""

    name: str
    interval: float
    """Length of an iteration, in seconds."""
    first_time: float
    """When iteration 0 began."""
    last_iteration: int
    process_count: int
    last_time: float
    """When the interval stored last ended."""


class Function(NamedTuple):
    """What is known of the calls of one function, all processes and iterations asked about together."""

    name: str
    """``module::qualname``."""
    file: str
    """As seen last; empty when it is not known."""
    line: int
    call_count: int
    exception_count: int
    """Calls that ended with an exception."""
    total_time: float
    average_time: float
    """``total_time / call_count``; see `Ranked` for the average of the iterations."""
    cumulative_time: float
    """``total_time``, where recursion is counted once."""
    self_time: float
    """Without timed functions called from here, and without suspension."""
    active_time: float
    """Without the time generators and coroutines were suspended."""
    min_time: float
    max_time: float
    iteration_count: int
    """Iterations in which it was called."""
    first_iteration: int
    last_iteration: int


class Ranked(NamedTuple):
    """A function, and the value that gave it its place."""

    value: float
    """By ``"average"``: the mean of the iterations' averages, in seconds, each iteration weighing the same (the query
    ``AVG(average_time) ... GROUP BY function_name``). By ``"total"`` and ``"p99"``: seconds. By ``"calls"`` and
    ``"errors"``: a number of calls."""
    function: Function


class Point(NamedTuple):
    """One function in one iteration, all processes together."""

    iteration: int
    time: float
    """When the iteration ended."""
    call_count: int
    exception_count: int
    total_time: float
    average_time: float
    cumulative_time: float
    self_time: float
    active_time: float
    min_time: float
    max_time: float
    p50: float
    """Seconds that half of the calls did not exceed; right to 6.25 %."""
    p99: float


class Step(NamedTuple):
    """A version or new code that made a function slower or faster at once: that describes its averages better than a line.

    Compared by Schwarz's criterion: a level from the first appearance of each version and code to that of the next,
    against one line. Of several steps, the largest.
    """

    version: str | None
    """That begins with it; None: its code changed within a version."""
    iteration: int
    """The first one after it."""
    before: float
    """Mean of the iterations' averages before it, in seconds, as far back as the version or code before."""
    after: float
    relative_change: float
    """``after / before - 1``."""
    probability: float
    """How likely neighbours without a step differ so much, by Student's t, corrected for the number of versions and codes."""
    kind: str
    """``"version"``, or ``"code"``: an edit, taken over while it ran or between two runs."""


class Trend(NamedTuple):
    """The straight line through a function's average times: x is the iteration, y the average of its calls in it.

    Ordinary least squares; every iteration weighs the same, and those without calls are no points. What is not defined
    is 0, so that nothing is ever infinite: slope and errors with one iteration, errors with two.
    """

    name: str
    call_count: int
    iteration_count: int
    """How many points the line has."""
    first_iteration: int
    last_iteration: int
    average_time: float
    """Mean of the points."""
    slope: float
    """Seconds for each iteration; above 0: it gets slower."""
    slope_per_hour: float
    """Seconds for each hour of wall time."""
    intercept: float
    """The line at iteration 0, even where that is far outside."""
    slope_error: float
    """Standard error, in seconds for each iteration."""
    intercept_error: float
    r_squared: float
    start: float
    """The line at the first iteration, in seconds."""
    end: float
    """The line at the last iteration, in seconds."""
    relative_change: float
    """``(end - start) / start``; 0.5: half as slow again. Where a steep line starts or ends below a hundredth of the
    average, or even below 0, it counts as that hundredth."""
    before: float | None
    """Measured: mean of the first quarter of the points, in seconds; None: fewer than two points, or nobody looked, as
    with `robust_slope`."""
    after: float | None
    """Measured: mean of the last quarter."""
    measured_change: float | None
    """``after / before - 1``."""
    robust_slope: float | None
    """Theil and Sen's slope, the median of those of all pairs of points, which outliers do not bend; None: nobody looked,
    as `History.trends` does not where no trend is in sight."""
    robust_intercept: float | None
    probability: float
    """How likely points without any trend give a slope this far from 0, by Student's t; 1 with fewer than 3 points."""
    evident: bool
    """Calls, change and probability suffice to call it a trend, or there is a step."""
    step: Step | None
    """It rather changed at once, with a version or new code; None: it did not, or there is but one of either."""


class Side(NamedTuple):
    """One function on one side of a comparison. Calls, total and self time are for each `Diff.unit`."""

    call_count: float
    total_time: float
    self_time: float
    average_time: float
    share: float
    """``total_time`` of the self time of all functions of the side, 0 to 1."""


class Change(NamedTuple):
    """What one function contributes to a difference. Changes are of self time, in seconds as in `Side`."""

    name: str
    before: Side | None
    """None: it was not called on this side."""
    after: Side | None
    ratio: float | None
    """``after.average_time / before.average_time``; None where either is missing or 0."""
    change: float
    """The sum of the two that follow; over all functions, the whole difference."""
    change_by_calls: float
    """Because it is called more or less often: ``(calls after - calls before) * (averages before + after) / 2``."""
    change_by_average: float
    """Because its calls take longer or shorter: ``(average after - average before) * (calls before + after) / 2``."""


class Diff(NamedTuple):
    """Two parts of a history, compared function by function."""

    unit: Literal["run", "iteration"]
    """What figures are means of: the runs of the side, or its iterations."""
    iteration_count_before: int
    """Iterations of the side in which anything was called."""
    iteration_count_after: int
    run_count_before: int
    """Runs that have a part in the side."""
    run_count_after: int
    self_time_before: float
    """Of the functions that take part, in seconds for each unit."""
    self_time_after: float
    changes: list[Change]
    """By the size of the change, either way, largest first; then, likewise, functions that do not take part because they
    were called less than 10 times, such as a main, whose time is how long the program was left running. Of runs,
    and where there are no others, all take part."""
    worst: Change | None
    """The function whose average grew most (or shrank least), among those with 10 calls on each side and, on one, 1 % of
    the time; None: there is none."""


class Version(NamedTuple):
    """A version that processes of a service told."""

    version: str
    """Empty: they told none."""
    first_iteration: int
    last_iteration: int
    process_count: int


class Run(NamedTuple):
    """What ``tachograph run`` started, with all its processes; a process started otherwise is a run by itself."""

    id: str
    """32 hexadecimal digits."""
    version: str
    """This, ``end``, ``host``, ``pid`` and ``program`` are those of the process that began first."""
    first_time: float
    """When it began."""
    last_time: float
    """When the interval stored last ended."""
    end: Literal["end", "found"] | None
    """It ended by itself, or was found dead; None: it goes on, or nobody has found it."""
    host: str
    pid: int
    program: str
    process_count: int
    first_iteration: int
    last_iteration: int


class Event(NamedTuple):
    """Something that happened to a service."""

    time: float
    iteration: int
    kind: Literal["start", "end", "found", "version", "marker", "reload", "refused reload", "unknown"]
    """A process began, ended, or was found dead; the first process of another version began; a person or a deployment
    told something (`tachograph event`), which is of no process, host or version; newer source runs in a process, or was
    refused; of a newer tachograph."""
    pid: int
    host: str
    version: str
    detail: str


class Status(NamedTuple):
    """What a store holds."""

    engine: str
    schema_version: int
    newest_schema_version: int
    """That this tachograph knows."""
    service_count: int
    process_count: int
    function_count: int
    interval_count: int
    row_count: int
    """Figures of one function in one interval of one process."""
    size_bytes: int | None
    """None: the engine does not say."""


class Part(NamedTuple):
    """A part of a service's history, to compare with another: whichever of these are given must hold."""

    since: Moment | None = None
    until: Moment | None = None
    version: str | None = None
    run: str | None = None


class History:
    """A history, open for reading. Threads may share it; one question waits for the other.

    A forked child cannot use its parent's: it opens one of its own. In a ``with`` statement, it is closed at the end.
    """

    def __init__(self, url: str) -> None:
        """Opens it: see `open`."""
        self._reader = _native.StoreReader(url)

    def close(self) -> None:
        """Closes it, once a question asked by another thread has its answer. A second time does nothing."""
        self._reader.close()

    def __enter__(self) -> Self:
        """Returns the history itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def services(self) -> list[Service]:
        """The services that have a history here; the one written to last comes first."""
        return list(map(Service._make, self._reader.services()))

    def functions(
        self,
        service: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        version: str | None = None,
        run: str | None = None,
    ) -> list[Function]:
        """What each function took, by name; those not called are left out."""
        rows = self._reader.functions(service, _moment(since), _moment(until), version, run)
        return list(map(Function._make, rows))

    def rank(
        self,
        by: Literal["average", "total", "self", "calls", "p99", "errors"] = "average",
        n: int | None = 5,
        *,
        service: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        version: str | None = None,
        run: str | None = None,
    ) -> list[Ranked]:
        """The ``n`` functions (None: all) with the largest values, largest first."""
        rows = self._reader.rank(service, _moment(since), _moment(until), version, run, by, n)
        return [Ranked(value, Function._make(function)) for value, function in rows]

    def series(
        self,
        function: str,
        last: int | None = 10,
        *,
        service: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        version: str | None = None,
        run: str | None = None,
    ) -> list[Point]:
        """The ``last`` iterations (None: all) in which a function was called, in the order of time."""
        rows = self._reader.series(service, _moment(since), _moment(until), version, run, function, last)
        return list(map(Point._make, rows))

    def trend(
        self,
        function: str,
        last: int | None = None,
        *,
        service: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        version: str | None = None,
        run: str | None = None,
    ) -> Trend:
        """Whether a function gets slower, over the ``last`` iterations in which it was called (None: all)."""
        rows = self._reader.trend(service, _moment(since), _moment(until), version, run, function, last)
        return _trend(rows)

    def trends(
        self,
        minimum_change: float | None = None,
        *,
        service: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        version: str | None = None,
        run: str | None = None,
    ) -> list[Trend]:
        """The trends of all functions: evident ones first, from what slows most to what speeds up most; steps lead.

        Evident is a change of at least ``minimum_change`` (relative; default 0.05), 100 ns and 10 calls, whose
        probability passes Benjamini and Hochberg's procedure at a false discovery rate of 5 %: so many of the evident
        ones may be chance. The others follow in the same order.
        """
        rows = self._reader.trends(service, _moment(since), _moment(until), version, run, minimum_change)
        return list(map(_trend, rows))

    def diff(
        self,
        before: Part | str,
        after: Part | str,
        *,
        service: str | None = None,
        per: Literal["run", "iteration"] | None = None,
    ) -> Diff:
        """What changed from one part of the history to another, such as from ``Part(version="1")`` to another one.

        Texts are those of the command ``tachograph diff``: ``"version:1"``, ``"run:latest"``, ``"iteration:10..20"``,
        ``"-2h..-1h"``.

        Sides rarely ran equally long, so calls and times are means: ``per`` run where both sides have runs that ended by
        themselves (one each, or most of several, none of which ran beside another, for more than a day, or is in the
        side in part only); else ``per`` iteration in which the side ran.
        """
        *head, rows, worst = self._reader.diff(service, _words(before), _words(after), per)
        changes = [
            Change(name, _side(one), _side(other), ratio, *contributions)
            for name, one, other, ratio, *contributions in rows
        ]
        return Diff._make((*head, changes, None if worst is None else changes[worst]))

    def runs(
        self,
        service: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        version: str | None = None,
    ) -> list[Run]:
        """The runs that have a part in what is asked about and any calls, in the order in which they began."""
        return list(map(Run._make, self._reader.runs(service, _moment(since), _moment(until), version)))

    def versions(self, service: str | None = None) -> list[Version]:
        """The versions of a service in the order of their first appearance."""
        return list(map(Version._make, self._reader.versions(service)))

    def events(
        self,
        service: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        version: str | None = None,
        run: str | None = None,
    ) -> list[Event]:
        """What happened to a service, in the order of time."""
        rows = self._reader.events(service, _moment(since), _moment(until), version, run)
        return list(map(Event._make, rows))

    def status(self) -> Status:
        """What the store holds."""
        return Status._make(self._reader.status())

    def verify(self) -> list[str]:
        """What is wrong with the store, a sentence each; nothing: it is whole. Reads all of it."""
        return self._reader.verify().splitlines()


def open(url: str | os.PathLike[str] | None = None) -> History:
    """Opens a history for reading.

    Args:
        url: ``sqlite:///path``, a path, or ``mysql://user@host/database`` (the password may come from the variable
            ``TACHOGRAPH_STORE_PASSWORD``). Default: where `tachograph.start` keeps that of this program.

    Raises:
        StoreError: it is not there, or cannot be read.
        ValueError: the URL is none, or the project's ``pyproject.toml`` cannot be used.
    """
    return History(_collect.default_store() if url is None else os.fspath(url))


def _moment(moment: Moment | None) -> str | None:
    """A point in time as the store reads it."""
    return moment.isoformat(timespec="seconds") if isinstance(moment, datetime.datetime) else moment


def _words(part: Part | str) -> tuple[str | None, str | None, str | None, str | None, str | None]:
    if isinstance(part, str):
        return None, None, None, None, part
    return _moment(part.since), _moment(part.until), part.version, part.run, None


def _trend(row: tuple[Any, ...]) -> Trend:
    step = row[-1]
    return Trend._make((*row[:-1], None if step is None else Step._make(step)))


def _side(figures: tuple[float, ...] | None) -> Side | None:
    return None if figures is None else Side._make(figures)
