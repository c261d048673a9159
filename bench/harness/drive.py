"""Runs the scripts of bench/ on each CPython found, prints one table, keeps the results."""

import argparse
import datetime as dt
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from find_pythons import SUPPORTED, find
from harness.bars import BARS, SCRIPTS, Bar, Script
from mariadb_server import MariaDBError, find_program

ROOT = Path(__file__).resolve().parent.parent.parent
BENCH = ROOT / "bench"
BUILD = ROOT / "build"
FLOOR_SOURCES = ("bench/c/straight_record.c", "src/measure/clock.c", "src/base/error.c", "src/base/utf8.c")

# By claim: the value of each launch, and the details of the last one.
Figures = dict[str, dict[str, Any]]


def say(text: str) -> None:
    """One line of progress, at once."""
    print(f"bench: {text}", flush=True)


def build_floor() -> None:
    """Compile the C floor as the package is compiled."""
    library = BUILD / "bench" / "straight_record.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-std=c11", "-D_GNU_SOURCE", "-DNDEBUG", "-O2", "-fPIC", "-shared", "-Wl,-z,defs", "-Isrc"]
    subprocess.run([os.environ.get("CC", "cc"), *flags, *FLOOR_SOURCES, "-o", library], cwd=ROOT, check=True)


def prepare(version: str, python: str) -> str:
    """An environment with the package and the peers; its interpreter."""
    venv = f"build/bench-{version}"
    for command in (["tools/make_venv", python, venv, "build", "bench"], ["tools/install_package", venv]):
        subprocess.run(command, cwd=ROOT, check=True)
    return str(ROOT / venv / "bin" / "python")


def build_libraries(version: str, python: str) -> None:
    """Compile what fills histories and what samples, beside the package of one version and with its options."""
    build = BUILD / f"package-bench-{version}"
    programs = os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", os.defpath)])
    for name in ("fill_history", "load_server", "sample_cost"):
        library = f"bench/c/lib{name}.so"
        command = ["ninja", "-C", str(build), "--quiet", library]
        subprocess.run(command, env={**os.environ, "PATH": programs}, check=True)
        shutil.copy(build / library, BUILD / "bench" / f"{name}.so")


def launch(python: str, script: Script, quick: bool, runtime: str) -> list[dict[str, Any]]:
    """Run a script once; the figures it reports."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TACHOGRAPH_", "PYTHON"))}
    environment |= {"TACHOGRAPH_RUNTIME_DIR": runtime, "TACHOGRAPH_BENCH_QUICK": str(int(quick))}
    if script.clock:
        environment["TACHOGRAPH_CLOCK"] = script.clock
    beside = [str(ROOT / "tools" / "mariadb"), "run"] if script.server else []
    command = [*beside, python, str(BENCH / f"{script.name}.py")]
    result = subprocess.run(command, cwd=runtime, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.stderr.write(result.stderr)
        say(f"{script.name}: FAILED")
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def run_scripts(pythons: dict[str, str], scripts: list[Script], quick: bool) -> dict[str, Figures]:
    """All figures by version. The versions take turns, so that a busy minute of the machine hits all of them."""
    figures: dict[str, Figures] = {version: {} for version in pythons}
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as runtime:
        for number, script in enumerate(scripts, 1):
            started = time.monotonic()
            for _ in range(1 if quick else script.launches):
                for version, python in list(pythons.items())[: 1 if script.once else None]:
                    for figure in launch(python, script, quick, runtime):
                        known = figures[version].setdefault(figure["claim"], {"values": []})
                        known["values"].append(figure["value"])
                        known["details"] = figure["details"]
            clock = f", {script.clock}" if script.clock else ""
            say(f"[{number}/{len(scripts)}] {script.name}{clock}: {time.monotonic() - started:.0f} s")
    return figures


def without_server(script: Script) -> bool:
    """Whether a script must be left out, because there is no server to start; says so."""
    try:
        if script.server:
            find_program("mariadbd")
    except MariaDBError as reason:
        say(f"{script.name}: left out: {reason}")
        return True
    return False


def verdict(bar: Bar, figure: dict[str, Any]) -> str:
    """What the table says of a figure."""
    value = median(figure["values"])
    if bar.noise:
        noise = max(0.5, abs(figure["details"][bar.noise]))
        return "ok" if abs(value) <= noise else "MISSED"
    if bar.bar is None:
        return ""
    if bar.met(value, bar.stretch):
        return "stretch"
    return "ok" if bar.met(value, bar.bar) else "MISSED"


def limit(bar: Bar, value: float | None) -> str:
    """A bar as the table shows it."""
    return "" if value is None else f"{'≥' if bar.larger_is_better else '≤'} {value:g} {bar.unit}"


def print_table(figures: dict[str, Figures]) -> None:
    """One row for each claim, one column for each version."""
    columns = "".join(f"  {version:>18}" for version in figures)
    print(f"\n{'':<54}{'bar':>10}{'stretch':>10}{columns}")
    notes: list[str] = []
    for bar in BARS:
        if not any(bar.claim in known for known in figures.values()):
            continue
        row = f"{bar.text:<54}{limit(bar, bar.bar):>10}{limit(bar, bar.stretch):>10}"
        for known in figures.values():
            cell = ""
            if bar.claim in known:
                value = median(known[bar.claim]["values"])
                cell = f"{value:9.2f} {bar.unit:<2} {verdict(bar, known[bar.claim]):<7}"
            row += f"{cell:>20}"
        print(row)
        if bar.note and "MISSED" in row:
            notes.append(f"{bar.text}: {bar.note}")
    print("".join(f"\n{note}" for note in notes))
    print("\nFigures are medians of several processes; the results file has each of them.", flush=True)


def processor() -> str:
    """The processor's name, as the kernel knows it."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def compiler() -> str:
    """The first line of what the compiler says of itself."""
    answer = subprocess.run([os.environ.get("CC", "cc"), "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split("\n")[0]


def versions_of(python: str) -> dict[str, str]:
    """The interpreter's version and those of the peers."""
    code = (
        "import json, platform, sqlite3; from importlib.metadata import version; "
        "names = ['tachograph', 'yappi', 'viztracer', 'pyperformance', 'mysql-connector-python', 'py-spy', "
        "'pyinstrument', 'scalene', 'ox-profile']; "
        "found = {'python': platform.python_version(), 'sqlite': sqlite3.sqlite_version}; "
        "print(json.dumps(found | {name: version(name) for name in names}))"
    )
    answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    known: dict[str, str] = json.loads(answer.stdout)
    return known


def keep(figures: dict[str, Figures], pythons: dict[str, str], selected: list[str]) -> Path:
    """Write the results file, one of its own for a selection. It names no host and no path."""
    cores = len(os.sched_getaffinity(0))
    machine = {
        "processor": processor(),
        "cores": cores,
        "system": f"{platform.system()} {platform.release()}",
        "load": [round(load, 1) for load in os.getloadavg()],
        "compiler": compiler(),
    }
    today = dt.datetime.now(dt.UTC).date().isoformat()
    slug = re.sub(r"[^a-z0-9]+", "-", f"{processor()} {cores} cores {' '.join(selected)}".lower()).strip("-")
    path = BENCH / "results" / f"{today}-{slug}.json"
    path.parent.mkdir(exist_ok=True)
    results = {
        "date": today,
        "machine": machine,
        "versions": {version: versions_of(python) for version, python in pythons.items()},
        "figures": figures,
    }
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return path


def main() -> int:
    """Measure what is asked for, or everything. Exit code 1 when a bar is missed."""
    names = list(dict.fromkeys(script.name for script in SCRIPTS))
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures every claim against its bar.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, one process each; keeps no results")
    parser.add_argument("--keep", action="store_true", help="keep the results of a selection, too")
    parser.add_argument("what", nargs="*", choices=[*SUPPORTED, *names, []], help="versions and scripts; default: all")
    arguments = parser.parse_args()
    selected = set(arguments.what)
    found = find()
    wanted = {version: path for version, path in found.items() if not selected & set(SUPPORTED) or version in selected}
    scripts = [script for script in SCRIPTS if not selected & set(names) or script.name in selected]
    scripts = [script for script in scripts if not without_server(script)]
    for version in sorted(set(SUPPORTED) - set(found)):
        say(f"CPython {version} was not found: put it on PATH or name its directory in PYTHON_DIRS")
    build_floor()
    pythons = {version: prepare(version, path) for version, path in wanted.items()}
    build_libraries(*next(iter(pythons.items())))
    figures = run_scripts(pythons, scripts, arguments.quick)
    print_table(figures)
    if not arguments.quick and (arguments.keep or not selected):
        say(f"kept in {keep(figures, pythons, arguments.what).relative_to(ROOT)}")
    missed = any(
        verdict(bar, known[bar.claim]) == "MISSED" for bar in BARS for known in figures.values() if bar.claim in known
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
