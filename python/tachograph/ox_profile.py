"""For programs that were written for ox_profile: its launcher, sampler and recorder, on tachograph's sampler.

    from tachograph.ox_profile import launchers

    profiler = launchers.SimpleLauncher()
    profiler.start()
    profiler.unpause()
    ...
    functions, total_records = profiler.query()

They differ where ox_profile was mistaken: ``total_records`` is the number of samples taken, a function that recurs counts
once in a sample, namesakes are told apart by file and line, and `SimpleLauncher.cancel` works while paused. No Python
thread is needed, and no thread is stopped to look at it.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import weakref
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from tachograph import _samples, _sampling, _settings

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterable
    from typing import Any, ClassVar

    from typing_extensions import Self

_INTERVAL = 0.001


class ProfileRecord(NamedTuple):
    """A function, and in how many samples it was."""

    name: str
    """``function(module) file:line``."""
    hits: int


class _Function(NamedTuple):
    """What a record is of."""

    name: str
    file: str
    line: int


def _module_names() -> dict[str, str]:
    """The modules that are loaded, by file."""
    files = ((getattr(module, "__file__", None), name) for name, module in list(sys.modules.items()))
    return {file: name for file, name in files if file}


def _rank(hits: Iterable[tuple[_Function, int]], re_filter: str, max_records: int | None) -> list[ProfileRecord]:
    """The functions whose ``function(module)`` matches, those with most hits first."""
    wanted = re.compile(re_filter)
    modules = _module_names()
    records = []
    for function, count in hits:
        name = f"{function.name.rpartition('.')[2]}({modules.get(function.file, '')})"
        if wanted.search(name):
            records.append(ProfileRecord(f"{name} {function.file}:{function.line}", count))
    records.sort(key=lambda record: (-record.hits, record.name))
    return records[:max_records]


class CountingRecorder:
    """Counts in how many samples each function was."""

    _living: ClassVar[weakref.WeakSet[CountingRecorder]] = weakref.WeakSet()

    def __init__(self) -> None:
        """Has seen nothing."""
        self._lock = threading.RLock()  # a signal's handler may ask while its thread does
        CountingRecorder._living.add(self)
        self._hits: Counter[_Function] = Counter()
        self._samples = 0

    def record(self, frame: types.FrameType | None) -> None:
        """Counts one thread's stack, given its innermost frame."""
        seen = set()
        while frame is not None:
            code = frame.f_code
            seen.add(_Function(code.co_qualname, code.co_filename, code.co_firstlineno))
            frame = frame.f_back
        with self._lock:
            self._hits.update(seen)
            self._samples += 1

    def _seen(self) -> tuple[list[tuple[_Function, int]], int]:
        with self._lock:
            return list(self._hits.items()), self._samples

    def query(self, re_filter: str = ".*", max_records: int | None = 10) -> tuple[list[ProfileRecord], int]:
        """The functions with the most hits.

        Args:
            re_filter: a regular expression that ``function(module)`` has to match.
            max_records: functions at most; None: all.

        Returns:
            ``(records, total_records)``: the records and the number of samples taken, of all functions.
        """
        hits, samples = self._seen()
        return _rank(hits, re_filter, max_records), samples

    def show(self, re_filter: str = ".*", max_records: int | None = 10) -> str:
        """The same as text."""
        records, samples = self.query(re_filter, max_records)
        return "\n".join([f"{samples:,} samples", *(f"{record.hits:>10,}  {record.name}" for record in records)])


class _ProcessRecorder(CountingRecorder):
    """What tachograph's own sampler has seen of the process while its launcher looked."""

    def __init__(self) -> None:
        """Does not look."""
        super().__init__()
        self._before: tuple[Counter[_Function], int] | None = None

    def begin(self) -> None:
        """What is seen from now on counts."""
        with self._lock:
            self._before = self._before or self._now()

    def end(self) -> None:
        """What is seen from now on does not count."""
        with self._lock:
            self._hits, self._samples = self._sums()
            self._before = None

    @staticmethod
    def _now() -> tuple[Counter[_Function], int]:
        samples = _samples.read()
        hits: Counter[_Function] = Counter()
        for each in samples.functions:
            hits[_Function(each.name, each.file, each.line)] += each.hits
        return hits, samples.total_records

    def _sums(self) -> tuple[Counter[_Function], int]:
        if self._before is None:
            return self._hits, self._samples
        (hits, samples), (hits_before, samples_before) = self._now(), self._before
        if samples < samples_before:  # a forked child has begun anew
            hits_before, samples_before = Counter(), 0
        return self._hits + (hits - hits_before), self._samples + samples - samples_before

    def _seen(self) -> tuple[list[tuple[_Function, int]], int]:
        with self._lock:
            hits, samples = self._sums()
            return list(hits.items()), samples


class Sampler:
    """Looks at all threads once, whenever it is run."""

    def __init__(self, my_db: CountingRecorder) -> None:
        """Takes the recorder that counts what is seen."""
        self.my_db = my_db

    def run(self) -> None:
        """Looks at all threads, the calling one included."""
        for frame in sys._current_frames().values():
            self.my_db.record(frame)

    __call__ = run

    def query(self, re_filter: str = ".*", max_records: int | None = 10) -> tuple[list[ProfileRecord], int]:
        """As `CountingRecorder.query`."""
        return self.my_db.query(re_filter, max_records)

    def show(self, re_filter: str = ".*", max_records: int | None = 10) -> str:
        """As `CountingRecorder.show`."""
        return self.my_db.show(re_filter, max_records)


class SimpleLauncher:
    """Samples this process, and counts what is seen while it is not paused.

    Launchers share tachograph's one sampler, which looks as often as the most eager of them wants, and rests while all of
    them do.
    """

    _lock = threading.RLock()
    _alive: ClassVar[list[SimpleLauncher]] = []
    _undo: ClassVar[list[Callable[[], object]]] = []
    """Makes sampling again what it was before the first of them."""

    def __init__(self, *_ignored: Any, interval: float = _INTERVAL, **_also_ignored: Any) -> None:
        """Is paused, and does nothing before `start`.

        Args:
            interval: seconds between two looks at all threads. What else ox_profile's has is about its Python thread.
        """
        self._recorder = _ProcessRecorder()
        self.sampler = Sampler(self._recorder)
        self.interval = interval
        self._is_started = False
        self._is_paused = True

    @classmethod
    def launch(cls) -> Self:
        """One that is started and not paused."""
        launcher = cls()
        launcher.start()
        launcher.unpause()
        return launcher

    def start(self) -> None:
        """Starts, paused unless `unpause` has been called already.

        Raises:
            RuntimeError: it was started before.
        """
        with self._lock:
            if self._is_started:
                raise RuntimeError("launchers can only be started once")
            self._is_started = True
            if not self._alive:
                self._undo.append(_sampling.undo())
            self._alive.append(self)
            self._sample()

    def _sample(self) -> None:
        """Samples as those that are alive want it, with the lock held."""
        if self._is_paused or self not in self._alive:
            self._recorder.end()
        else:
            self._recorder.begin()
        looking = [launcher.interval for launcher in self._alive if not launcher._is_paused]
        if self._alive:
            hz = 1 / min(looking or [self.interval])
            _sampling.start_native(hz, not looking, "wall", _sampling.may_signal(_settings.Known()))

    def set_interval(self, new_interval: float) -> None:
        """Changes the seconds between two looks, more than 0 and less than 10."""
        if not 0 < new_interval < 10:
            raise ValueError(f"an interval is more than 0 and less than 10 seconds, not {new_interval!r}")
        with self._lock:
            self.interval = new_interval
            self._sample()

    def _set_paused(self, is_paused: bool) -> None:
        with self._lock:
            self._is_paused = is_paused
            self._sample()

    def pause(self) -> None:
        """Looks no more until `unpause`."""
        self._set_paused(True)

    def unpause(self) -> None:
        """Begins to look, or goes on."""
        self._set_paused(False)

    def is_paused(self) -> bool:
        """Whether it is paused."""
        return self._is_paused

    def is_alive(self) -> bool:
        """Whether it was started and not cancelled."""
        return self in self._alive and _sampling.sampling_state().is_sampling

    def query(self, re_filter: str = ".*", max_records: int | None = 10) -> tuple[list[ProfileRecord], int]:
        """As `CountingRecorder.query`."""
        return self.sampler.query(re_filter, max_records)

    def show(self, re_filter: str = ".*", max_records: int | None = 10) -> str:
        """As `CountingRecorder.show`."""
        return self.sampler.show(re_filter, max_records)

    def cancel(self) -> None:
        """Ends it for good, also while it is paused. What was seen can still be asked for."""
        with self._lock:
            if self in self._alive:
                self._alive.remove(self)
                self._sample()
                if not self._alive:
                    self._undo.pop()()

    def join(self, timeout: float | None = None) -> None:
        """There is nothing to wait for: `cancel` has ended it."""


# `from tachograph.ox_profile import sampling, recording` finds what it found in ox_profile.core.
launchers = sampling = recording = sys.modules[__name__]


def _renew_locks() -> None:
    """In a forked child: who held a lock is not in it."""
    SimpleLauncher._lock = threading.RLock()
    for recorder in CountingRecorder._living:
        recorder._lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_locks)
