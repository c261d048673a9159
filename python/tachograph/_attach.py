"""What ``tachograph attach`` has a process do that it was loaded into."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def start(options: dict[str, Any]) -> str:
    """Begins to sample and to time what is asked for; what cannot be done, in words, or nothing.

    Args:
        options: ``sample_hz``, and maybe ``time`` and ``exclude`` (patterns), ``store``, ``service``.
    """
    if "tachograph._absent" in sys.modules:
        return "its Python is none that tachograph can time or sample"
    from tachograph import _collect, _instrument, _native, _sampling, _settings

    known = _settings.Known()
    if _settings.disabled():
        return "TACHOGRAPH_DISABLE is set in it"
    if _native.is_collecting() and (options.get("store") or options.get("service")):
        return "it keeps a history already: leave --store and --service out"
    if _native.is_collecting():
        _sample(_sampling.wanted(known, options["sample_hz"], False, None, None))
    else:
        _collect.start(
            store=options.get("store"),
            service=options.get("service"),
            sample_hz=options["sample_hz"],
            sample_paused=False,
        )
    if options.get("time"):
        _instrument.instrument(options["time"], exclude=options.get("exclude", []))
    return _sampling.obstacle() if options["sample_hz"] else ""


def unmatched(options: dict[str, Any]) -> list[str]:
    """One message for each of these patterns that names nothing so far, with what it may have meant, or why.

    Args:
        options: as given to `start`, which has begun.
    """
    from tachograph import _unmatched

    patterns = options.get("time", [])
    if not patterns:
        return []
    messages = _unmatched.unmatched(dict.fromkeys(patterns, "--time"))
    named = [repr(pattern) for pattern in [*patterns, *options.get("exclude", [])]]
    return [message.removeprefix("tachograph: ") for message in messages if any(name in message for name in named)]


def _sample(wanted: tuple[float, bool, str, bool]) -> None:
    from tachograph import _sampling

    if wanted[0]:
        _sampling.start_native(*wanted)
