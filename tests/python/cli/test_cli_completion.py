"""Completion and the man page: made of the option table, and whole."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.any_python

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


# The start-up file of a zsh that completes $LINE at the first tab, and leaves the words it would offer in $OFFERED.
ZSHRC = """
autoload -Uz compinit && compinit -u -D
source $SCRIPT
compadd() {
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\\ * ]]; then
        local -a hits
        builtin compadd -A hits "$@"
        (( $#hits )) && print -rl -- $hits >>$OFFERED
    fi
    builtin compadd "$@"
}
offer() { BUFFER=$LINE; CURSOR=$#BUFFER; zle complete-line; exit 0 }
zle -C complete-line list-choices _main_complete
zle -N offer
bindkey '^I' offer
print ready
"""


def offered_by_zsh(cli: Any, line: str) -> list[str]:
    """What zsh offers at the end of a line. Its completion works on a terminal only."""
    program = shutil.which("zsh")
    if program is None:
        pytest.skip("needs zsh")
    (cli.directory / ".zshrc").write_text(ZSHRC)
    script, offered = cli.directory / ".script", cli.directory / ".offered"
    script.write_text(cli("completion", "zsh").stdout)
    offered.write_text("")
    environment = {"ZDOTDIR": cli.directory, "SCRIPT": script, "OFFERED": offered, "LINE": line, "TERM": "xterm"}
    main, terminal = pty.openpty()
    words = [program, "--no-globalrcs", "-i"]
    process = cli.start_other(*words, env=environment, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # it has closed its terminal
        while select.select([main], [], [], 30)[0] and (part := os.read(main, 65536)):
            if b"ready" in part:
                os.write(main, b"\t")
            shown += part
    os.close(main)
    assert process.wait(30) == 0, shown
    assert b"_tachograph" not in shown, shown  # no error of the script's
    assert b": bad" not in shown, shown
    return offered.read_text().split()


def offered_by_fish(cli: Any, line: str) -> list[str]:
    """What fish offers at the end of a line."""
    program = shutil.which("fish")
    if program is None:
        pytest.skip("needs fish")
    code = cli("completion", "fish").stdout + "\ncomplete -C $argv[1]"
    done = cli.plain(program, "--no-config", "-c", code, line, env={"HOME": str(cli.directory)})
    assert (done.returncode, done.stderr) == (0, "")
    return [told.split("\t")[0] for told in done.stdout.splitlines()]


OFFERS = {
    "tr": {"trend"},
    "--v": {"--version"},
    "run --clo": {"--clock"},
    "run --clock ": {"auto", "tsc", "monotonic", "cpu"},
    "run --service x --no-r": {"--no-report"},
    "run no": {"notes.txt"},
    "run app.py no": {"notes.txt"},
    "run app.py --ti": set(),
    "run -m shop --ti": set(),
    "run -m shop no": {"notes.txt"},
    "run -m sh": set(),
    "run -- --ti": set(),
    "report --sort p": {"p50", "p99"},
    "report -o no": {"notes.txt"},
    "report no": {"notes.txt"},
    "store ": {"init", "status", "migrate", "verify"},
    "completion z": {"zsh"},
    "help t": {"top", "trend"},
    "help run --m": {"--man"},
}


@pytest.mark.parametrize("ask", [offered_by_zsh, offered_by_fish])
def test_other_shells_complete(cli: Any, commands: list[str], ask: Any) -> None:
    cli.script("", "notes.txt")
    assert set(ask(cli, "tachograph ")) == set(commands)
    for line, expected in OFFERS.items():
        assert set(ask(cli, f"tachograph {line}")) == expected, line


@pytest.mark.parametrize("ask", [offered_by_zsh, offered_by_fish])
def test_other_shells_complete_every_option(cli: Any, commands: list[str], ask: Any) -> None:
    for command in commands:
        expected = {option for option in options_of(cli, command) if option.startswith("--")}
        assert {word for word in ask(cli, f"tachograph {command} --") if word != "--"} == expected, command


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
