"""Finds files of equal content below a directory. Its functions are timed one by one, by a decorator.

python examples/duplicates.py DIRECTORY
"""

import hashlib
import sys
from collections import defaultdict
from pathlib import Path

import tachograph


@tachograph.timing
def files_by_size(directory: Path) -> dict[int, list[Path]]:
    """All files, without following links. Only those of one size can be equal."""
    found = defaultdict(list)
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found[path.stat().st_size].append(path)
    return found


@tachograph.timing
def digest(path: Path) -> bytes:
    """What stands for the content of a file."""
    return hashlib.sha256(path.read_bytes()).digest()


@tachograph.timing
def duplicates(directory: Path) -> list[list[Path]]:
    """Groups of equal files."""
    found = defaultdict(list)
    for size, paths in files_by_size(directory).items():
        if len(paths) > 1:
            with tachograph.span("comparing"):
                for path in paths:
                    found[size, digest(path)].append(path)
    return [sorted(group) for group in found.values() if len(group) > 1]


def main() -> None:
    """Prints the groups, and where the time went."""
    if len(sys.argv) != 2:
        sys.exit("usage: duplicates.py DIRECTORY")
    for group in sorted(duplicates(Path(sys.argv[1]))):
        print("equal:", *group)
    for name, timed in tachograph.statistics().items():
        print(f"{name}: {timed.call_count} calls, {timed.total_time:.6f} s, on average {timed.average_time:.6f} s")


if __name__ == "__main__":
    main()
