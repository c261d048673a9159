"""The transcripts of docs/guide, typed again: commands, and what they print but for the figures.

A section is typed into one shell, in a new project beside dist/. `...` stands for any lines, `…` for any text.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [ROOT / "docs" / "guide" / name for name in ("getting-started.md", "exceptions.md")]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"(?<![\w.])[+-]?\d[\d.,:-]*(?: ?(?:[num]s|[smhx]|[KM]iB)\b)?(?: ?%)?|(?<= )-(?= )")
SYSTEM = "/usr/bin/python3"
OTHERS = ("Which Python?", "And away again")

pytestmark = [
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the guide's wheel is one for 3.11"),
    pytest.mark.timeout(600),
]


def sections() -> dict[str, str]:
    """Those in which something is typed, by their titles."""
    parts = [part for guide in GUIDES for part in guide.read_text().split("\n## ")[1:]]
    texts = {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}
    return {title: text for title, text in texts.items() if title not in OTHERS and "\n$ " in text}


SECTIONS = sections()


def files() -> dict[str, str]:
    """The files that the guides show, by the name in their first line."""
    blocks = [text for guide in GUIDES for kind, text in BLOCK.findall(guide.read_text()) if kind == "python"]
    return {text.splitlines()[0].removeprefix("# "): text for text in blocks if text.startswith("# ")}


def transcript(title: str) -> list[tuple[str, list[str]]]:
    """Commands and the lines that each prints."""
    told: list[tuple[str, list[str]]] = []
    for kind, text in BLOCK.findall(SECTIONS[title]):
        for line in text.splitlines() if not kind else []:
            if line.startswith("$ "):
                told.append((line[2:], []))
            else:
                told[-1][1].append(line)
    return told


def pattern_of(lines: list[str]) -> re.Pattern[str]:
    """What the output has to be, its figures aside."""
    any_lines, any_text = r"(?:.*\n)*?", ".*"
    forms = [any_lines if line == "..." else re.escape(plain(line)).replace("…", any_text) + r"\n" for line in lines]
    return re.compile("".join(forms))


def plain(text: str) -> str:
    """Without figures, the clock of the machine, and what aligns columns."""
    return " ".join(re.sub(r"clock \w+", "clock #", FIGURE.sub("#", text)).split())


def wait_for_end(command: str) -> str:
    """A `kill`, and until what it kills is gone."""
    target = command.rpartition(" -9 ")[2].removeprefix("kill ")
    return f"killed={target}; {command}; while kill -0 $killed 2>/dev/null; do :; done"


def type_in(commands: list[str], directory: Path, environment: dict[str, str]) -> list[str]:
    """Types the commands into a shell; what each prints."""
    lines = [
        f"echo '<<< {number}'\n{wait_for_end(command) if command.startswith('kill ') else command}\n"
        for number, command in enumerate(commands)
    ]
    with subprocess.Popen(
        ["bash", "-c", "".join(lines) + "echo '<<< end'\n"],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            output, _ = shell.communicate(timeout=300)
        finally:  # also what it has left in the background
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    assert output.endswith("<<< end\n"), output
    return re.split(r"^<<< .*\n", output, flags=re.MULTILINE)[1:-1]


class Place:
    """A user's home, a project, and the Python that is first on PATH."""

    def __init__(self, directory: Path, wheel: Path) -> None:
        self.project = directory / "shop"
        self.bin = directory / "bin"
        for path in (self.project, self.bin, directory / "dist", directory / "home"):
            path.mkdir()
        shutil.copy(wheel, directory / "dist")
        (self.project / "pyproject.toml").write_text('[project]\nname = "shop"\n')
        for name, text in files().items():
            (self.project / name).write_text(text)
        base = Path(sys.base_prefix) / "bin" / "python3.11"
        for name in ("python3", "python3.11"):
            (self.bin / name).symlink_to(base)
        self.environment = {
            "HOME": str(directory / "home"),
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "PIP_ROOT_USER_ACTION": "ignore",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "TACHOGRAPH_RUNTIME_DIR": str(directory / "home"),
        }

    def prepare(self, title: str) -> None:
        """Makes what a section takes for granted, or skips it where that is not to be had."""
        if SYSTEM in "".join(command for command, _ in transcript(title)) and not is_3_11(SYSTEM):
            pytest.skip(f"{SYSTEM} is no 3.11")
        for tool in ("uv", "poetry"):
            if title.lower() == tool:
                self.take(tool)
        if title.startswith("conda"):
            self.make_prefix()
        if "gunicorn" in title:
            self.take_gunicorn()

    def take(self, tool: str) -> None:
        """A tool of the tests' or of the machine, for a project of its own."""
        path = shutil.which(tool, path=f"{ROOT / 'build' / 'guide' / 'bin'}{os.pathsep}{os.environ['PATH']}")
        if path is None:
            pytest.skip(f"needs {tool}")
        (self.bin / tool).symlink_to(path)
        (self.project / "pyproject.toml").unlink()

    def make_prefix(self) -> None:
        """A Python that has been moved, with packages of its own."""
        base, prefix = Path(sys.base_prefix), self.project.parent / "prefix"
        if str(base) == "/usr":
            pytest.skip("the system's Python lies in several directories")
        packages = prefix / "lib" / "python3.11" / "site-packages"
        packages.mkdir(parents=True)
        (prefix / "bin").mkdir()
        shutil.copy(base / "bin" / "python3.11", prefix / "bin" / "python3")
        for path in (base / "lib" / "python3.11").iterdir():
            if path.name != "site-packages":
                (packages.parent / path.name).symlink_to(path)
        for path in (base / "lib" / "python3.11" / "site-packages").glob("pip*"):
            (packages / path.name).symlink_to(path)
        self.environment["PATH"] = f"{prefix}/bin:/usr/bin:/bin"

    def take_gunicorn(self) -> None:
        """Its wheel, by pip: an environment has what is in this one only by its index."""
        wheels = self.project.parent / "wheels"
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(wheels), "gunicorn"]
        if subprocess.run(command, capture_output=True, timeout=120, check=False).returncode != 0:
            pytest.skip("needs a package index")
        self.environment["PIP_FIND_LINKS"] = str(wheels)
        if shutil.which("curl", path="/usr/bin:/bin") is None:
            pytest.skip("needs curl")


def is_3_11(python: str) -> bool:
    asked = "import sys, venv; sys.exit(sys.version_info[:2] != (3, 11))"
    return Path(python).exists() and subprocess.run([python, "-c", asked], timeout=60, check=False).returncode == 0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize("title", SECTIONS)
def test_the_guide_tells_what_happens(title: str, wheel: Path, tmp_path: Path) -> None:
    place = Place(tmp_path, wheel)
    place.prepare(title)
    port = f"127.0.0.1:{free_port()}"
    typed = [(command.replace("127.0.0.1:8000", port), lines) for command, lines in transcript(title)]
    assert len(typed) >= 3
    printed = type_in([command for command, _ in typed], place.project, place.environment)
    for (command, lines), output in zip(typed, printed, strict=True):
        expected = pattern_of(lines)
        same = expected.fullmatch("".join(f"{plain(line)}\n" for line in output.splitlines()))
        assert same, f"$ {command}\n{output}--- and in the guide:\n" + "\n".join(lines)
