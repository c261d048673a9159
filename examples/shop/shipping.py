"""Who carries an order: a pool of workers asks all carriers at once and takes the cheapest."""

import asyncio
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from shop.counts import count
from shop.orders import Order, Orders


@dataclass(frozen=True)
class Quote:
    """A carrier's offer."""

    carrier: str
    cents: int


@dataclass(frozen=True)
class Carrier:
    """One carrier and its tariff."""

    name: str
    base_cents: int
    kilogram_cents: int
    delay: float  # seconds until it answers

    async def quote(self, grams: int) -> Quote:
        """Asks for a price. A shop on the net would wait for an answer over the network; this one only waits."""
        count("shop.shipping::Carrier.quote")
        await asyncio.sleep(self.delay)
        return Quote(self.name, self.base_cents + self.kilogram_cents * grams // 1000)


CARRIERS = (
    Carrier("post", 399, 120, 0.004),
    Carrier("van", 590, 60, 0.006),
    Carrier("freight", 1900, 15, 0.010),
)


async def cheapest(carriers: Sequence[Carrier], grams: int) -> Quote:
    """The best offer; waits for the slowest carrier."""
    count("shop.shipping::cheapest")
    quotes = await asyncio.gather(*(carrier.quote(grams) for carrier in carriers))
    return min(quotes, key=lambda quote: quote.cents)


class Dispatch:
    """The workers. `close` returns when all that was handed in is done."""

    def __init__(self, orders: Orders, workers: int) -> None:
        """Starts the workers."""
        self._orders = orders
        self._waiting: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"dispatch-{i}") for i in range(workers)]
        for thread in self._threads:
            thread.start()

    def hand_in(self, order: Order) -> None:
        """Leaves an order to the workers."""
        count("shop.shipping::Dispatch.hand_in")
        self._waiting.put(order)

    def close(self) -> None:
        """Ends the workers, after the orders that wait."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        count("shop.shipping::Dispatch._work")
        with asyncio.Runner() as runner:
            while order := self._waiting.get():
                quote = runner.run(cheapest(CARRIERS, order.grams))
                self._orders.ship(order.number, quote.carrier)
