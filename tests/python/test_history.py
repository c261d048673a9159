"""tachograph.history: what is stored comes back right, while it is written and whatever threads and forks do."""

from __future__ import annotations

import datetime
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import tachograph
from tachograph import history, span

pytestmark = pytest.mark.isolated

MS = 1_000_000


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories of our own, and nothing said about a service."""
    for variable in ("TACHOGRAPH_STORE", "TACHOGRAPH_SERVICE", "TACHOGRAPH_SERVICE_VERSION"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("TACHOGRAPH_RUNTIME_DIR", "TACHOGRAPH_SPOOL_DIR", "XDG_DATA_HOME"):
        directory = tmp_path / variable.lower()
        directory.mkdir(mode=0o700)
        monkeypatch.setenv(variable, str(directory))


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Where the history goes."""
    return str(tmp_path / "history.db")


def call(clock: Any, name: str, *durations_ns: int) -> None:
    for ns in durations_ns:
        with span(name):
            clock.tick(ns)


def in_child(work: Callable[[], object]) -> None:
    """Does the work in a process of its own."""
    child = os.fork()
    if child == 0:
        code = 1
        signal.alarm(60)  # rather than hang
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def keep(clock: Any, store: str, service: str, version: str | None, **durations_ns: list[int]) -> None:
    """A process of this service, in which these functions of the module m take so long."""

    def work() -> None:
        tachograph.start(service=service, version=version, store=store, interval=3600)
        for name, each in durations_ns.items():
            call(clock, f"m::{name}", *each)
        assert tachograph.stop(timeout=30)

    in_child(work)


def view(store: str) -> list[tuple[Any, ...]]:
    """The article's table."""
    connection = sqlite3.connect(store)
    rows = connection.execute(
        "SELECT function_name, iteration, call_count, total_time, average_time FROM function_statistics"
        " ORDER BY function_name, iteration"
    ).fetchall()
    connection.close()
    return rows


def test_importing_tachograph_imports_no_history(run: Any) -> None:
    told = run(
        "import sys, tachograph; tachograph.upload_function_statistics\n"
        "print([name for name in ('datetime', 'threading', 'tachograph.history', 'tachograph._upload_table')"
        " if name in sys.modules])"
    )
    assert told.stdout == "[]\n"


def test_a_history_asked_while_it_is_kept(clock: Any, store: str) -> None:
    tachograph.start(service="shop", version="1", store=store, interval=0.02)
    steps = 1
    call(clock, "m::f", 101 * MS, 101 * MS)
    call(clock, "m::g", 5 * MS)
    assert tachograph.flush(timeout=30)
    with history.open(store) as past:
        while past.functions()[0].iteration_count < 12:
            steps += 1
            call(clock, "m::f", *[(100 + steps) * MS] * 2)
            call(clock, "m::g", 5 * MS)
            assert tachograph.flush(timeout=30)
        [service] = past.services()
        points = past.series("m::f", last=None)
        assert (service.name, service.interval, service.process_count) == ("shop", 0.02, 1)
        assert service.last_iteration == points[-1].iteration
        assert points[-1].time - service.last_time == pytest.approx(0, abs=0.02)
        assert points[0].time == pytest.approx(service.first_time + (points[0].iteration + 1) * 0.02)
        assert [("m::f", point.iteration, point.call_count) for point in points] == [
            row[:3] for row in view(store) if row[0] == "m::f"
        ]
        assert past.series("m::f", last=3) == points[-3:]
        assert points[0].min_time <= points[0].p50 <= points[0].p99 <= points[0].max_time
        assert points[0].total_time == points[0].self_time == points[0].active_time == points[0].cumulative_time

        f = past.functions()[0]
        assert (f.name, f.call_count, f.exception_count) == ("m::f", 2 * steps, 0)
        assert f.total_time == pytest.approx(sum(point.total_time for point in points))
        assert f.total_time == pytest.approx(steps * (201 + steps) / 1000)
        assert f.average_time == pytest.approx(f.total_time / f.call_count)
        assert (f.min_time, f.max_time) == (0.101, (100 + steps) / 1000)
        assert (f.first_iteration, f.last_iteration) == (points[0].iteration, points[-1].iteration)

        line = linear_regression([point.iteration for point in points], [point.average_time for point in points])
        trend = past.trend("m::f")
        assert trend.iteration_count == len(points) == f.iteration_count
        assert trend.call_count == f.call_count
        assert (trend.slope, trend.intercept) == pytest.approx((line.slope, line.intercept))
        assert trend.slope_per_hour == pytest.approx(line.slope * 3600 / 0.02)
        assert trend.start == pytest.approx(line.intercept + line.slope * points[0].iteration)
        assert (trend.relative_change > 0) == (trend.end > trend.start)  # a fitted line may begin below nothing
        quarter = len(points) // 4
        ends = [fmean(point.average_time for point in part) for part in (points[:quarter], points[-quarter:])]
        assert [trend.before, trend.after] == pytest.approx(ends)
        assert trend.measured_change == pytest.approx(ends[1] / ends[0] - 1)
        assert trend.robust_slope is not None
        assert trend.robust_slope > 0
        assert trend.evident
        assert trend.probability < 0.01
        assert past.trend("m::f", last=2).iteration_count == 2

        slower, steady = past.trends()
        assert slower == trend._replace(**{
            name: pytest.approx(getattr(trend, name)) for name in trend._fields if isinstance(getattr(trend, name), float)
        })  # fmt: skip
        assert (steady.name, steady.evident, steady.robust_slope) == ("m::g", False, None)
        assert steady.slope == pytest.approx(0)
        assert not past.trends(minimum_change=1e6)[0].evident

        means = {"m::f": sum(point.average_time for point in points) / len(points), "m::g": 0.005}
        ranked = past.rank()
        assert {row.function.name: row.value for row in ranked} == pytest.approx(means)
        assert ranked[0].value >= ranked[1].value
        assert [row.value for row in past.rank(by="calls", n=1)] == [2 * steps]
        assert past.rank(by="total", n=None)[0] == history.Ranked(f.total_time, f)
        assert past.rank(by="p99", n=1)[0].value == pytest.approx((100 + steps) / 1000, rel=0.0625)

        assert [(event.kind, event.pid, event.version) for event in past.events()] == [("start", os.getpid(), "1")]
        status = past.status()
        assert status.engine.startswith("SQLite 3.")
        assert status.schema_version == status.newest_schema_version
        assert (status.service_count, status.process_count, status.function_count) == (1, 1, 2)
        assert status.row_count >= 2 * f.iteration_count
        assert status.size_bytes
        assert past.verify() == []


def two_versions(clock: Any, store: str) -> None:
    keep(clock, store, "shop", "1", f=[1 * MS] * 10)
    keep(clock, store, "shop", "2", f=[3 * MS] * 10, g=[1 * MS] * 20)


def test_what_a_version_changed(clock: Any, store: str) -> None:
    two_versions(clock, store)
    with history.open(store) as past:
        diff = past.diff(history.Part(version="1"), history.Part(version="2"))
        assert (diff.iteration_count_before, diff.iteration_count_after) == (1, 1)
        assert (diff.self_time_before, diff.self_time_after) == pytest.approx((0.01, 0.05))
        f, g = diff.changes
        assert f == (
            "m::f",
            pytest.approx((10, 0.01, 0.01, 0.001, 1)),
            pytest.approx((10, 0.03, 0.03, 0.003, 0.6)),
            pytest.approx(3),
            pytest.approx(0.02),
            pytest.approx(0),
            pytest.approx(0.02),
        )
        assert g[:3] == ("m::g", None, pytest.approx((20, 0.02, 0.02, 0.001, 0.4)))
        assert isinstance(g.after, history.Side)
        assert (g.ratio, g.change, g.change_by_calls) == (None, pytest.approx(0.02), pytest.approx(0.02))
        assert diff.worst is f
        assert past.diff(history.Part(version="2"), history.Part(version="1")).changes[1].after is None
        assert past.diff("version:1", "version:2") == past.diff("version:1", history.Part(version="2")) == diff
        assert past.diff("iteration:0..9999", "version:2").self_time_before > 0
        with pytest.raises(ValueError, match="for the version write version:2"):
            past.diff("version:1", "2")

        assert [version[0::3] for version in past.versions()] == [("1", 1), ("2", 1)]
        assert [event.kind for event in past.events(version="2")] == ["version", "start"]
        assert [one.name for one in past.functions(version="1")] == ["m::f"]
        assert past.trend("m::f", version="1").average_time == pytest.approx(0.001)


def test_runs_are_compared_as_wholes(clock: Any, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [f"{n:032x}" for n in (1, 2)]

    def work(run: str, iterations: int) -> None:
        os.environ["TACHOGRAPH_RUN"] = run
        tachograph.start(service="shop", store=store, interval=0.02)
        count = 0
        while count < iterations:
            call(clock, "m::f", MS)
            assert tachograph.flush(timeout=30)
            with history.open(store) as past:
                count = past.functions(run=run)[0].iteration_count

    in_child(lambda: work(runs[0], 1))
    in_child(lambda: work(runs[1], 3))
    with history.open(store) as past:
        before, after = (history.Part(run=run) for run in runs)
        diff = past.diff(before, after)
        assert (diff.iteration_count_before, diff.iteration_count_after) == (1, 3)
        assert (diff.unit, diff.run_count_before, diff.run_count_after) == ("run", 1, 1)
        assert [(run.id, run.process_count) for run in past.runs()] == [(run, 1) for run in runs]
        assert {run.end for run in past.runs()} <= {None, "found"}  # by the second, where that lasts
        assert past.functions(run="latest") == past.functions(run=runs[1])
        assert past.diff("run:previous", "run:latest") == diff
        by_time = past.diff(before, after, per="iteration")
        assert (by_time.unit, by_time.self_time_after) == ("iteration", pytest.approx(diff.self_time_after / 3))
        with pytest.raises(ValueError, match="not 'call'"):
            past.diff(before, after, per="call")  # type: ignore[arg-type]
        change = diff.changes[0]
        assert change.after is not None
        assert change.after.call_count == past.functions(run=runs[1])[0].call_count >= 3


def test_parts_of_time(clock: Any, store: str) -> None:
    before = datetime.datetime.now(datetime.UTC)
    two_versions(clock, store)
    hour = datetime.timedelta(hours=1)
    local = datetime.datetime.now()  # noqa: DTZ005
    with history.open(store) as past:
        everything = past.functions()
        for since, until in [
            (before - hour, before + 2 * hour),
            (local - hour, None),
            ("-2h", "now"),
            ("iteration:0", "version:2"),
            (None, local.isoformat(timespec="minutes")),
        ]:
            assert past.functions(since=since, until=until) == everything
            assert past.series("m::g", since=since, until=until)[0].call_count == 20
            assert past.trend("m::g", since=since, until=until).call_count == 20
            assert len(past.rank(since=since, until=until)) == len(past.trends(since=since, until=until)) == 2
        assert past.functions(since=before + 2 * hour) == []
        assert past.functions(until=before - 2 * hour) == []
        assert past.series("m::f", since=before + 2 * hour) == []
        assert past.trend("m::f", since=before + 2 * hour).iteration_count == 0
        assert past.events(since=before + 2 * hour) == []
        with pytest.raises(LookupError, match="nothing was stored of one of the two parts"):
            past.diff(history.Part(), history.Part(since=before + 2 * hour))


def test_questions_that_mean_nothing(clock: Any, store: str) -> None:
    two_versions(clock, store)
    past = history.open(store)
    with pytest.raises(ValueError, match="no point in time"):
        past.functions(since="yesterday")
    with pytest.raises(ValueError, match="ends before it begins"):
        past.functions(since="iteration:5", until="iteration:4")
    with pytest.raises(ValueError, match="names no run"):
        past.functions(run="xyz")
    with pytest.raises(ValueError, match='not by "speed"'):
        past.rank(by="speed")  # type: ignore[arg-type]
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="1 or more"):
            past.rank(n=wrong)
        with pytest.raises(ValueError, match="1 or more"):
            past.series("m::f", last=wrong)
    with pytest.raises(ValueError, match="0 or more"):
        past.trends(minimum_change=-0.1)
    with pytest.raises(TypeError):
        past.rank(n="5")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        past.functions(since=5)  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="no function 'm::h'; did you mean 'm::f'"):
        past.series("m::h")
    with pytest.raises(LookupError, match="no function 'm::h'; did you mean 'm::f'"):
        past.trend("m::h")
    with pytest.raises(LookupError, match="has no version '3'; it has '2', '1'"):
        past.diff(history.Part(version="1"), history.Part(version="3"))
    with pytest.raises(LookupError, match="no version '3'"):
        past.events(since="version:3")
    with pytest.raises(LookupError, match=r"no service 'bank' in .*, but 'shop'"):
        past.functions("bank")
    past.close()


def test_several_services(clock: Any, store: str) -> None:
    keep(clock, store, "shop", None, f=[MS])
    keep(clock, store, "bank", None, f=[MS, MS])
    with history.open(store) as past:
        assert [service.name for service in past.services()] == ["bank", "shop"]
        asked: list[Callable[[], object]] = [
            past.functions, past.rank, past.trends, past.versions, past.events, lambda: past.series("m::f"),
            lambda: past.diff(history.Part(), history.Part()),
        ]  # fmt: skip
        for ask in asked:
            with pytest.raises(ValueError, match=r"several services, name one of them: '(shop', 'bank|bank', 'shop)'"):
                ask()
        assert past.functions("shop")[0].call_count == 1
        assert past.rank(by="calls", service="bank")[0].value == 2
        assert past.versions("shop")[0].version == ""
        assert past.diff(history.Part(), history.Part(), service="bank").changes[0].change == 0


def test_stores_that_cannot_be_read(tmp_path: Path, store: str) -> None:
    with pytest.raises(history.StoreError, match=r"No such file.*name another store, or begin a history") as caught:
        history.open(store)
    assert isinstance(caught.value, OSError)
    assert not Path(store).exists()
    Path(store).write_bytes(b"")
    with pytest.raises(history.StoreError, match="no history yet"):
        history.open(store)
    Path(store).write_text("Dear diary, this is a text and no database, and it is long enough to be one. " * 100)
    with pytest.raises(history.StoreError, match="not a database"):
        history.open(store)
    connection = sqlite3.connect(tmp_path / "other.db")
    with connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(history.StoreError, match="of another program"):
        history.open(tmp_path / "other.db")
    with pytest.raises(history.StoreError, match="is a directory: name a file in it"):
        history.open(f"sqlite:///{tmp_path}")
    with pytest.raises(ValueError, match=r"mysql://"):
        history.open("mysql://")


def test_a_store_newer_than_ours(clock: Any, store: str) -> None:
    keep(clock, store, "shop", None, f=[MS])
    connection = sqlite3.connect(store)
    with connection:
        connection.execute("INSERT INTO schema_version (version) VALUES (999)")
    connection.close()
    with pytest.raises(history.StoreError, match=r"version 999.*use a newer tachograph"):
        history.open(store)


def test_where_it_is_by_default(clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(clock, str(tmp_path / "xdg_data_home" / "tachograph" / "shop.db"), "shop", None, f=[MS])
    keep(clock, str(tmp_path / "elsewhere.db"), "bank", None, f=[MS])
    monkeypatch.setenv("TACHOGRAPH_SERVICE", "shop")
    for value in ("", "none"):
        monkeypatch.setenv("TACHOGRAPH_STORE", value)
        with history.open() as past:
            assert [service.name for service in past.services()] == ["shop"]
    monkeypatch.setenv("TACHOGRAPH_STORE", str(tmp_path / "elsewhere.db"))
    with history.open() as past:
        assert [service.name for service in past.services()] == ["bank"]
    with history.open(tmp_path / "elsewhere.db") as past:
        assert past.functions()[0].name == "m::f"


def test_damage_is_found(clock: Any, store: str) -> None:
    two_versions(clock, store)
    connection = sqlite3.connect(store)
    with connection:
        connection.execute("DELETE FROM function_intervals WHERE call_count = 20")
    connection.close()
    with history.open(store) as past:
        problems = past.verify()
        assert problems
        assert any("functions" in problem for problem in problems)


def test_it_writes_nothing(clock: Any, store: str) -> None:
    two_versions(clock, store)
    before = Path(store).read_bytes()
    Path(store).chmod(0o400)
    with history.open(store) as past:
        assert past.functions()
    assert Path(store).read_bytes() == before


def test_a_closed_history(clock: Any, store: str) -> None:
    two_versions(clock, store)
    past = history.open(store)
    past.close()
    past.close()
    for ask in (past.services, past.functions, past.status, past.verify):
        with pytest.raises(RuntimeError, match="closed"):
            ask()
    with pytest.raises(RuntimeError, match="closed"), past:
        past.rank()


def test_closing_while_threads_ask(clock: Any, store: str) -> None:
    two_versions(clock, store)
    for _ in range(50):
        past = history.open(store)
        asked = threading.Barrier(5)
        ends: list[str] = []

        def ask(past: history.History = past, asked: threading.Barrier = asked, ends: list[str] = ends) -> None:
            first = True
            try:
                while True:
                    assert len(past.functions()) == 2
                    assert past.trend("m::f").call_count == 20
                    if first:
                        asked.wait()
                        first = False
            except RuntimeError as error:
                ends.append(str(error))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        asked.wait()
        past.close()
        for thread in threads:
            thread.join()
        assert ends == ["this history is closed: open it again"] * 4


def test_readers_do_not_disturb_the_collector(store: str) -> None:
    """Threads open, ask and close, as the application's own sqlite3 does, while the collector writes to the same file."""
    tachograph.start(service="shop", store=store, interval=0.01)
    with span("m::f"):
        pass
    assert tachograph.flush(timeout=30)
    errors: list[BaseException] = []
    finished = threading.Event()

    def repeat(work: Callable[[], object]) -> None:
        try:
            while not finished.is_set():
                work()
        except BaseException as error:
            errors.append(error)

    def ask() -> None:
        with history.open(store) as past:
            past.rank()
            past.verify()

    threads = [threading.Thread(target=repeat, args=(work,)) for work in (ask, ask, lambda: view(store))]
    for thread in threads:
        thread.start()
    counts: list[int] = []
    with history.open(store) as past:
        for n in range(2, 301):
            with span("m::f"):
                pass
            if n % 10 == 0:
                assert tachograph.flush(timeout=30)
                counts.append(past.functions()[0].call_count)
        finished.set()
        for thread in threads:
            thread.join()
        assert errors == []
        assert counts == list(range(10, 301, 10))
        assert tachograph.stop(timeout=30)
        assert past.functions()[0].call_count == 300
        assert past.verify() == []
    assert sum(row[2] for row in view(store)) == 300
    connection = sqlite3.connect(store)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def busy(past: history.History, finished: threading.Event) -> Iterator[threading.Thread]:
    """A thread that asks all the time."""

    def ask() -> None:
        while not finished.is_set():
            past.trends()

    thread = threading.Thread(target=ask)
    thread.start()
    yield thread
    finished.set()
    thread.join()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_opens_its_own(clock: Any, store: str) -> None:
    two_versions(clock, store)
    past = history.open(store)
    finished = threading.Event()
    for _ in busy(past, finished):
        for _ in range(20):
            in_child(lambda: use_in_child(past, store))
            assert len(past.functions()) == 2
    past.close()


def use_in_child(past: history.History, store: str) -> None:
    for ask in (past.functions, past.services):
        with pytest.raises(RuntimeError, match="opened before a fork: open it again"):
            ask()
    past.close()
    with pytest.raises(RuntimeError, match="opened before a fork"):
        past.rank()
    with history.open(store) as own:
        assert len(own.functions()) == 2
        assert own.verify() == []


def test_a_history_left_open(clock: Any, store: str) -> None:
    """Closed when it is let go; a child lets its parent's go without touching it."""
    two_versions(clock, store)
    count = len(os.listdir("/proc/self/fd"))
    past = history.open(store)
    assert past.functions()
    assert len(os.listdir("/proc/self/fd")) > count
    kept = [past]
    del past
    in_child(kept.clear)
    assert len(kept[0].functions()) == 2
    kept.clear()
    assert len(os.listdir("/proc/self/fd")) == count


def test_names_of_every_kind(clock: Any, store: str) -> None:
    names = ["m::'; DROP TABLE services; --", 'm::"\\', "m::\n\t", "m::🐢" * 500, "m::%s ? :1"]
    tachograph.start(service="a 'shop' \" 🐢", version="1'; --", store=store, interval=3600)
    for name in names:
        call(clock, name, MS)
    assert tachograph.stop(timeout=30)
    with history.open(store) as past:
        assert {one.name for one in past.functions("a 'shop' \" 🐢", version="1'; --")} == set(names)
        for name in names:
            assert past.series(name)[0].call_count == 1


def test_mariadb(clock: Any, mariadb: Any) -> None:
    tachograph.start(service="of python", version="1", store=mariadb.url, interval=0.02)
    call(clock, "m::f", MS)
    assert tachograph.flush(timeout=30)
    with history.open(mariadb.url) as past:
        for n in range(2, 21):
            call(clock, "m::f", n * MS)
            assert tachograph.flush(timeout=30)
            assert past.functions("of python")[0].call_count == n
        assert past.rank(service="of python")[0].function.total_time == pytest.approx(0.21)
        assert past.trend("m::f", service="of python").slope >= 0
        assert past.events("of python")[0].kind == "start"
        assert past.diff(history.Part(version="1"), history.Part(), service="of python").changes[0].change == 0
        assert past.status().engine.startswith("MariaDB ")
        assert past.verify() == []
        in_child(lambda: use_of_parents_server(past))
        assert past.functions("of python")[0].call_count == 20
    assert tachograph.stop(timeout=30)
    wrong = mariadb.url.replace("tachograph:", "tachograph:not-", 1)
    with pytest.raises(history.StoreError, match="denied") as caught:
        history.open(wrong)
    assert "not-" not in str(caught.value)


def test_a_connection_that_the_server_has_closed(clock: Any, mariadb: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """As it does with those that are idle for hours: nobody has to hear of it."""
    pymysql = pytest.importorskip("pymysql")
    parts = urlsplit(mariadb.url)
    killer = pymysql.connect(
        host=parts.hostname, port=parts.port, user=unquote(parts.username or ""), password=unquote(parts.password or "")
    )
    url = mariadb.url.rpartition("/")[0] + "/closed"
    tachograph.start(service="idle", store=url, interval=3600)
    for _ in range(3):
        call(clock, "m::f", MS)
        assert tachograph.flush(timeout=30)
        with killer.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = 'closed'")
            (connection,) = cursor.fetchall()
            cursor.execute(f"KILL {connection[0]}")
    killer.close()
    call(clock, "m::f", MS)
    assert tachograph.stop(timeout=30)
    assert capfd.readouterr().err == ""
    with history.open(url) as past:
        assert past.functions()[0].call_count == 4


def use_of_parents_server(past: history.History) -> None:
    with pytest.raises(RuntimeError, match="opened before a fork"):
        past.functions()
    past.close()


def test_a_version_is_a_step(clock: Any, store: str) -> None:
    interval = 0.05

    def work(version: str, duration_ns: int) -> None:
        tachograph.start(service="shop", version=version, store=store, interval=interval)
        for i in range(5):
            slot = time.time() // interval
            while time.time() // interval == slot:
                pass
            call(clock, "m::f", *[duration_ns + i] * 10)
            assert tachograph.flush(timeout=30)
        assert tachograph.stop(timeout=30)

    in_child(lambda: work("1", MS))
    in_child(lambda: work("2", 2 * MS))
    with history.open(store) as past:
        trend = past.trend("f")
        assert trend.evident
        assert trend.step is not None
        assert (trend.name, trend.step.version) == ("m::f", "2")
        assert trend.step[2:5] == pytest.approx((0.001, 0.002, 1), rel=1e-4)
        assert (trend.step.kind, trend.step.probability < 0.001) == ("version", True)
        assert past.trends()[0].step == trend.step
        assert past.trend("m::f", version="1").step is None
        assert [point.iteration for point in past.series("f", last=1, version="1")] < [trend.step.iteration]


def test_the_reader_refuses_what_it_cannot_use() -> None:
    from tachograph import _native

    with pytest.raises(TypeError):
        _native.StoreReader(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="null"):
        history.open("a\0b")
    with pytest.raises(TypeError):
        type("Mine", (_native.StoreReader,), {})
    assert sys.getrefcount(history.StoreError) > 0


def test_the_module_is_there_when_it_is_asked_for() -> None:
    program = (
        "import sys, tachograph\n"
        "assert 'tachograph.history' not in sys.modules\n"
        "assert tachograph.history.open is sys.modules['tachograph.history'].open\n"
        "try: tachograph.hitsory\n"
        "except AttributeError as error: assert 'hitsory' in str(error)\n"
        "else: raise SystemExit('no error')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)


def test_another_store_is_refused(tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    tachograph.start(service="shop", store=first, interval=60)
    with tachograph.span("one"):
        pass
    assert tachograph.stop(timeout=20)
    with pytest.raises(RuntimeError, match=r"first\.db.* goes on there only"):
        tachograph.start(service="shop", store=second, interval=60)
    assert not second.exists()
    tachograph.start(service="shop", store=first, interval=60)
    assert tachograph.stop(timeout=20)


@pytest.mark.parametrize(
    ("argument", "error", "said"),
    [
        ({"service": 3}, TypeError, "the service is a str, not int"),
        ({"version": 1.4}, TypeError, "the version is a str, not float"),
        ({"interval": "10"}, TypeError, "a number of seconds, not str"),
        ({"interval": float("nan")}, ValueError, "from 0.01 seconds to a day"),
        ({"store": 7}, TypeError, "os.PathLike"),
        ({"store": "mysql://host"}, ValueError, "names no database"),
        ({"store": "mysqll://host/history"}, ValueError, 'can be kept in "mysqll"'),
        ({"instrument": 3}, TypeError, "expected a pattern"),
        ({"instrument": "shop.["}, ValueError, "without its"),
    ],
)
def test_a_wrong_argument_starts_nothing(tmp_path: Path, argument: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        tachograph.start(**{"service": "shop", "store": tmp_path / "none.db", **argument})
    assert not tachograph.flush(timeout=20)
    assert not (tmp_path / "none.db").exists()


FAILING = {  # what comes last in a start: the sampler, then the functions
    "sampler": ("_sampling", "start_native"),
    "functions": ("_collect", "_instrument"),
}


@pytest.mark.parametrize("where", FAILING)
@pytest.mark.parametrize("sampled_before", [False, True])
def test_a_start_that_fails_late_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, sampled_before: bool
) -> None:
    """Whatever it is that fails: here what no program can foresee."""
    import importlib

    module, name = FAILING[where]
    if sampled_before:
        tachograph.start(service="shop", store="none", sample_hz=50)
    sampling = tachograph.sampling_state()
    threads = len(list(Path("/proc/self/task").iterdir()))
    with tachograph.span("one"):
        pass
    with monkeypatch.context() as broken:
        broken.setattr(importlib.import_module(f"tachograph.{module}"), name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            tachograph.start(service="shop", store=tmp_path / "first.db", sample_hz=70, instrument="shop.*")
    state = 3 if sampled_before else 2  # running, paused, its rate
    assert tachograph.sampling_state()[:state] == sampling[:state]
    assert len(list(Path("/proc/self/task").iterdir())) == threads
    assert not tachograph.flush(timeout=20)
    assert not (tmp_path / "first.db").exists()
    tachograph.start(service="shop", store=tmp_path / "second.db")  # as if there had been no first one
    with tachograph.span("one"):
        pass
    assert tachograph.stop(timeout=30)
    with history.open(tmp_path / "second.db") as kept:
        assert [one.call_count for one in kept.functions()] == [2]


def interrupt(*_: object, **__: object) -> None:
    """As by Ctrl-C."""
    raise KeyboardInterrupt
