"""Sampling: looks at the stacks of all threads, so many times a second, from a native thread that takes no lock of Python's.

What costs nothing when it is not used is here; what the answers look like is in `_samples`, imported when it is asked for.
"""

from __future__ import annotations

from tachograph import _forks, _native, _settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tachograph._samples import Samples, SamplingState


_HZ_MAX = 10_000  # as TG_SAMPLER_RATE_MAX_HZ
_MODES = ("wall", "cpu", "gil")  # as enum tg_sampler_mode


class _State:
    """Of the process."""

    ends_are_hooked = False
    obstacle: str | None = None  # why it cannot be sampled; "": it can; None: not looked at yet


def wanted(
    known: _settings.Known, hz: float | None, paused: bool | None, mode: str | None, signals: bool | None
) -> tuple[float, bool, str, bool]:
    """How to sample: what was given, else what is set; 0 times a second: not at all.

    Raises:
        ValueError: it is no rate, or there is no such mode.
        TypeError: it is no number, or no text.
    """
    if hz is not None and (isinstance(hz, bool) or not isinstance(hz, (int, float))):
        raise TypeError(f"sample_hz is a number, not {type(hz).__name__}")
    if hz is not None and not 0 <= hz <= _HZ_MAX:
        raise ValueError(f"sample_hz is a rate from 0 (no samples) to {_HZ_MAX} a second, not {hz:g}")
    if mode is not None and not isinstance(mode, str):
        raise TypeError(f"sample_mode is a str, not {type(mode).__name__}")
    way = known.text("TACHOGRAPH_SAMPLE_MODE") or "wall" if mode is None else mode
    if way not in _MODES:
        raise ValueError(f"sample_mode is wall, cpu or gil, not {way!r}")
    return (
        known.number("TACHOGRAPH_SAMPLE_HZ", 0.0) if hz is None else float(hz),
        _settings.is_yes(known.text("TACHOGRAPH_SAMPLE_PAUSED")) if paused is None else bool(paused),
        way,
        may_signal(known) if signals is None else bool(signals),
    )


def may_signal(known: _settings.Known) -> bool:
    """Whether threads may be sent signals, as it is set."""
    return _settings.is_yes(known.text("TACHOGRAPH_SAMPLE_SIGNALS") or "1")


def undo() -> Callable[[], object]:
    """What makes sampling again what it is now, after a start."""
    running, paused, hz, *_, mode, may_signal = _native.sampling_state()
    return (lambda: _native.start_sampling(hz, paused, mode, may_signal)) if running else _native.stop_sampling


def start_native(hz: float, paused: bool, mode: str, signals: bool) -> None:
    """Starts the thread, or has it go on in this way. Where the process cannot be sampled, says why, once."""
    if _State.obstacle is None:
        _State.obstacle = _obstacle()
        if _State.obstacle:
            _settings.warn(f"tachograph: nothing is sampled: {_State.obstacle}")
    if _State.obstacle:
        return
    if not _State.ends_are_hooked:
        _State.ends_are_hooked = True
        import atexit

        _forks.hook()
        atexit.register(_native.stop_sampling)  # the sampler reads what the interpreter is about to take down
    _native.start_sampling(hz, paused, mode, signals)


def obstacle() -> str:
    """Why this process cannot be sampled; empty: it can, or was not tried."""
    return _State.obstacle or ""


def _obstacle() -> str:
    """Compares what the sampler reads of this thread's own stack with what Python says, in stacks of several shapes."""
    answers = [_native.check_sampling()]
    answers += map(_check, [0])  # C in the middle of the stack
    answers += _checks()
    return next(filter(None, answers), "")


def _check(_: int) -> str:
    return _native.check_sampling()


def _checks() -> Generator[str, None, None]:
    yield _native.check_sampling()  # a frame that is no part of the stack's memory


def pause() -> None:
    """Pauses sampling. What was seen stays. Does nothing where nothing is sampled."""
    _native.pause_sampling(True)


def unpause() -> None:
    """Goes on sampling after `pause`, or after a start with ``sample_paused``."""
    _native.pause_sampling(False)


def query() -> Samples:
    """What sampling has seen so far: functions, the ones that were seen most often first.

    A sample is one look at one thread. A function counts once in it, however often it is on the stack.

    Returns:
        ``(functions, total_records)``: a list of `SampledFunction`, and the number of samples taken.
    """
    from tachograph import _samples

    return _samples.read()


def show(limit: int = 20) -> str:
    """What sampling has seen so far, as a table: ``print(tachograph.show())``.

    Args:
        limit: lines at most; functions that were seen less often are left out.
    """
    from tachograph import _samples

    return _samples.table(_samples.read(), limit, _samples.state())


def export_samples(format: str = "folded", *, by_thread: bool = False) -> str:
    """What sampling has seen so far, for other tools.

    Args:
        format: ``folded`` (a line for each stack: frames as ``name (file:line)``, and how often it was seen), ``speedscope``
            or ``flamegraph``, a page for the browser.
        by_thread: keeps threads apart.

    Raises:
        ValueError: there is no such format.
    """
    return _native.export_samples(format, by_thread)


def sampling_state() -> SamplingState:
    """Whether and how this process is sampled, and how good its samples are."""
    from tachograph import _samples

    return _samples.state()
