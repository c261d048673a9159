"""Edit this file while it runs, and save it: the next call runs what you wrote. Now and then it divides by zero.

    tachograph run examples/edited.py        # Ctrl-C ends it; its report shows each edit as an event
    tachograph exceptions                    # how often it failed, and with which arguments

Try another operator, a syntax error, a new value of WORK.
"""

import itertools
import time

import tachograph

WORK = 0.1  # seconds


@tachograph.super_decorator
def example_function(x: float, y: float) -> float:
    """An example function that may be changed while the program runs."""
    result = x / y
    time.sleep(WORK)
    return result


if __name__ == "__main__":
    try:
        for number in itertools.count():
            print(f"Result: {example_function(10, number % 5)}", flush=True)
    except KeyboardInterrupt:
        pass
