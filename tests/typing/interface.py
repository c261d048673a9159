"""The types of what tachograph gives and takes. Checked by mypy and pyright, never run; see decorated.py."""

from __future__ import annotations

import datetime
import json
import sqlite3
from pathlib import Path
from typing import assert_type

import tachograph
from tachograph import history

assert_type(tachograph.instrument("shop.*"), int)
tachograph.instrument(["shop.*", "cart"], exclude="shop.tests.*")
tachograph.instrument(json, exclude=["json.tool"])
tachograph.instrument(Path)
tachograph.instrument(globals())
tachograph.instrument(json.dumps)
tachograph.instrument(3)  # type: ignore[arg-type]
tachograph.instrument("shop", "cart")  # type: ignore[call-arg]
assert_type(tachograph.uninstrument(), int)

with tachograph.span("start-up") as span:
    assert_type(span, tachograph.span)
tachograph.span(3)  # type: ignore[arg-type]


def spanned() -> int:
    with tachograph.span("swallows nothing"):
        return 1  # else: a path without a return value


assert_type(tachograph.statistics(), dict[str, tachograph.FunctionStatistics])
assert_type(tachograph.statistics("shop.*", by_thread=True), dict[int, dict[str, tachograph.FunctionStatistics]])
assert_type(tachograph.drain(), dict[str, tachograph.FunctionStatistics])
assert_type(tachograph.recording_path(), str | None)
known = tachograph.statistics()["shop::sell"]
assert_type(known.call_count, int)
assert_type(known.average_time, float)
assert_type(known.percentile(99), float)
known.call_count = 3  # type: ignore[misc]
assert_type(tachograph.timing.data["shop::sell"]["time"], float)
assert_type(tachograph.timing.data["shop::sell"]["count"], int)

tachograph.start(service="shop", version="1", store=Path("shop.db"), interval=1, instrument=["shop.*"])
tachograph.start("shop")  # type: ignore[call-arg]
tachograph.start(interval="10")  # type: ignore[arg-type]
tachograph.start(sample_hz=100, sample_paused=True, sample_mode="cpu", sample_signals=False)
tachograph.start(sample_hz="fast")  # type: ignore[arg-type]
tachograph.start(sample_mode=1)  # type: ignore[arg-type]
assert_type(tachograph.pause(), None)
assert_type(tachograph.unpause(), None)
with tachograph.watch(["src", Path("lib")]) as watching:
    assert_type(watching, tachograph.Watch)
assert_type(tachograph.watch("src").stop(), None)
tachograph.watch(3)  # type: ignore[arg-type]
functions, total_records = tachograph.query()
assert_type(total_records, int)
assert_type(functions[0].name, str)
assert_type(functions[0].hits, int)
assert_type(functions[0].gil_time, float)
assert_type(tachograph.show(limit=3), str)
assert_type(tachograph.export_samples("speedscope", by_thread=True), str)
assert_type(tachograph.sampling_state().mode, str)
assert_type(tachograph.sampling_state().may_signal, bool)
tachograph.sampling_state().hz = 3  # type: ignore[misc]
assert_type(tachograph.flush(), bool)
assert_type(tachograph.stop(timeout=0.5), bool)

connection = sqlite3.connect(":memory:")
tachograph.upload_function_statistics(1, connection, connection.cursor())
tachograph.upload_function_statistics("1", connection, connection.cursor())  # type: ignore[arg-type]

with history.open() as past:
    assert_type(past, history.History)
    for ranked in past.rank(by="average", n=3, since=datetime.datetime.now(datetime.UTC)):
        assert_type(ranked.value, float)
        assert_type(ranked.function.name, str)
        assert_type(ranked.function.call_count, int)
    past.rank(by="loudness")  # type: ignore[arg-type]
    trend = past.trend("shop.cart::Cart.add", since="-1h")
    assert_type(trend.slope_per_hour, float)
    past.trend(1)  # type: ignore[arg-type]
    changes = past.diff(history.Part(version="1"), history.Part(version="2")).changes
    assert_type(changes, list[history.Change])
    past.diff(1, 2)  # type: ignore[arg-type]
    assert_type(past.services(), list[history.Service])
    assert_type(past.verify(), list[str])
history.open(3)  # type: ignore[arg-type]
try:
    history.open("nowhere.db")
except history.StoreError as error:
    assert_type(error, history.StoreError)
    os_error: OSError = error
