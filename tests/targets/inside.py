"""Runs a program of this folder while tachograph samples it from inside, and writes what was seen.

    python tests/targets/inside.py STACKS [--hz 1000] [--timed] tests/targets/split.py --seconds 5

writes folded stacks to the file ``STACKS``. The program prints what it says, then a line of JSON is printed about the
sampler.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import tachograph


def _run(program: Path) -> None:
    """Runs it as a module that is imported, so that its functions can be timed, and calls its work."""
    from target import run

    specification = importlib.util.spec_from_file_location("target_program", program)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    run(module.work)


def main() -> None:
    """Samples the program that is named."""
    parser = argparse.ArgumentParser(description="Sample a program from inside.")
    parser.add_argument("stacks", type=Path)
    parser.add_argument("--hz", type=float, default=1000)
    parser.add_argument("--mode", default="wall", choices=["wall", "cpu", "gil"])
    parser.add_argument("--timed", action="store_true", help="time the program's functions, too")
    parser.add_argument("program", type=Path)
    options, sys.argv[1:] = parser.parse_known_args()
    sys.argv[0] = str(options.program)
    sys.path[0] = str(options.program.parent)
    tachograph.start(store="none", sample_hz=options.hz, sample_mode=options.mode, sample_paused=True)
    if options.timed:
        tachograph.instrument(["target_program"])
    tachograph.unpause()
    try:
        _run(options.program)
    finally:
        tachograph.pause()
        options.stacks.write_text(tachograph.export_samples("folded", by_thread=True), encoding="utf-8")
        print(json.dumps(tachograph.sampling_state()._asdict()))


if __name__ == "__main__":
    main()
