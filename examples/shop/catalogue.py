"""What the shop sells."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from shop.counts import count

_KINDS = {"kettle": 3400, "lamp": 2750, "blanket": 4990, "teapot": 2200, "clock": 1890, "mirror": 6100, "vase": 1550}
_COLOURS = ("black", "blue", "copper", "green", "ivory", "red", "white", "yellow")
_PAGE = 10


@dataclass(frozen=True)
class Product:
    """One thing to buy."""

    sku: str
    title: str
    cents: int
    grams: int


def _products() -> Iterator[Product]:
    for kind, cents in _KINDS.items():
        for number, colour in enumerate(_COLOURS):
            yield Product(f"{kind}-{colour}", f"{colour.title()} {kind}", cents + 75 * number, 400 + cents // 4)


class Catalogue:
    """All products, fixed while the shop is open."""

    def __init__(self) -> None:
        """Stocks every kind in every colour."""
        self._products = {product.sku: product for product in _products()}

    def product(self, sku: str) -> Product:
        """The product of that number; KeyError when there is none."""
        return self._products[sku]

    def page(self, number: int) -> list[Product]:
        """One page of products, counted from 0; beyond the last it is empty."""
        count("shop.catalogue::Catalogue.page")
        return list(islice(self._products.values(), number * _PAGE, (number + 1) * _PAGE))
