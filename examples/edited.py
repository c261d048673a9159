"""Edit this file while it runs, and save it: the next call runs what you wrote.

    tachograph run examples/edited.py        # Ctrl-C ends it; its report shows each edit as an event

Try another operator, a division by zero, a syntax error, a new value of WORK.
"""

import time

import tachograph

WORK = 0.1  # seconds


@tachograph.hot_reload
@tachograph.timing
def example_function(x: float, y: float) -> float:
    """An example function that may be changed while the program runs."""
    result = x / y
    time.sleep(WORK)
    return result


if __name__ == "__main__":
    try:
        while True:
            print(f"Result: {example_function(10, 2)}", flush=True)
    except KeyboardInterrupt:
        pass
