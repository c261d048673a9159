"""What samplers say of programs whose stacks and shares are known (tests/targets): impossible stacks, lost samples, shares.

The first two programs do nothing but call, from Python and out of C. The third spends 50, 30 and 20 % of its time in
three functions, and measures by its thread's clock what it really was.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.claim import QUICK, report
from harness.sampling import TARGETS, record, running, spy

sys.path.insert(0, str(TARGETS))
import truth

SAMPLES = 10_000 if QUICK else 100_000
SECONDS = 4 if QUICK else 20
SPLIT = TARGETS / "split.py"
BUILT = {"half": 50.0, "third": 30.0, "fifth": 20.0}

Outcome = tuple[list[str], dict[str, Any]]  # folded stacks, and what the program has said of itself


def impossible(program: Path, lines: list[str]) -> float:
    """Percent of the samples."""
    verdict = truth.judge(program, truth.parse(lines))
    if verdict.impossible:
        print(verdict.examples[0], file=sys.stderr)
    return 100 * verdict.impossible / max(1, verdict.samples)


def calls_from_outside(name: str, claim: str) -> None:
    """Samples a program of calls until there are enough, however long a busy machine takes for it."""
    program = TARGETS / f"{name}.py"
    lines: list[str] = []
    taken = lost = 0
    with running(program, "--seconds", "1e9") as process:
        while taken < SAMPLES:
            more, now_taken, now_lost = record(process.pid, 2000, SECONDS)
            lines, taken, lost = lines + more, taken + now_taken, lost + now_lost
        report(f"{claim}_outside", impossible(program, lines), samples=taken)
        report(f"{claim}_lost_outside", 100 * lost / (taken + lost), samples=taken)
        for kind, options in (("blocking", []), ("nonblocking", ["--nonblocking"])):
            report(f"{claim}_spy_{kind}", impossible(program, spy(process.pid, 500, SECONDS, *options)[0]))


def inside(program: Path, hz: int, seconds: int, mode: str = "wall") -> tuple[Outcome, dict[str, Any]]:
    """A program that is sampled from inside; also how well it went."""
    with tempfile.NamedTemporaryFile("r") as stacks:
        words = [
            TARGETS / "inside.py",
            stacks.name,
            "--hz",
            str(hz),
            "--mode",
            mode,
            program,
            "--seconds",
            str(seconds),
        ]
        said, state = map(json.loads, run(*map(str, words))[1:])
        return (stacks.read().splitlines(), said), state


def run(*words: str) -> list[str]:
    """The lines that a Python program prints."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def calls_from_inside(name: str, claim: str) -> None:
    """Samples a program of calls from inside until there are enough."""
    program = TARGETS / f"{name}.py"
    lines: list[str] = []
    taken = lost = 0
    while taken < SAMPLES:
        (more, _), state = inside(program, 2000, SECONDS)
        lines, taken, lost = lines + more, taken + state["taken"], lost + state["torn"]
    report(f"{claim}_inside", impossible(program, lines), samples=taken)
    report(f"{claim}_lost_inside", 100 * lost / (taken + lost), samples=taken)


# --- Shares ---


def split_recorded() -> Outcome:
    """By `tachograph record`: time on a processor, as the program measures itself; a busy machine displaces it for long."""
    return beside(lambda pid: record(pid, 1000, SECONDS, "--cpu")[0])


def split_spied(*options: str) -> Outcome:
    """By py-spy."""
    return beside(lambda pid: spy(pid, 1000, SECONDS, *options)[0])


def beside(sample: Callable[[int], list[str]]) -> Outcome:
    """By a program that is told the process."""
    with running(SPLIT, "--seconds", str(SECONDS + 3)) as process:
        lines = sample(process.pid)
        assert process.stdout
        return lines, said_of(process.stdout.read().splitlines())


def split_inside() -> Outcome:
    """By tachograph, in the process."""
    return inside(SPLIT, 1000, SECONDS, "cpu")[0]


def said_of(lines: list[str]) -> dict[str, Any]:
    """What the program said, among what else was printed. Where the sampler has disturbed its clock: as it was built."""
    said: dict[str, Any] = next(json.loads(line) for line in lines if line.startswith('{"shares"'))
    is_disturbed = any(abs(said["shares"][name] - share) > 3 for name, share in BUILT.items())
    return {"shares": BUILT} if is_disturbed else said


def split_pyinstrument() -> Outcome:
    """By pyinstrument, which is told when the time is over by the interpreter itself."""
    with tempfile.NamedTemporaryFile("r") as file:
        words = ["-m", "pyinstrument", "-i", "0.001", "-r", "json", "-o", file.name, SPLIT, "--seconds", str(SECONDS)]
        said = said_of(run(*map(str, words)))
        return list(stacks_of(json.load(file)["root_frame"], ())), said


def stacks_of(frame: dict[str, Any], outside: tuple[str, ...]) -> Iterator[str]:
    """Folded stacks, in microseconds, out of pyinstrument's tree."""
    here = (*outside, f"{frame['file_path_short']}:{frame['function']}:{frame['line_no'] or 0}")
    children = frame["children"]
    own = frame["time"] - sum(child["time"] for child in children)
    if own > 0:
        yield f"{';'.join(here)} {round(1e6 * own)}"
    for child in children:
        yield from stacks_of(child, here)


def split_ox_profile() -> Outcome:
    """By a thread that asks `sys._current_frames`."""
    lines = run(str(Path(__file__).parent / "harness" / "under_ox_profile.py"), str(SPLIT), "--seconds", str(SECONDS))
    hits = json.loads(lines[-1])["hits"]
    names = {name: found for name in ("half", "third", "fifth") for found in hits if re.search(rf"\b{name}\b", found)}
    return [f"split.py:{name}:{1} {hits[found]}" for name, found in names.items()], said_of(lines)


def split_scalene() -> Outcome:
    """By scalene, which says how much processor time was in each line."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "profile.json"
        words = ["-m", "scalene", "run", "--cpu-only", "-o", path, SPLIT, "---", "--seconds", str(SECONDS)]
        said = said_of(run(*map(str, words)))
        files = json.loads(path.read_text())["files"]
    lines = next(content["lines"] for name, content in files.items() if name.endswith("split.py"))
    functions = truth.Program(SPLIT).functions
    stacks = []
    for name in ("half", "third", "fifth"):
        places = range(functions[name].first_line, functions[name].last_line + 1)
        percent = sum(
            line["n_cpu_percent_python"] + line["n_cpu_percent_c"] for line in lines if line["lineno"] in places
        )
        stacks.append(f"split.py:{name}:{places[0]} {round(1000 * percent)}")
    return stacks, said


SPLITS: dict[str, Callable[[], Outcome]] = {
    "outside": split_recorded,
    "inside": split_inside,
    "spy_blocking": split_spied,
    "spy_nonblocking": lambda: split_spied("--nonblocking"),
    "pyinstrument": split_pyinstrument,
    "ox_profile": split_ox_profile,
    "scalene": split_scalene,
}


def main() -> None:
    for name, claim in (("call_dense", "calls"), ("call_dense_from_c", "callbacks")):
        calls_from_outside(name, claim)
        calls_from_inside(name, claim)
    for who, measure in SPLITS.items():
        lines, said = measure()
        verdict = truth.judge(SPLIT, truth.parse(lines), said)
        report(f"split_{who}", verdict.worst, **verdict.off_by)


if __name__ == "__main__":
    main()
