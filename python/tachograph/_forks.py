"""Forks: Python warns of them while other threads live, and a child has none of its parent's threads.

What runs threads of its own in this process, the collector and the sampler, ends them before and begins them again after.
"""

from __future__ import annotations

import os

from tachograph import _native


class _State:
    """Of the process."""

    are_hooked = False


def hook() -> None:
    """Has the native side told of each fork, from now on."""
    if not _State.are_hooked:
        _State.are_hooked = True
        os.register_at_fork(
            before=_native.before_fork,
            after_in_parent=_native.after_fork_in_parent,
            after_in_child=_native.after_fork_in_child,
        )
