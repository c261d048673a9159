"""upload_function_statistics(): what is counted reaches somebody's table once, whatever goes wrong on the way."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import threading
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import tachograph
from tachograph import span, statistics, upload_function_statistics

pytestmark = pytest.mark.isolated

LAST = "SELECT function_name, iteration, average_time FROM function_statistics WHERE function_name = 'm::f'"
SLOWEST = """
    SELECT function_name, AVG(average_time) AS overall_average_time FROM function_statistics
    GROUP BY function_name ORDER BY overall_average_time DESC LIMIT 5;"""


class Driver:
    """A DB-API module over sqlite3, with a connection that fails when told to."""

    def __init__(self, name: str, paramstyle: str) -> None:
        self.module = types.ModuleType(name)
        self.module.paramstyle = paramstyle  # type: ignore[attr-defined]
        sys.modules[name] = self.module
        self.failures: list[str] = []
        self.statements: list[str] = []
        self.rollbacks = 0
        kind = type("Connection", (Connection,), {"__module__": f"{name}.connections"})
        self.connect: Callable[..., Connection] = lambda *arguments: kind(self, *arguments)

    def fail(self, *, at: str) -> None:
        if self.failures and self.failures[0] == at:
            self.failures.pop(0)
            raise sqlite3.OperationalError(f"told to fail at {at}")

    def translate(self, statement: str) -> str:
        """What sqlite3 understands of it."""
        style = self.module.paramstyle
        if style == "format":
            return statement.replace("%s", "?")
        if style == "pyformat":
            return re.sub(r"%\((\w+)\)s", r":\1", statement)
        return re.sub(r":(\d+)", r"?\1", statement) if style == "numeric" else statement


class Connection:
    def __init__(self, driver: Driver, inner: sqlite3.Connection) -> None:
        self.driver = driver
        self.inner = inner

    def cursor(self) -> Cursor:
        return Cursor(self.driver, self.inner.cursor())

    def commit(self) -> None:
        self.driver.fail(at="commit")
        self.inner.commit()
        self.driver.fail(at="committed")

    def rollback(self) -> None:
        self.driver.rollbacks += 1
        self.inner.rollback()
        self.driver.fail(at="rollback")


class Cursor:
    def __init__(self, driver: Driver, inner: sqlite3.Cursor) -> None:
        self.driver = driver
        self.inner = inner

    def execute(self, operation: str, parameters: Any = (), /) -> object:
        self.driver.statements.append(operation)
        word = operation.split(maxsplit=1)[0].lower()
        self.driver.fail(at=word)
        done = self.inner.execute(self.driver.translate(operation), parameters)
        self.driver.fail(at=f"{word}ed")
        return done

    def fetchall(self) -> list[Any]:
        return self.inner.fetchall()

    @property
    def lastrowid(self) -> int | None:
        return self.inner.lastrowid


def call(clock: Any, name: str, *durations_ns: int) -> None:
    for ns in durations_ns:
        with span(name):
            clock.tick(ns)


def rows(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT function_name, iteration, call_count, total_time, average_time FROM function_statistics ORDER BY id"
    ).fetchall()


def sums(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Calls and nanoseconds by function."""
    return {
        name: (count, round(total * 1e9))
        for name, count, total in connection.execute(
            "SELECT function_name, SUM(call_count), SUM(total_time) FROM function_statistics GROUP BY function_name"
        )
    }


def known() -> dict[str, tuple[int, int]]:
    return {name: (one.call_count, round(one.total_time * 1e9)) for name, one in statistics().items()}


def test_each_upload_has_what_is_new(clock: Any) -> None:
    connection = sqlite3.connect(":memory:")
    cursor = connection.cursor()
    call(clock, "m::f", 1_000_000, 3_000_000)
    call(clock, "m::g", 500)
    upload_function_statistics(0, connection, cursor)
    assert rows(connection) == [("m::f", 0, 2, 0.004, 0.002), ("m::g", 0, 1, 5e-7, 5e-7)]
    upload_function_statistics(1, connection, cursor)
    assert len(rows(connection)) == 2
    call(clock, "m::f", 7)
    upload_function_statistics(2, connection, cursor)
    assert rows(connection)[2:] == [("m::f", 2, 1, 7e-9, 7e-9)]
    assert not connection.in_transaction
    assert [row[1:] for row in connection.execute(LAST)] == [(0, 0.002), (2, 7e-9)]
    assert connection.execute(SLOWEST).fetchall() == [("m::f", pytest.approx(0.0010000035)), ("m::g", 5e-7)]
    connection.close()


def test_nothing_is_asked_of_the_database_when_nothing_is_new() -> None:
    driver = Driver("driver_of_nothing", "qmark")
    connection = driver.connect(sqlite3.connect(":memory:"))
    upload_function_statistics(0, connection, connection.cursor())
    assert driver.statements == []


def test_drain_and_statistics_do_not_notice(clock: Any) -> None:
    connection = sqlite3.connect(":memory:")
    call(clock, "m::f", 5, 5)
    upload_function_statistics(0, connection, connection.cursor())
    assert tachograph.drain()["m::f"].call_count == 2
    call(clock, "m::f", 5)
    assert tachograph.drain()["m::f"].call_count == 1
    upload_function_statistics(1, connection, connection.cursor())
    assert [row[2] for row in rows(connection)] == [2, 1]
    assert statistics()["m::f"].call_count == 3
    connection.close()


@pytest.mark.parametrize(("key_is_told", "autocommit"), [(True, False), (True, True), (False, False)])
@pytest.mark.parametrize("failure", ["select", "create", "insert", "commit", "commit rollback"])
def test_a_failure_loses_and_doubles_nothing(clock: Any, failure: str, key_is_told: bool, autocommit: bool) -> None:
    inner = sqlite3.connect(":memory:", isolation_level=None if autocommit else "DEFERRED")
    driver = Driver("sqlite_that_fails", "qmark")
    connection = driver.connect(inner)
    cursor = connection.cursor()
    if not key_is_told:
        cursor = type("Keyless", (Cursor,), {"lastrowid": None})(driver, inner.cursor())
    call(clock, "m::f", 5, 6)
    driver.failures = failure.split()
    if failure == "select":  # the table seems to be missing, and is made
        upload_function_statistics(0, connection, cursor)
    else:
        with pytest.raises(sqlite3.OperationalError, match=f"told to fail at {failure.split(maxsplit=1)[0]}"):
            upload_function_statistics(0, connection, cursor)
        assert driver.rollbacks == 1
        assert not inner.in_transaction
    assert driver.failures == []
    call(clock, "m::f", 7)
    call(clock, "m::g", 8)
    upload_function_statistics(1, connection, cursor)
    upload_function_statistics(2, connection, cursor)
    assert sums(inner) == {"m::f": (3, 18), "m::g": (1, 8)} == known()
    inner.close()


def test_a_commit_that_happened_though_it_failed(clock: Any) -> None:
    inner = sqlite3.connect(":memory:")
    driver = Driver("sqlite_that_loses_answers", "named")
    connection = driver.connect(inner)
    for n in range(3):
        call(clock, f"m::f{n}", 5)
    driver.failures = ["committed"]
    with pytest.raises(sqlite3.OperationalError, match="committed"):
        upload_function_statistics(0, connection, connection.cursor())
    assert len(rows(inner)) == 3
    call(clock, "m::f1", 6)
    upload_function_statistics(1, connection, connection.cursor())
    assert [row[:4] for row in rows(inner)[3:]] == [("m::f1", 1, 1, 6e-9)]
    assert sums(inner) == known()
    inner.close()


def test_a_key_that_another_process_got_meanwhile(clock: Any) -> None:
    """The commit failed indeed; the row under its key is somebody else's."""
    inner = sqlite3.connect(":memory:")
    driver = Driver("sqlite_with_neighbours", "qmark")
    connection = driver.connect(inner)
    call(clock, "m::f", 5_000_000)
    inner.execute("CREATE TABLE function_statistics (id INTEGER PRIMARY KEY, function_name, iteration, call_count,"
                  " total_time)")  # fmt: skip
    driver.failures = ["commit"]
    with pytest.raises(sqlite3.OperationalError):
        upload_function_statistics(0, connection, connection.cursor())
    with inner:
        inner.execute("INSERT INTO function_statistics VALUES (1, 'm::f', 0, 1, 0.004)")
    upload_function_statistics(0, connection, connection.cursor())
    assert sums(inner) == {"m::f": (2, 9_000_000)}
    inner.close()


@pytest.mark.parametrize("autocommit", [False, True])
def test_many_functions_and_a_failure_in_the_middle(clock: Any, autocommit: bool) -> None:
    inner = sqlite3.connect(":memory:", isolation_level=None if autocommit else "DEFERRED")
    driver = Driver("sqlite_with_much", "pyformat")
    connection = driver.connect(inner)
    for n in range(450):
        call(clock, f"m::f{n}", n + 1)
    driver.failures = ["select", "insert" if autocommit else "inserted"]
    with pytest.raises(sqlite3.OperationalError, match="insert"):
        upload_function_statistics(0, connection, connection.cursor())
    upload_function_statistics(1, connection, connection.cursor())
    assert sums(inner) == known()
    call(clock, "m::f7", 3)
    cursor = connection.cursor()
    execute, count = cursor.execute, 0

    def fail_at_third(operation: str, parameters: Any = (), /) -> object:
        nonlocal count
        count += operation.startswith("INSERT")
        if count == 3:
            raise sqlite3.OperationalError("third")
        return execute(operation, parameters)

    for n in range(450):
        call(clock, f"m::f{n}", 1)
    cursor.execute = fail_at_third  # type: ignore[method-assign]
    with pytest.raises(sqlite3.OperationalError, match="third"):
        upload_function_statistics(2, connection, cursor)
    upload_function_statistics(3, connection, connection.cursor())
    assert sums(inner) == known()
    assert max(statement.count("(%(p") for statement in driver.statements) == 200
    inner.close()


@pytest.mark.parametrize("style", ["qmark", "format", "numeric", "named", "pyformat"])
def test_parameters_as_the_module_takes_them(clock: Any, style: str) -> None:
    inner = sqlite3.connect(":memory:")
    driver = Driver(f"sqlite_taking_{style}", style)
    name = "m::f%s ? :1 :p1 %(p1)s ' \" \n 🐢"
    call(clock, name, 5)
    call(clock, "m::g", 6)
    connection = driver.connect(inner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of sqlite3 3.12, which calls ?1 a name
        upload_function_statistics(4, connection, connection.cursor())
    assert [row[:4] for row in rows(inner)] == [(name, 4, 1, 5e-9), ("m::g", 4, 1, 6e-9)]
    inner.close()


def test_the_module_of_a_subclass_and_of_a_stand_in(clock: Any) -> None:
    class Mine(sqlite3.Connection): ...

    class Pooled:
        """Tells nothing; its cursors do."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self.commit = connection.commit
            self.rollback = connection.rollback

    inner = sqlite3.connect(":memory:", factory=Mine)
    call(clock, "m::f", 5)
    upload_function_statistics(0, inner, inner.cursor())
    call(clock, "m::f", 6)
    upload_function_statistics(1, Pooled(inner), inner.cursor())
    assert [row[:4] for row in rows(inner)] == [("m::f", 0, 1, 5e-9), ("m::f", 1, 1, 6e-9)]
    inner.close()


def test_another_database_gets_standard_sql_after_a_rollback(clock: Any) -> None:
    driver = Driver("driver_of_another_kind", "format")
    connection = driver.connect(sqlite3.connect(":memory:"))
    call(clock, "m::f", 5)
    with pytest.raises(sqlite3.OperationalError, match=r"GENERATED|syntax"):
        upload_function_statistics(0, connection, connection.cursor())
    assert driver.rollbacks == 2
    assert "GENERATED BY DEFAULT AS IDENTITY" in driver.statements[1]


def test_a_table_that_is_there_is_used_as_it_is(clock: Any) -> None:
    inner = sqlite3.connect(":memory:")
    inner.execute("CREATE TABLE function_statistics (id INTEGER PRIMARY KEY, function_name TEXT, iteration INT,"
                  " call_count INT, total_time REAL, average_time AS (total_time / call_count), note TEXT)")  # fmt: skip
    call(clock, "m::f", 5)
    upload_function_statistics(0, inner, inner.cursor())
    assert inner.execute("SELECT * FROM function_statistics").fetchall() == [(1, "m::f", 0, 1, 5e-9, 5e-9, None)]
    inner.close()


def test_names_end_where_the_column_does(clock: Any) -> None:
    inner = sqlite3.connect(":memory:")
    call(clock, "m::" + "🐢" * 10_000, 5)
    upload_function_statistics(0, inner, inner.cursor())
    assert rows(inner)[0][0] == "m::" + "🐢" * 252
    inner.close()


def test_arguments_that_cannot_be_meant(clock: Any) -> None:
    inner = sqlite3.connect(":memory:")
    call(clock, "m::f", 5)
    with pytest.raises(TypeError):
        upload_function_statistics("0", inner, inner.cursor())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no connection of a DB-API module"):
        upload_function_statistics(0, types.SimpleNamespace(rollback=lambda: None), object())  # type: ignore[arg-type]
    upload_function_statistics(True, inner, inner.cursor())
    assert [row[:3] for row in rows(inner)] == [("m::f", 1, 1)]
    inner.close()


def test_a_forked_child_uploads_its_own(clock: Any, tmp_path: Path) -> None:
    path = tmp_path / "table.db"

    def upload(iteration: int) -> None:
        connection = sqlite3.connect(path)
        upload_function_statistics(iteration, connection, connection.cursor())
        connection.close()

    call(clock, "m::f", 5)
    upload(0)
    call(clock, "m::f", 6)
    child = os.fork()
    if child == 0:
        call(clock, "m::f", 7)
        upload(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    upload(2)
    connection = sqlite3.connect(path)
    assert [row[1:4] for row in rows(connection)] == [(0, 1, 5e-9), (1, 1, 7e-9), (2, 1, 6e-9)]
    connection.close()


def test_threads_share_out_what_is_new(clock: Any) -> None:
    """An upload begun in the middle of another one, at its commit, waits for it."""
    driver = Driver("sqlite_of_two_threads", "qmark")
    inners = [sqlite3.connect(":memory:", check_same_thread=False) for _ in range(2)]
    first, second = map(driver.connect, inners)
    other = threading.Thread(target=lambda: upload_function_statistics(1, second, second.cursor()))
    commit = first.commit

    def commit_meanwhile() -> None:
        call(clock, "m::f", 6)
        other.start()
        other.join(0.2)  # without a lock, it would be done by then
        commit()

    first.commit = commit_meanwhile  # type: ignore[method-assign]
    call(clock, "m::f", 5)
    upload_function_statistics(0, first, first.cursor())
    other.join()
    assert [row[1:4] for inner in inners for row in rows(inner)] == [(0, 1, 5e-9), (1, 1, 6e-9)]
    for inner in inners:
        inner.close()


@pytest.fixture
def mysql(request: pytest.FixtureRequest) -> tuple[Any, str]:
    """A driver, and the URL of a server of our own."""
    driver = pytest.importorskip("pymysql")
    return driver, request.getfixturevalue("mariadb").url


def test_mariadb(clock: Any, mysql: tuple[Any, str]) -> None:
    pymysql, url = mysql
    parts = urlsplit(url)

    def connect(**more: Any) -> Any:
        return pymysql.connect(
            host=parts.hostname,
            port=parts.port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            charset="utf8mb4",
            **more,
        )

    with connect().cursor() as cursor:  # a history, which others may keep in the server's own, has a view of that name
        cursor.execute("CREATE OR REPLACE DATABASE article")
    connection = connect(database="article")
    with connection.cursor() as cursor:
        for name in ("m::f", "m::F", "m::g ' \" \\ %s 🐢"):
            call(clock, name, 1_000_000, 3)
        upload_function_statistics(0, connection, cursor)
        call(clock, "m::f", 5)
        with pytest.raises(pymysql.Error):
            connection.kill(connection.thread_id())
        with pytest.raises(pymysql.Error):
            upload_function_statistics(1, connection, cursor)
    connection = connect(database="article", cursorclass=pymysql.cursors.DictCursor, autocommit=True)
    with connection.cursor() as cursor:
        upload_function_statistics(1, connection, cursor)
        cursor.execute("SELECT * FROM function_statistics ORDER BY id")
        told = [tuple(row.values())[1:6] for row in cursor.fetchall()]
        cursor.execute("DROP TABLE function_statistics")
    connection.close()
    assert told == [
        *((name, 0, 2, 0.001000003, 0.0005000015) for name in ("m::f", "m::F", "m::g ' \" \\ %s 🐢")),
        ("m::f", 1, 1, 5e-9, 5e-9),
    ]
