"""What a basket costs."""

import hashlib
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


class Coupons:
    """Which coupons there are, and what they give."""

    def __init__(self, *, signed: bool) -> None:
        """With `signed`, coupons have a signature, and checking it takes its time."""
        self._signatures = {coupon: _sign(coupon) for coupon in _PERCENT_OFF} if signed else None

    def discount(self, coupon: str) -> int:
        """Percent off for a coupon.

        Raises:
            CouponRefusedError: it has expired or never was one.
        """
        count("shop.pricing::Coupons.discount")
        if coupon in _EXPIRED:
            raise CouponRefusedError(f"coupon {coupon} has expired")
        if coupon not in _PERCENT_OFF:
            raise CouponRefusedError(f"there is no coupon {coupon}")
        if self._signatures and _sign(coupon) != self._signatures[coupon]:
            raise CouponRefusedError(f"coupon {coupon} is not one of ours")
        return _PERCENT_OFF[coupon]


def _sign(coupon: str) -> bytes:
    """A key is stretched so that nobody guesses it; nobody has to do so for each order."""
    count("shop.pricing::_sign")
    return hashlib.pbkdf2_hmac("sha256", coupon.encode(), b"the shop's own salt", 4000)


def _amounts(lines: Sequence[Line]) -> Iterator[int]:
    """The price of each line in cents; five pieces cost as much as four."""
    count("shop.pricing::_amounts")
    for line in lines:
        yield (line.pieces - line.pieces // 5) * line.product.cents


def price(lines: Sequence[Line], percent: int) -> int:
    """What the lines cost together, in cents, with so many percent off."""
    count("shop.pricing::price")
    cents = sum(_amounts(lines))
    return cents - cents * percent // 100
