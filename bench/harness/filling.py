"""Histories to measure with: c/fill_history.c, which stores batches such as a collector makes."""

import ctypes

from harness.claim import ROOT

DIRECTORY = ROOT / "build" / "bench"  # on a disk: in memory a commit costs nothing
FUNCTIONS = 1000


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(DIRECTORY / "fill_history.so"))
    library.tg_fill_open.restype = ctypes.c_void_p
    library.tg_fill_name.restype = ctypes.c_char_p
    library.tg_fill_add.restype = ctypes.c_int64
    library.tg_fill_cpu_ns.restype = ctypes.c_int64
    library.tg_fill_histogram_bytes.restype = ctypes.c_double
    return library


class Filling:
    """A new history, which batches of FUNCTIONS functions are stored in."""

    def __init__(self, url: str) -> None:
        """Opens the store, making it where it is missing."""
        self._library = _library()
        self._fill = ctypes.c_void_p(self._library.tg_fill_open(url.encode(), FUNCTIONS))
        if not self._fill:
            raise SystemExit("the history could not be opened")

    def close(self) -> None:
        """Closes the store."""
        self._library.tg_fill_close(self._fill)

    def names(self) -> list[str]:
        """Those of the functions."""
        return [self._library.tg_fill_name(self._fill, number).decode() for number in range(FUNCTIONS)]

    def histogram_bytes(self) -> float:
        """How long histograms are, on average, in the batch stored last."""
        return float(self._library.tg_fill_histogram_bytes(self._fill))

    def add(self, batches: int) -> float:
        """Stores batches, a transaction each; the seconds it took, making them not included."""
        taken = self._library.tg_fill_add(self._fill, batches)
        if taken < 0:
            raise SystemExit("a batch could not be stored")
        return float(taken) / 1e9

    def cpu_seconds(self) -> float:
        """Processor time of this process in what add() did last."""
        return float(self._library.tg_fill_cpu_ns(self._fill)) / 1e9
