"""Bytes of the recording for each function in each thread, of a histogram, and what the process grows by."""

import os
import threading
from pathlib import Path

import tachograph
from harness.claim import report
from harness.recorded import used_bytes

FUNCTIONS = 4096


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    names: dict[str, object] = {"__name__": "many"}
    exec("\n".join(f"def function_{i}(): pass" for i in range(FUNCTIONS)), names)
    functions = [names[f"function_{i}"] for i in range(FUNCTIONS)]
    plain = resident_bytes()
    for function in functions:
        tachograph.timing(function)
    timed = resident_bytes()

    steps: dict[str, list[int]] = {"blocks": [], "histograms": [], "resident": []}

    def call_all() -> None:
        functions[0]()  # the thread's own entry
        resident, used = resident_bytes(), used_bytes()
        for function in functions[1:]:
            function()
        steps["blocks"].append(used_bytes() - used)
        steps["resident"].append(resident_bytes() - resident)
        used = used_bytes()
        for function in functions:
            function()
        steps["histograms"].append(used_bytes() - used)

    thread = threading.Thread(target=call_all)
    thread.start()
    thread.join()
    report(
        "memory",
        steps["blocks"][0] / (FUNCTIONS - 1),
        histogram_bytes=steps["histograms"][0] / FUNCTIONS,
        resident_bytes=steps["resident"][0] / (FUNCTIONS - 1),
        rewritten_bytes=(timed - plain) / FUNCTIONS,
    )


if __name__ == "__main__":
    main()
