"""The orders and how they are found again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shop.counts import count
from shop.payment import Card, charge
from shop.pricing import Coupons, Line, price
from shop.storage import Storage

_API_KEY = "the shop's own key at the bank"


@dataclass(frozen=True)
class Order:
    """What a customer asked for."""

    number: int
    customer: str
    note: str
    cents: int
    grams: int
    carrier: str | None


class Orders:
    """All orders, in SQLite."""

    def __init__(self, storage: Storage, coupons: Coupons) -> None:
        """Uses the storage as long as it is open."""
        self._storage = storage
        self._coupons = coupons

    def place(
        self, customer: str, note: str, lines: Sequence[Line], coupon: str | None, card: Card | None = None
    ) -> Order:
        """Stores a new order, and has it paid; without a card the customer pays at the door.

        Raises:
            CouponRefusedError: see `shop.pricing`.
            PaymentDeclinedError: see `shop.payment`.
        """
        count("shop.orders::Orders.place")
        cents = price(lines, self._coupons.discount(coupon) if coupon else 0)
        if card:
            charge(card, cents, api_key=_API_KEY)
        grams = sum(line.pieces * line.product.grams for line in lines)
        with self._storage.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO orders (customer, note, cents, grams) VALUES (?, ?, ?, ?)", (customer, note, cents, grams)
            )
            number = cursor.lastrowid
            assert number is not None
            connection.executemany(
                "INSERT INTO order_lines VALUES (?, ?, ?)", [(number, line.product.sku, line.pieces) for line in lines]
            )
        return Order(number, customer, note, cents, grams, None)

    def get(self, number: int) -> Order | None:
        """The order of that number, found by its key."""
        count("shop.orders::Orders.get")
        with self._storage.reading() as connection:
            row = connection.execute("SELECT * FROM orders WHERE number = ?", (number,)).fetchone()
        return Order(*row) if row else None

    def ship(self, number: int, carrier: str) -> None:
        """Notes who carries the order."""
        count("shop.orders::Orders.ship")
        with self._storage.writing() as connection:
            connection.execute("UPDATE orders SET carrier = ? WHERE number = ?", (carrier, number))

    def search(self, words: str, limit: int = 20) -> list[Order]:
        """The newest orders whose note has all the words, whatever their case.

        There is no index of the notes, so every order is read: this becomes slower with each order placed.
        """
        count("shop.orders::Orders.search")
        wanted = words.casefold().split()
        found = [order for order in self._scan() if matches(order, wanted)]
        return found[: -limit - 1 : -1]

    def _scan(self) -> Iterator[Order]:
        """Every order, the oldest first."""
        count("shop.orders::Orders._scan")
        with self._storage.reading() as connection:
            for row in connection.execute("SELECT * FROM orders"):
                yield Order(*row)


def matches(order: Order, wanted: Sequence[str]) -> bool:
    """Whether the order's note has all the words, which are in lower case."""
    note = order.note.casefold()
    return all(word in note for word in wanted)
