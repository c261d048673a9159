"""Calls a function again and again while its file is edited; each line on stdin is one more call."""

import logging
import sys

import tachograph

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
state = []


@tachograph.hot_reload
@tachograph.timing
def example_function(x, y):
    return x / y


if __name__ == "__main__":
    print("ready", flush=True)
    for _line in sys.stdin:
        state.append(1)
        print(len(state), example_function(10, 2), flush=True)
