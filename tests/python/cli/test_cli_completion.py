"""Completion and the man page: made of the option table, and whole."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest

SHELLS = ["bash", "zsh", "fish"]


def options_of(cli: Any, command: str) -> list[str]:
    """The names and letters of a command's options, as its help has them."""
    text = cli("help", command).stdout
    lines = re.findall(r"^  (?:(-\w)(?:, | )|    )?(?:  )?(--[\w-]+)?", text.split("\nOptions:\n")[1], re.MULTILINE)
    return [word for pair in lines for word in pair if word]


@pytest.fixture
def commands(cli: Any) -> list[str]:
    """All there are."""
    found = re.findall(r"^  (\w+) +\w", cli("help").stdout.split("Commands:")[1].split("Examples:")[0], re.MULTILINE)
    assert {"run", "report", "clean", "doctor", "completion"} <= set(found)
    return found


@pytest.fixture
def complete(cli: Any) -> Any:
    """What bash offers for the last of the words; "(default)" where it is left to complete files."""
    script = cli("completion", "bash").stdout
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")

    def ask(*words: str) -> list[str]:
        test = """
compopt() { echo "(default)"; }
eval "$1"
shift
COMP_WORDS=(tachograph "$@")
COMP_CWORD=$(($# ))
_tachograph
[[ ${#COMPREPLY[@]} == 0 ]] || printf '%s\\n' "${COMPREPLY[@]}"
"""
        done = subprocess.run(
            [bash, "-u", "-c", test, "bash", script, *words], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stderr == ""
        return done.stdout.split()

    return ask


def test_bash_completes_commands(complete: Any, commands: list[str]) -> None:
    assert complete("") == [*commands, "--help", "--version"]
    assert complete("tr") == ["trend"]
    assert complete("--v") == ["--version"]


def test_bash_completes_every_option(cli: Any, complete: Any, commands: list[str]) -> None:
    for command in commands:
        expected = options_of(cli, command)
        assert "--help" in expected
        assert sorted(complete(command, "-")) == sorted(expected), command


def test_bash_completes_values(complete: Any) -> None:
    assert complete("run", "--clock", "") == ["auto", "tsc", "monotonic", "cpu"]
    assert complete("run", "--clock", "t") == ["tsc"]
    assert complete("run", "--clock", "=", "mo") == ["monotonic"]
    assert complete("run", "--clock", "=") == ["auto", "tsc", "monotonic", "cpu"]
    assert complete("report", "-o", "x") == ["(default)"]
    assert complete("run", "--service", "") == []
    assert complete("run", "--service", "--cl") == []


def test_bash_completes_operands(complete: Any, commands: list[str]) -> None:
    assert complete("store", "") == ["init", "status", "migrate", "verify"]
    assert complete("completion", "z") == ["zsh"]
    assert complete("help", "") == [*commands, "settings"]
    assert complete("report", "x") == ["(default)"]


def test_bash_leaves_the_programs_words_alone(complete: Any) -> None:
    assert complete("run", "ap") == ["(default)"]
    assert complete("run", "app.py", "--ti") == ["(default)"]
    assert complete("run", "--time", "x", "--no-r") == ["--no-report"]
    assert complete("run", "--time", "=", "x", "--no-r") == ["--no-report"]
    assert complete("run", "-m", "shop", "--ti") == ["(default)"]
    assert complete("run", "-m", "sh") == []
    assert complete("run", "--", "--ti") == ["(default)"]
    assert complete("report", "x", "--js") == ["--json"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_is_in_each_script(cli: Any, commands: list[str], shell: str) -> None:
    script = cli("completion", shell).stdout
    for command in commands:
        assert command in script
        for option in options_of(cli, command):
            word = option if shell != "fish" else f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1]}"
            assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", script), (command, option)


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_ones_for_their_shells(cli: Any, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    result = subprocess.run(
        [program, "-n"], input=cli("completion", shell).stdout, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_bash_script_has_no_known_faults(cli: Any) -> None:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("needs shellcheck")
    result = subprocess.run(
        [program, "-s", "bash", "-"],
        input=cli("completion", "bash").stdout,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_man_page_has_everything(cli: Any, commands: list[str]) -> None:
    page = cli("help", "--man").stdout.replace("\\-", "-")
    for command in commands:
        section = page.split(f"\n.SS {command}\n")[1].split("\n.S")[0]
        for option in options_of(cli, command):
            assert f"\\fB{option}\\fR" in section, (command, option)
    for variable in re.findall(r"^  (TACHOGRAPH_\w+)", cli("help", "settings").stdout, re.MULTILINE):
        assert f"\\fB{variable}\\fR" in page


def test_man_page_is_one(cli: Any) -> None:
    program = shutil.which("groff")
    if program is None:
        pytest.skip("needs groff")
    page = cli("help", "--man").stdout
    done = subprocess.run(
        [program, "-man", "-Tascii", "-ww"], input=page, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    plain = " ".join(re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout).split())
    assert "tachograph run [OPTION]... SCRIPT [ARGUMENT]..." in plain
    assert "'shop.*' with its submodules" in plain


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_completion_of_no_shell(cli: Any, words: list[str]) -> None:
    result = cli("completion", *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert "name one shell: bash, zsh or fish" in result.stderr
