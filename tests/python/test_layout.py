"""The sampler's table of CPython's structures is what the interpreter's own headers say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_checked_in_table_is_what_the_headers_say() -> None:
    generator = ROOT / "tools" / "generate_layout"
    check = subprocess.run([sys.executable, generator, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
