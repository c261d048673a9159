"""Runs the shop until SIGINT or SIGTERM: ``python -m shop --port 8000``."""

import argparse
import json
import os
import signal
import tempfile
import threading
from pathlib import Path

from shop import counts
from shop.orders import Orders
from shop.pricing import Coupons
from shop.server import Server, Shop
from shop.shipping import Dispatch
from shop.storage import Storage

_STOP = {signal.SIGINT, signal.SIGTERM}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="shop", description="A small web shop on loopback.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: 8000)")
    parser.add_argument("--workers", type=int, default=4, help="threads that find carriers (default: 4)")
    parser.add_argument("--signed-coupons", action="store_true", help="check the signature of coupons")
    parser.add_argument("--seconds", type=float, help="stop after that time (default: at SIGINT or SIGTERM)")
    parser.add_argument("--counts", type=Path, metavar="FILE", help="at the end write there how often it called what")
    return parser.parse_args()


def _listen(port: int, shop: Shop) -> Server:
    try:
        return Server(port, shop)
    except (OSError, OverflowError) as error:
        raise SystemExit(f"shop: cannot listen on port {port}: {error}") from None


def _serve(options: argparse.Namespace, directory: Path) -> None:
    storage = Storage(directory / "shop.db")
    orders = Orders(storage, Coupons(signed=options.signed_coupons))
    dispatch = Dispatch(orders, options.workers)
    try:
        with _listen(options.port, Shop(orders, dispatch)) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="listener")
            thread.start()
            print(f"shop: process {os.getpid()} is open at http://127.0.0.1:{server.server_port}/", flush=True)
            if options.seconds is None:
                signal.sigwait(_STOP)
            else:
                signal.sigtimedwait(_STOP, options.seconds)
            server.shutdown()
            thread.join()
    finally:
        dispatch.close()
        storage.close()


def main() -> None:
    """Opens the shop and closes it again."""
    options = _options()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # in all threads: _serve() waits for them
    with tempfile.TemporaryDirectory(prefix="shop-") as directory:
        _serve(options, Path(directory))
    if options.counts:
        options.counts.write_text(json.dumps(counts.snapshot()))


if __name__ == "__main__":
    main()
