"""Runs a program with ox_profile's thread beside it, which asks `sys._current_frames`, and prints the hits by function."""

import json
import runpy
import sys
from pathlib import Path

from ox_profile.core.launchers import SimpleLauncher


def main() -> None:
    """The program is the first argument; the rest are its own."""
    sys.argv.pop(0)
    sys.path[0] = str(Path(sys.argv[0]).parent)
    launcher = SimpleLauncher.launch()
    runpy.run_path(sys.argv[0], run_name="__main__")
    launcher.pause()
    found, _ = launcher.query(max_records=1000)
    print(json.dumps({"hits": {item.name: item.hits for item in found}}))
    launcher.cancel()


if __name__ == "__main__":
    main()
