"""A small web shop: something real for `make demo` to time.

It listens on loopback, keeps its orders in SQLite and has a pool of workers that find a carrier for each order. It
knows nothing of tachograph. Started from this directory's parent by ``python -m shop``.
"""
