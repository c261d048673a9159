"""What failed calls were given, as JSON: exact forms, and whatever else anybody may hand over."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import gc
import json
import math
import uuid
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tachograph import _native


def captured(value: object, *, calls_repr: bool = False) -> Any:
    text = _native.capture_value(value, calls_repr)
    assert len(text.encode()) <= 8192
    return json.loads(text, parse_constant=pytest.fail)


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Order:
    item: str
    api_key: str
    parts: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Slotted:
    a: int
    b: int


class Point(NamedTuple):
    x: Any
    y: Any


class Text(str):
    __slots__ = ()


EXACT: list[tuple[object, object]] = [
    (None, None),
    (True, True),
    (-5, -5),
    (2**63, 2**63),
    (-(2**100), -(2**100)),
    (10**5000, "<int, 16610 bits>"),
    (0.1, 0.1),
    (math.nan, "NaN"),
    (-math.inf, "-Infinity"),
    ("é🐢\n", "é🐢\n"),
    (Text("x"), "x"),
    ("a\ud800b", "a\ufffdb"),
    ("x" * 201, "x" * 200 + "…"),
    ([1, [2, (3,)]], [1, [2, [3]]]),
    ({1}, [1]),
    (frozenset(), []),
    ({"a": {"b": 1}, 2: 3, None: 4, (1, "x"): 5}, {"a": {"b": 1}, "2": 3, "null": 4, '[1,"x"]': 5}),
    (
        {"password": 1, "X-Api-Key": [1], "name": "n"},
        {"password": "[redacted]", "X-Api-Key": "[redacted]", "name": "n"},
    ),
    (list(range(25)), [*range(20), "… 5 more"]),
    ({str(i): i for i in range(22)}, {**{str(i): i for i in range(20)}, "…": "… 2 more"}),
    ([[[[[[1]]]]]], [[[[["[…]"]]]]]),
    (Colour.RED, "Colour.RED"),
    (Level.HIGH, "Level.HIGH"),
    (Order("book", "abc", [1]), {"item": "book", "api_key": "[redacted]", "parts": [1]}),
    (Slotted(1, 2), {"a": 1, "b": 2}),
    (Point(1, "two"), {"x": 1, "y": "two"}),
    (b"a'\x00", "b'a\\x27\\x00'"),
    (bytearray(b"x"), "b'x'"),
    (datetime.datetime(2024, 5, 6, 7, 8, 9), "2024-05-06 07:08:09"),  # noqa: DTZ001
    (datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC), "2024-05-06 00:00:00+00:00"),
    (datetime.date(2024, 5, 6), "2024-05-06"),
    (datetime.timedelta(hours=1), "1:00:00"),
    (decimal.Decimal("1.50"), "1.50"),
    (uuid.UUID("12345678-1234-5678-1234-567812345678"), "12345678-1234-5678-1234-567812345678"),
    (Order, f"<class {__name__}.Order>"),
    (captured, "<function captured>"),
    ("mysql://me:pw@db/x", "mysql://me:[redacted]@db/x"),
    ('{"password": "hunter2"}', '{"password": [redacted]}'),
    (b'{"password": "hunter2"}', "b'{\"password\": [redacted]}'"),
    (b"{'password': 'hunter2'}", "b'{\\x27password\\x27: [redacted]}'"),
    (["mysql", "--password", "x", "--host", "h"], ["mysql", "--password", "[redacted]", "--host", "h"]),
    ([(b"authorization", b"x"), (b"host", b"h")], [["b'authorization'", "[redacted]"], ["b'host'", "b'h'"]]),
    (("token", {"a": 1}, ["b"]), ["token", "[redacted]", ["b"]]),
]


@pytest.mark.parametrize(("value", "wanted"), EXACT, ids=lambda value: type(value).__name__)
def test_exact_forms(value: object, wanted: object) -> None:
    assert captured(value) == wanted


def test_an_identifier_that_cannot_be_is_told_as_its_type() -> None:
    value = object.__new__(uuid.UUID)
    object.__setattr__(value, "int", -(1 << 127))
    assert captured(value) == f"<uuid.UUID, {value.__sizeof__()} bytes>"


def test_cycles_end() -> None:
    items: list[Any] = [1]
    items.append(items)
    assert captured(items) == [1, [1, [1, [1, [1, "[…]"]]]]]
    names: dict[str, Any] = {}
    names["own"] = names
    assert json.dumps(captured(names)).count("own") == 5


def test_what_is_its_own_key_ends() -> None:
    @dataclasses.dataclass(eq=False)
    class Node:
        names: dict[Any, Any]

    node = Node({})
    node.names[node] = (node, node.names)
    assert "Node" in json.dumps(captured(node))


def test_fields_of_a_class_that_name_themselves_end() -> None:
    class Fields(tuple[Any, ...]):
        __slots__ = ()
        _fields: Any = ()

    value = Fields((1,))
    Fields._fields = (value,)
    assert captured(value) == [1]
    assert captured({value: 2}) == {"[1]": 2}


def test_keys_are_no_deeper_than_what_holds_them() -> None:
    key: Any = 1
    for _ in range(100_000):
        key = (key,)
    assert captured({key: 1}) == {'[[[["[…]"]]]]': 1}
    while key != 1:
        (key,) = key


def test_reading_gives_an_instance_no_dict() -> None:
    parts = [1]
    order = Order("book", "abc", parts)

    def has_dict() -> bool:
        return any(type(each) is dict and each.get("parts") is parts for each in gc.get_objects())

    wanted = {"item": "book", "api_key": "[redacted]", "parts": [1]}
    assert captured(order) == wanted
    assert not has_dict()
    assert order.__dict__["item"] == "book"
    assert has_dict()
    assert captured(order) == wanted


@dataclasses.dataclass
class Defaults:
    size: int = 5
    action: Any = len
    other: Any = dataclasses.field(init=False)


def test_fields_are_found_where_they_are() -> None:
    value = Defaults(action=3)
    assert captured(value) == {"size": 5, "action": 3, "other": "<not set>"}
    del value.size
    assert captured(value)["size"] == 5


class Rude:
    """Whatever it is asked, it fails the test."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise AssertionError("code of the program ran")

    __repr__ = __str__ = __len__ = __iter__ = __hash__ = __eq__ = __bool__ = _refuse
    __getattr__ = __getitem__ = __int__ = __float__ = __index__ = __format__ = __reduce__ = _refuse

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError("code of the program ran")

    @property
    def __class__(self) -> Any:
        raise AssertionError("code of the program ran")


class RudeList(list[Any]):
    __len__ = __iter__ = __getitem__ = __repr__ = Rude._refuse


class RudeDict(dict[Any, Any]):
    __len__ = __iter__ = __getitem__ = __repr__ = keys = items = Rude._refuse


class RudeInt(int):
    __int__ = __index__ = __repr__ = __str__ = __hash__ = __eq__ = Rude._refuse


def test_nothing_is_asked() -> None:
    assert captured(Rude()).startswith(f"<{__name__}.Rude, ")
    assert captured(RudeList([1, 2])) == [1, 2]
    assert captured(RudeDict({"a": 1})) == {"a": 1}
    assert captured(RudeInt(7)) == 7


def test_a_large_value_costs_its_beginning() -> None:
    assert captured("x" * 50_000_000) == "x" * 200 + "…"
    assert captured(b"x" * 50_000_000).startswith("b'xxx")
    assert captured([0] * 5_000_000)[-1] == "… 4999980 more"
    assert captured(decimal.Decimal(10**20000)).startswith("<decimal.Decimal, ")


def captured_and_then_some(value: object) -> None:
    """Signals are looked at when a loop goes round."""
    captured(value, calls_repr=True)
    for _ in range(1000):
        pass


def test_repr_is_guarded() -> None:
    class Plain:
        def __repr__(self) -> str:
            return "Plain(token=abc)"

    class Wrong:
        def __repr__(self) -> str:
            raise KeyboardInterrupt if raises_interrupt else RecursionError

    raises_interrupt = False
    assert captured(Plain(), calls_repr=True) == "Plain(token=[redacted])"
    assert captured(Wrong(), calls_repr=True) == "<repr() failed>"
    raises_interrupt = True
    with pytest.raises(KeyboardInterrupt):
        captured_and_then_some(Wrong())


def test_a_repr_may_change_what_is_read() -> None:
    class Emptying:
        def __repr__(self) -> str:
            items.clear()
            names.clear()
            return "gone"

    items: list[Any] = [Emptying(), *range(10)]
    names: dict[str, Any] = {"a": items, "b": 2}
    assert captured(names, calls_repr=True)["a"] == ["gone"]


def nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.text() | st.integers() | st.tuples(st.text(), st.floats())
    return (
        st.lists(inner, max_size=30)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner, max_size=30)
        | st.builds(Order, st.text(), st.text(), st.lists(st.integers()))
        | st.builds(Point, inner, inner)
    )


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from(Colour)
    | st.builds(object)
    | st.builds(Rude),
    nest,
    max_leaves=60,
)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_anything_is_json_in_its_bounds(value: object) -> None:
    def check(part: Any, depth: int) -> None:
        if isinstance(part, str):
            assert len(part) <= 240
        elif isinstance(part, (dict, list)):
            assert depth < 5
            assert len(part) <= 21
            for inner in part.values() if isinstance(part, dict) else part:
                check(inner, depth + 1)

    check(captured(value), 0)
