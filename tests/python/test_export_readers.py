"""The golden files of tests/c/test_export.c, read as their readers do: what a stack is, and what it weighs."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
MS = 1_000_000


def folded(name: str) -> Counter[tuple[str, ...]]:
    """Stacks as flamegraph.pl reads them: the last blank separates the number."""
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in (GOLDEN / name).read_text().splitlines():
        stack, _, value = line.rpartition(" ")
        stacks[tuple(stack.split(";"))] += int(value)
    return stacks


def speedscope(name: str) -> list[dict[str, Any]]:
    """Profiles with their frames' numbers resolved, as the schema of speedscope demands them."""
    content = json.loads((GOLDEN / name).read_text())
    assert content["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = content["shared"]["frames"]
    assert all(isinstance(frame["name"], str) and frame.get("line", 1) > 0 for frame in frames)
    for profile in content["profiles"]:
        assert profile["type"] == "sampled"
        assert profile["unit"] == "nanoseconds"
        assert len(profile["samples"]) == len(profile["weights"])
        assert profile["endValue"] - profile["startValue"] == sum(profile["weights"])
        profile["samples"] = [tuple(frames[number]["name"] for number in sample) for sample in profile["samples"]]
    assert 0 <= content["activeProfileIndex"] < len(content["profiles"])
    return list(content["profiles"])


def test_folded_stacks_hold_all_samples_and_no_name_breaks_a_line() -> None:
    """100 samples of 10 ms, and the 5 us of a stack that was lost."""
    stacks = folded("wall.folded")
    assert sum(stacks.values()) == 1_000_005
    assert len(stacks) == 6
    assert {stack[0] for stack in stacks} == {
        "<module> (/home/ann/shop.py:100)",
        '</script>:"café"  ',
        "(no Python function)",
        "(stacks there was no space for)",
    }


def test_folded_stacks_of_threads_begin_with_them() -> None:
    """Processes first, since there are two."""
    stacks = folded("cpu_by_thread.folded")
    assert {stack[:2] for stack in stacks} == {
        ("process 4711", "MainThread (4711)"),
        ("process 4711", "worker (4712)"),
        ("process 4800", "thread 4713"),
    }
    assert sum(stacks.values()) == 400_005


@pytest.mark.parametrize(
    ("name", "totals"),
    [
        ("wall.speedscope.json", {"all threads": 1000 * MS + 5000}),
        (
            "gil_by_thread.speedscope.json",
            {
                "process 4711, MainThread (4711)": 97 * MS,
                "process 4711, worker (4712)": 0,
                "process 4800, thread 4713": 0,
            },
        ),
    ],
)
def test_speedscope_profiles(name: str, totals: dict[str, int]) -> None:
    """Each group is a profile of its own, and recursion is in the stacks."""
    profiles = speedscope(name)
    assert {profile["name"]: profile["endValue"] for profile in profiles} == totals
    assert ("<module>", "main", "main", "price") in profiles[0]["samples"]


def test_the_page_s_data_hangs_together() -> None:
    """Parents come before their children, frames exist, and the weights are those of the samples."""
    data = json.loads((GOLDEN / "cpu_by_thread.flamegraph.json").read_text())
    for place, (parent, frame) in enumerate(data["nodes"]):
        assert parent < place or place == 0
        assert frame < len(data["frames"])
    assert sum(weight[1] for weight in data["weights"]) == data["taken"] + 1  # the lost one is shown, too
    assert sum(weight[2] for weight in data["weights"]) == 1000 * MS + 5000
    names = [data["frames"][frame][0] for _, frame in data["nodes"]]
    assert names.count("process 4711") == 1
    assert '</script>;"café"\n\N{REPLACEMENT CHARACTER}' in names
