"""What `import tachograph` takes in a fresh interpreter, and what the .pth file takes in one that does not use it."""

import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from statistics import median

from harness.claim import report, rounds

PTH = Path(sysconfig.get_path("purelib")) / "tachograph.pth"
TIME_PTH = """
import time
lines = {!r}
started = time.perf_counter_ns()
for line in lines:
    exec(line)
print(time.perf_counter_ns() - started)
"""


def wall_ms(code: str) -> float:
    started = time.perf_counter_ns()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter_ns() - started) / 1e6


def import_time_ms() -> float:
    """What the interpreter says itself, of the import and all it takes along."""
    command = [sys.executable, "-X", "importtime", "-c", "import tachograph"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()
    return int(lines[-1].split("|")[1]) / 1e3


def pth_ms() -> float:
    code = TIME_PTH.format(PTH.read_text().splitlines())
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout) / 1e6


def main() -> None:
    differences = []
    for _ in range(rounds(20)):
        nothing = wall_ms("pass")
        differences.append(wall_ms("import tachograph") - nothing)
    report("import", median(differences), importtime_ms=median(import_time_ms() for _ in range(rounds(10))))
    if PTH.exists():
        report("pth", median(pth_ms() for _ in range(rounds(10))))


if __name__ == "__main__":
    main()
