"""Programs nobody here wrote, from pyperformance, with all their functions timed: how much slower they are."""

import importlib.util
import sys
from pathlib import Path
from statistics import median
from types import ModuleType

import pyperformance
import tachograph
from harness.claim import report, rounds
from harness.rounds import Contender, measure, middle_half, pin

BENCHMARKS = Path(pyperformance.__file__).parent / "data-files" / "benchmarks"


def load(name: str, copy: str) -> ModuleType:
    """A copy of a benchmark's module, of its own."""
    path = BENCHMARKS / f"bm_{name}" / "run_benchmark.py"
    spec = importlib.util.spec_from_file_location(f"{name}_{copy}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def contenders(name: str) -> tuple[dict[str, Contender], ModuleType]:
    modules = {copy: load(name, copy) for copy in ("plain", "timed")}
    tachograph.instrument(modules["timed"])
    if name == "richards":
        runs = {copy: module.Richards() for copy, module in modules.items()}
        return {copy: Contender(lambda run=run: run.run(1), 1) for copy, run in runs.items()}, modules["timed"]
    return {copy: Contender(lambda m=m: m.delta_blue(100), 1) for copy, m in modules.items()}, modules["timed"]


def main() -> None:
    pin()
    for name in ("richards", "deltablue"):
        pair, module = contenders(name)
        samples = measure(pair, rounds(8))
        ratios = [timed / plain for timed, plain in zip(samples["timed"], samples["plain"], strict=True)]
        low, high = middle_half(ratios)
        known = tachograph.statistics(module.__name__)
        calls = sum(function.call_count for function in known.values()) / (2 * len(ratios))
        extra_ns = (median(samples["timed"]) - median(samples["plain"])) / calls
        plain_ms = median(samples["plain"]) / 1e6
        report(name, median(ratios), low=low, high=high, plain_ms=plain_ms, calls=calls, added_ns=extra_ns)


if __name__ == "__main__":
    main()
