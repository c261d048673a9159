"""What a script of bench/ says: one line of JSON for each figure. The driver reads them."""

import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
QUICK = os.environ.get("TACHOGRAPH_BENCH_QUICK") == "1"


def rounds(full: int) -> int:
    """As many rounds as asked for, or a fifth when it has to be quick."""
    return max(5, full // 5) if QUICK else full


def report(claim: str, value: float, **details: float) -> None:
    """State one figure; the claim is a key of the table in bars.py."""
    print(json.dumps({"claim": claim, "value": value, "details": details}), flush=True)
