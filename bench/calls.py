"""What timing adds to a call, in nanoseconds and as a multiple of the floor (c/straight_record.c), in one process."""

import ctypes
import os

import tachograph
from harness.claim import ROOT, report, rounds
from harness.rounds import Contender, added, measure, pin
from harness.workloads import contender

FLOOR_CALLS = 2000


def floor(clock: str) -> Contender:
    library = ctypes.CDLL(str(ROOT / "build" / "bench" / "straight_record.so"))
    if not library.tg_floor_init(clock.encode()):
        raise SystemExit(f"this machine has no clock {clock!r}")
    return Contender(lambda: library.tg_floor_calls(FLOOR_CALLS), FLOOR_CALLS)


def main() -> None:
    clock = os.environ.get("TACHOGRAPH_CLOCK", "auto")
    suffix = "" if clock == "auto" else f"_{clock}"
    pin()
    contenders = {"floor": floor(clock)}
    for name in ("empty", "fib", "generator"):
        contenders[f"{name} plain"] = contender(name)
        contenders[f"{name} timed"] = contender(name, tachograph.timing)
    samples = measure(contenders, rounds(80))
    floor_ns = sorted(samples["floor"])[len(samples["floor"]) // 2]
    report(f"floor_ns{suffix}", floor_ns)
    for name in ("empty", "fib", "generator"):
        cost = added(samples[f"{name} timed"], samples[f"{name} plain"])
        report(f"{name}_ns{suffix}", cost, floor_ns=floor_ns)
        if name != "generator":
            report(f"{name}_floors{suffix}", cost / floor_ns, added_ns=cost, floor_ns=floor_ns)


if __name__ == "__main__":
    main()
