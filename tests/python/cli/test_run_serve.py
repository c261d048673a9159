"""The dashboard of a program that runs: `tachograph run --serve`."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ADDRESS = re.compile(r"^dashboard (http://127\.0\.0\.1:\d+/)#token=(\S+)", re.MULTILINE)
# Says that it runs, and ends with its input.
WAITS = "import sys\ndef f(): return 1\nfor _ in range(50): f()\nprint('ready', flush=True)\nsys.stdin.read()\n"


def ask(address: tuple[str, str], path: str) -> Any:
    """An answer of the API."""
    request = urllib.request.Request(address[0] + path, headers={"Authorization": f"Bearer {address[1]}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def is_gone(address: tuple[str, str]) -> bool:
    """Whether nobody listens there any more."""
    try:
        ask(address, "healthz")
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return True
    return False


def start(cli: Any, *words: str | Path) -> tuple[subprocess.Popen[str], tuple[str, str]]:
    """Starts the program with a dashboard; both, once it runs."""
    cli.script(WAITS)
    process = cli.start("run", "--serve", *words, "app.py", stdin=subprocess.PIPE)
    found = ADDRESS.match(process.stderr.readline())
    assert found
    assert process.stdout.readline() == "ready\n"
    return process, (found[1], found[2])


def test_it_lasts_as_long_as_the_program(cli: Any) -> None:
    process, address = start(cli, "--store", "h.db", "--interval", "0.2")
    assert [row["alive"] for row in ask(address, "api/v1/processes?by=process")["rows"]] == [True]
    _, said = process.communicate("")
    assert process.returncode == 0
    assert "f" in said
    assert is_gone(address)


def test_it_shows_the_history_of_the_program(cli: Any, wait_until: Any) -> None:
    """Where none is named it is the usual one, whose name the package would have chosen."""
    del cli.environment["TACHOGRAPH_STORE"]
    process, address = start(cli, "--interval", "0.2")

    def names() -> list[str]:
        try:
            return [row["name"] for row in ask(address, "api/v1/functions")["functions"]]
        except urllib.error.HTTPError as error:  # it has not begun
            error.close()
            return []

    wait_until(lambda: any(name.endswith("::f") for name in names()), "the function in the history")
    service = ask(address, "api/v1/functions")["service"]["name"]
    process.communicate("")
    plain = cli("run", "app.py", stdin=subprocess.DEVNULL)
    assert plain.returncode == 0
    runs = json.loads(cli("runs", "--json").stdout)
    assert (runs["service"]["name"], len(runs["runs"])) == (service, 2)


def test_its_command_line_does_not_show_the_store(cli: Any) -> None:
    """Its password would be there for all users to read."""
    process, address = start(cli, "--store", "h.db", "--service", "shop")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") for child in children]
    serving = [words for words in commands if b"serve" in words]
    assert len(serving) == 1
    assert not [word for word in serving[0] if b"h.db" in word or b"store" in word]
    process.communicate("")
    assert is_gone(address)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_the_program_s(cli: Any, number: int) -> None:
    process, address = start(cli, "--store", "h.db")
    process.send_signal(number)
    assert process.wait(20) == -number
    process.communicate()
    assert is_gone(address)


def test_it_ends_also_when_it_is_killed(cli: Any, wait_until: Any) -> None:
    process, address = start(cli, "--store", "h.db")
    process.kill()
    process.communicate()
    wait_until(lambda: is_gone(address), "the end of the dashboard")


def test_at_a_terminal_it_stays_until_ctrl_c(cli: Any) -> None:
    cli.script("def f(): return 1\nfor _ in range(50): f()\nraise SystemExit(3)\n")
    leader, follower = pty.openpty()
    process = cli.start(
        "run", "--serve", "--store", "h.db", "app.py", stdin=follower, stderr=follower, start_new_session=True
    )
    os.close(follower)
    said = ""
    while "until Ctrl-C" not in said:
        said += os.read(leader, 4096).decode()
    found = ADDRESS.search(said)
    assert found
    assert ask((found[1], found[2]), "api/v1/functions")["function_count"] == 1
    process.send_signal(signal.SIGINT)
    process.communicate()
    os.close(leader)
    assert process.returncode == 3
    assert is_gone((found[1], found[2]))


def test_a_store_that_is_none(cli: Any) -> None:
    assert cli.environment["TACHOGRAPH_STORE"] == "none"
    done = cli("run", "--serve", "-c", "open('ran', 'w')")
    assert done.returncode == 125
    assert "give one with --store" in done.stderr
    assert not (cli.directory / "ran").exists()


def test_a_port_that_is_taken(cli: Any) -> None:
    process, address = start(cli, "--store", "h.db")
    port = address[0].rsplit(":", 1)[1].rstrip("/")
    done = cli("run", "--serve", "--serve-port", port, "--store", "h.db", "-c", "open('ran', 'w')")
    assert done.returncode == 125
    said = f"port {port} of 127.0.0.1 is taken: --serve-port {int(port) + 1} takes another, --serve-port 0 any"
    assert said in done.stderr
    assert "--port" not in done.stderr
    assert "the program was not started" in done.stderr
    assert not (cli.directory / "ran").exists()
    process.communicate("")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--no-history",), "leave out --no-history"),
        (("--json",), "add -o FILE"),
        (("--serve-port", "x"), "'x' is no port"),
    ],
)
def test_what_does_not_go_together(cli: Any, words: tuple[str, ...], said: str) -> None:
    done = cli("run", "--serve", *words, "-c", "pass")
    assert done.returncode == 2
    assert said in done.stderr


def test_a_port_of_no_dashboard(cli: Any) -> None:
    done = cli("run", "--serve-port", "0", "-c", "open('ran', 'w')")
    assert done.returncode == 2
    assert "add --serve" in done.stderr
    assert not (cli.directory / "ran").exists()
