"""How orders are paid: a stand-in for a bank, which only looks whether a card is still good."""

import datetime
from dataclasses import dataclass

from shop.counts import count


class PaymentDeclinedError(Exception):
    """The bank does not pay; the message is for the customer."""


@dataclass(frozen=True)
class Card:
    """What a customer pays with."""

    holder: str
    card_number: str
    expires: str  # "2031-06", the last good month


def charge(card: Card, cents: int, *, api_key: str) -> None:
    """Takes the money from the card.

    Raises:
        PaymentDeclinedError: the card has expired, or the bank does not know the shop.
    """
    count("shop.payment::charge")
    if not api_key:
        raise PaymentDeclinedError("the bank does not know this shop")
    if card.expires < datetime.datetime.now(datetime.UTC).strftime("%Y-%m"):
        raise PaymentDeclinedError(f"the card of {card.holder} has expired: {cents / 100:.2f} are not paid")
