"""Settings that come from the environment."""

from __future__ import annotations

import os


def disabled() -> bool:
    """Whether ``TACHOGRAPH_DISABLE`` asks for the plain program (any value but ``0`` and nothing)."""
    return os.environ.get("TACHOGRAPH_DISABLE", "0") not in ("", "0")
