"""Help and wrong usage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tachograph

pytestmark = pytest.mark.any_python


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_overview_names_every_command(cli: Any, words: list[str]) -> None:
    result = cli(*words)
    assert (result.returncode, result.stderr) == (0, "")
    for text in ("run ", "report ", "Examples:", "tachograph run app.py"):
        assert text in result.stdout


@pytest.mark.parametrize("command", ["run", "report", "help", "version"])
def test_each_command_has_help(cli: Any, command: str) -> None:
    first = cli("help", command)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == cli(command, "--help").stdout == cli(command, "-h").stdout
    assert first.stdout.startswith(f"Usage: tachograph {command}")
    assert "Exit codes:" in first.stdout
    assert max(map(len, first.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", ["run", "report"])
def test_help_has_examples_and_its_options(cli: Any, command: str) -> None:
    text = cli("help", command).stdout
    assert f"\n  tachograph {command} " in text.split("Examples:")[1]
    for option in ("-o, --output FILE", "--json", "--sort KEY", "-n, --limit N", "--all"):
        assert option in text


def test_version_is_the_packages(cli: Any) -> None:
    """In the first line; others say what this build lacks."""
    assert cli("--version").stdout == cli("version").stdout
    assert cli("--version").stdout.startswith(f"tachograph {tachograph.__version__}\n")


def test_python_m_is_the_same_program(cli: Any) -> None:
    result = cli.plain(sys.executable, "-m", "tachograph", "help", "run")
    assert result.stdout == cli("help", "run").stdout


WRONG = {
    "command": (["rnu", "a.py"], "did you mean 'tachograph run'"),
    "nothing like it": (["xyzzy"], "tachograph --help"),
    "help of none": (["help", "reprot"], "did you mean 'tachograph report'"),
    "option": (["report", "--srot", "total"], "did you mean '--sort'"),
    "beginning of one": (["run", "--servi", "a", "a.py"], "did you mean '--service'"),
    "beginning of some": (["run", "--serv", "a", "a.py"], "did you mean '--serve'"),
    "letter": (["report", "-z"], "unknown option '-z'"),
    "no value": (["report", "--sort"], "--sort wants a value"),
    "no value for a letter": (["report", "-n"], "-n wants a value"),
    "value for a flag": (["report", "--json=yes"], "--json takes no value"),
    "choice": (["report", "--sort", "size"], "choose one of total, self"),
    "clock": (["run", "--clock", "sundial", "a.py"], "auto, tsc, monotonic, cpu"),
    "number": (["report", "-n", "ten"], "number"),
    "zero": (["report", "-n0"], "number"),
    "negative": (["report", "-n", "-3"], "number"),
    "huge": (["report", "-n", "9" * 30], "number"),
    "pattern": (["run", "--time", "a/b.py", "a.py"], "--time: pattern 'a/b.py'"),
    "exclude": (["run", "--exclude", "[", "a.py"], "--exclude: pattern '['"),
    "nothing to run": (["run"], "nothing to run"),
    "only options to run": (["run", "--json"], "nothing to run"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_2_and_one_line(cli: Any, case: str) -> None:
    words, said = WRONG[case]
    result = cli(*words)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.startswith("tachograph: ")
    assert result.stderr.count("\n") == 1


def test_a_script_for_a_command_gets_the_right_hint(cli: Any) -> None:
    cli.script("print(1)", "app.py")
    result = cli("app.py")
    assert result.returncode == 2
    assert "did you mean 'tachograph run app.py'" in result.stderr


def test_words_are_shown_without_their_control_characters(cli: Any) -> None:
    assert "\x1b" not in cli("\x1b[31m").stderr
    assert "\x1b" not in cli("run", "\x1b[31m.py").stderr


def test_full_output_is_an_error(cli: Any) -> None:
    with Path("/dev/full").open("w") as full:
        result = cli("--help", stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert "standard output" in result.stderr


def test_commands_to_copy_name_the_program_as_it_was_started(cli: Any, tmp_path: Path) -> None:
    script = cli.script("def work():\n    pass\nwork()\n")
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / "tachograph").symlink_to("/bin/false")
    paths = {"found": cli.environment["PATH"], "none": "/usr/bin:/bin", "another": f"{elsewhere}:/usr/bin:/bin"}
    for which, path in paths.items():
        done = cli("run", "--store", tmp_path / "own.db", "--no-report", script, env={"PATH": path})
        lines = dict(line.split(maxsplit=1) for line in done.stderr.splitlines())
        name = "tachograph" if which == "found" else str(cli.program)
        assert lines["again"].startswith(f"{name} report /")
        assert lines["trend"] == f"{name} trend --all --store sqlite:///{tmp_path}/own.db"
        assert subprocess.run(lines["trend"], shell=True, env=cli.environment, check=False).returncode == 0


@pytest.mark.parametrize(
    ("project", "variables", "options", "words"),
    [
        ('name = "quick"', {}, [], ""),
        ('name = "other"', {}, [], " --service quick"),
        ('name = "other"', {}, ["--service", "a b"], " --service 'a b'"),
        ('name = "other"', {"TACHOGRAPH_SERVICE": "quick"}, [], " --service quick"),  # it may be set for this run alone
        ('name = "quick"', {"TACHOGRAPH_SERVICE": "other"}, [], " --service quick"),
        ('name = "quick"\n[tool.tachograph]\nservice = "other"', {}, [], " --service quick"),
        ('name = "quick"\n[tool.tachograph]\nstore = "h.db"', {}, ["--store", "h.db"], ""),
        ('name = "quick"\n[tool.tachograph]\nstore = "h.db"', {}, ["--store", "i.db"], " --store sqlite:///{0}/i.db"),
        ('name = "quick"', {"TACHOGRAPH_STORE": "h.db"}, [], " --store sqlite:///{0}/h.db"),
    ],
)
def test_questions_are_typed_as_they_are(
    cli: Any, project: str, variables: dict[str, str], options: list[str], words: str
) -> None:
    """They ask about what has run, wherever the project's own questions would lead."""
    del cli.environment["TACHOGRAPH_STORE"]
    (cli.directory / "pyproject.toml").write_text(f"[project]\n{project}\n")
    script = cli.script("def fail(): raise KeyError\nfor n in range(3):\n    try: fail()\n    except KeyError: pass\n")
    others = cli.script("def others(): pass\nothers()\n", "others.py")
    assert cli("run", "--service", "other", "--no-report", others).returncode == 0
    named = options if "--service" in options else ["--service", "quick", *options]
    done = cli("run", "--no-report", "--exceptions", "__main__", *named, script, env=variables)
    told = dict(line.split(maxsplit=1) for line in done.stderr.splitlines()[-2:])
    words = words.format(cli.directory)
    assert told == {"trend": f"tachograph trend --all{words}", "failed": f"tachograph exceptions{words}"}
    shown = subprocess.run(
        told["failed"], shell=True, cwd=cli.directory, env=cli.environment, capture_output=True, text=True, check=True
    )
    assert "app.py::fail" in shown.stdout


def test_a_run_without_figures_names_no_question(cli: Any, tmp_path: Path) -> None:
    done = cli("run", "--store", tmp_path / "own.db", "--no-report", "-c", "pass")
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["recorded", "again"]


def test_rank_sorts_as_report_does(cli: Any, tmp_path: Path) -> None:
    script = cli.script("def work():\n    pass\nwork()\n")
    cli("run", "--store", tmp_path / "own.db", "--no-report", script)
    answers = {
        cli("rank", word, "calls", "--store", tmp_path / "own.db", "--json").stdout for word in ("--sort", "--by")
    }
    assert len(answers) == 1
    assert '"by":"calls"' in answers.pop()


def test_a_program_that_failed_at_once_gets_no_advice(cli: Any) -> None:
    done = cli("run", "-m", "nosuchmodule")
    assert done.returncode == 1
    assert "\nThe program failed before it had defined a function to be timed.\n\nrecorded " in done.stderr
    assert "--time" not in done.stderr


def test_what_may_have_been_mistyped_is_said(cli: Any) -> None:
    script = cli.script("def work():\n    pass\nwork()\n")

    def run(*words: str, **environment: str) -> dict[str, str]:
        done = cli("run", "--no-report", "--store", "own.db", *words, script, env=environment)
        return dict(line.split(maxsplit=1) for line in done.stderr.splitlines())

    url = f"sqlite:///{cli.directory / 'own.db'}"
    assert run("--interval", "5")["history"] == f"{url}, a new one"
    later = run("--interval", "5")
    assert (later["history"], later.get("interval")) == (url, None)
    said = "stored every 7.00 s; an iteration of 'app' stays 5.00 s, as it began (another --service begins anew)"
    assert run("--interval", "7")["interval"] == said
    assert run(TACHOGRAPH_INTERVAL="7")["interval"] == said
    assert "interval" not in run()  # nobody asked for one
