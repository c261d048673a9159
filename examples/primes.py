"""Counts primes, in processes. It knows nothing of tachograph: it is timed from outside.

tachograph run examples/primes.py 200000
"""

import sys
from concurrent.futures import ProcessPoolExecutor

STEP = 10_000


def is_prime(number: int) -> bool:
    """Whether no smaller number divides it."""
    if number < 4 or number % 2 == 0:
        return number in (2, 3)
    return all(number % divisor for divisor in range(3, int(number**0.5) + 1, 2))


def count_from(first: int, last: int) -> int:
    """Primes from `first` up to, but without, `last`."""
    return sum(map(is_prime, range(first, last)))


def main(limit: int) -> None:
    """Prints how many there are below a limit."""
    starts = range(0, limit, STEP)
    ends = [min(start + STEP, limit) for start in starts]
    with ProcessPoolExecutor(2) as processes:
        print(sum(processes.map(count_from, starts, ends)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
