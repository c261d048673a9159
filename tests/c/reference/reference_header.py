"""What the generators of reference headers share: printing one, and checking the one that is checked in."""

import argparse
import math
import re
import sys
from collections.abc import Iterable
from pathlib import Path

NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")


def agree(one: str, other: str) -> bool:
    """Whether two headers say the same, but for the last digits of their numbers."""
    if NUMBER.sub("", one) != NUMBER.sub("", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-300) for a, b in pairs)


def main(description: str | None, header: Path, lines: Iterable[str]) -> int:
    """Print the header, or check it."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the checked-in header")
    text = "\n".join(lines) + "\n"
    if not parser.parse_args().check:
        sys.stdout.write(text)
        return 0
    if agree(text, header.read_text()):
        return 0
    print(f"{header.name} is not what its generator prints: make it anew", file=sys.stderr)
    return 1
