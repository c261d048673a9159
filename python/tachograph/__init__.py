"""Times the functions of a Python program, exactly, at a cost nobody notices.

    import tachograph

    @tachograph.timing
    def checkout(cart): ...

    tachograph.instrument("shop.*")          # or whole packages, loaded now or later
    tachograph.statistics()["shop.cart::Cart.add"].average_time

Figures live in a recording, a small mapped file that survives the process; ``tachograph report`` reads it, and
``tachograph run app.py`` does all of this from outside. `start` keeps a history of them, which
``tachograph.history`` asks. Times are seconds, floats, everywhere in this module.

In an interpreter that it cannot time (PyPy, a subinterpreter, a free-threaded build, CPython older than 3.11 or newer
than 3.14) all of it may be used, and does nothing.
"""

try:
    import tachograph._native  # noqa: F401  # the rest imports it again
except Exception as error:  # the program comes before its profiler
    from tachograph import _absent

    _absent.stand_in(error)

from tachograph._collect import flush, start, stop
from tachograph._exceptions import exception_logger
from tachograph._instrument import instrument, uninstrument
from tachograph._native import FunctionStatistics, drain, recording_path, span, statistics
from tachograph._sampling import export_samples, pause, query, sampling_state, show, unpause
from tachograph._super import super_decorator
from tachograph._timing import timing
from tachograph._upload import upload_function_statistics
from tachograph._version import __version__
from tachograph._watch import Watch, hot_reload, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tachograph import history as history
    from tachograph._serve import serve as serve

__all__ = [
    "FunctionStatistics",
    "Watch",
    "__version__",
    "drain",
    "exception_logger",
    "export_samples",
    "flush",
    "hot_reload",
    "instrument",
    "pause",
    "query",
    "recording_path",
    "sampling_state",
    "show",
    "span",
    "start",
    "statistics",
    "stop",
    "super_decorator",
    "timing",
    "uninstrument",
    "unpause",
    "upload_function_statistics",
    "watch",
]


def __getattr__(name: str) -> object:
    """Imports `tachograph.history` and `serve` when they are asked for: most programs only keep a history."""
    if name == "history":
        import importlib

        return importlib.import_module("tachograph.history")
    if name == "serve":
        import importlib

        return importlib.import_module("tachograph._serve").serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
