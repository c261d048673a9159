"""richards or deltablue, as shipped in the package pyperformance, once: benchmark.py richards|deltablue."""

import importlib.util
import sys
from pathlib import Path

import pyperformance


def load(name):
    path = Path(pyperformance.__file__).parent / "data-files" / "benchmarks" / f"bm_{name}" / "run_benchmark.py"
    specification = importlib.util.spec_from_file_location(f"bm_{name}", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def main(name):
    module = load(name)
    if name == "richards":
        print("richards", module.Richards().run(iterations=2))
    else:
        module.delta_blue(60)
        print("deltablue", module.planner.__class__.__name__, module.Strength.REQUIRED.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
