"""What a basket costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shop.catalogue import Product
from shop.counts import count

_PERCENT_OFF = {"WELCOME": 10, "FRIENDS": 15}
_EXPIRED = frozenset({"SPRING", "SUMMER"})


class CouponRefusedError(Exception):
    """A coupon that gives nothing; the message is for the customer."""


@dataclass(frozen=True)
class Line:
    """Some pieces of one product."""

    product: Product
    pieces: int


def discount(coupon: str) -> int:
    """Percent off for a coupon.

    Raises:
        CouponRefusedError: it has expired or never was one.
    """
    count("shop.pricing::discount")
    if coupon in _EXPIRED:
        raise CouponRefusedError(f"coupon {coupon} has expired")
    if coupon not in _PERCENT_OFF:
        raise CouponRefusedError(f"there is no coupon {coupon}")
    return _PERCENT_OFF[coupon]


def _amounts(lines: Sequence[Line]) -> Iterator[int]:
    """The price of each line in cents; five pieces cost as much as four."""
    count("shop.pricing::_amounts")
    for line in lines:
        yield (line.pieces - line.pieces // 5) * line.product.cents


def price(lines: Sequence[Line], coupon: str | None) -> int:
    """What the lines cost together, in cents.

    Raises:
        CouponRefusedError: see `discount`.
    """
    count("shop.pricing::price")
    percent = discount(coupon) if coupon else 0
    cents = sum(_amounts(lines))
    return cents - cents * percent // 100
