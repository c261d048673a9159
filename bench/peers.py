"""cProfile, yappi (wall clock) and viztracer against ours: time added to a call, rounds interleaved in one process."""

import cProfile
from collections.abc import Iterator
from contextlib import contextmanager

import tachograph
import yappi
from harness.claim import report, rounds
from harness.rounds import added, measure, pin
from harness.workloads import contender
from viztracer import VizTracer

PROFILE = cProfile.Profile()
TRACER = VizTracer(tracer_entries=100_000, verbose=0)


@contextmanager
def with_cprofile() -> Iterator[None]:
    PROFILE.enable()
    yield
    PROFILE.disable()


@contextmanager
def with_yappi() -> Iterator[None]:
    yappi.start()
    yield
    yappi.stop()


@contextmanager
def with_viztracer() -> Iterator[None]:
    TRACER.start()
    yield
    TRACER.stop()
    TRACER.clear()


def main() -> None:
    pin()
    yappi.set_clock_type("wall")
    for name in ("empty", "fib"):
        contenders = {"plain": contender(name), "timed": contender(name, tachograph.timing)}
        for peer, around in (("cprofile", with_cprofile), ("yappi", with_yappi), ("viztracer", with_viztracer)):
            contenders[peer] = contender(name)
            contenders[peer].around = around
        samples = measure(contenders, rounds(40))
        ours = added(samples["timed"], samples["plain"])
        for peer in ("cprofile", "yappi", "viztracer"):
            theirs = added(samples[peer], samples["plain"])
            report(f"{peer}_{name}", theirs / ours, peer_ns=theirs, ours_ns=ours)


if __name__ == "__main__":
    main()
