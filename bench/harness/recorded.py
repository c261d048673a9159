"""What this process has recorded."""

from pathlib import Path

import tachograph

USED_BYTES_OFFSET = 904  # struct tg_header in src/record/format.h


def used_bytes() -> int:
    """How much of its recording is in use."""
    path = tachograph.recording_path()
    if not path:
        raise SystemExit("there is no recording file to look at")
    with Path(path).open("rb") as file:
        file.seek(USED_BYTES_OFFSET)
        return int.from_bytes(file.read(8), "little")
