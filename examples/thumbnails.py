"""Halves pictures again and again, in threads. Its functions are timed by pattern, and their history is kept.

python examples/thumbnails.py HISTORY.db [PICTURES]
"""

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import tachograph
from tachograph import history

Picture = list[bytes]  # rows of grey


def draw(number: int, size: int = 128) -> Picture:
    """A picture of noise, always the same for a number."""
    noise = random.Random(number)
    return [noise.randbytes(size) for _ in range(size)]


def halve(picture: Picture) -> Picture:
    """Each pixel is the middle of four."""
    pairs = zip(picture[::2], picture[1::2], strict=True)
    return [bytes((a + b + c + d) // 4 for a, b, c, d in quads(upper, lower)) for upper, lower in pairs]


def quads(upper: bytes, lower: bytes) -> "zip[tuple[int, int, int, int]]":
    """The pixels of two rows, four at a time."""
    return zip(upper[::2], upper[1::2], lower[::2], lower[1::2], strict=True)


def thumbnail(number: int) -> Picture:
    """The picture of that number in 16 by 16."""
    picture = draw(number)
    while len(picture) > 16:
        picture = halve(picture)
    return picture


def main(store: str, pictures: int) -> None:
    """Makes the thumbnails, and asks the history which functions cost most."""
    tachograph.start(service="thumbnails", version="1.0", store=store, interval=1, instrument=["__main__"])
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(thumbnail, range(pictures)))
    print(f"{len(made)} thumbnails")
    if not tachograph.flush():  # by itself it is stored every interval, and at the end
        sys.exit("the history is not complete yet")
    with history.open(store) as kept:
        for ranked in kept.rank(by="total"):
            print(f"{ranked.function.name}: {ranked.function.call_count} calls, {ranked.value:.3f} s")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: thumbnails.py HISTORY.db [PICTURES]")
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 20)
