"""Settings: which value counts, what is refused, and that the guide says the same as the program."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guide" / "settings.md"
WORK = "def work():\n    pass\n\ndef other():\n    pass\n\nfor _ in range(3):\n    work()\n    other()\n"


def project(cli: Any, text: str, directory: str = ".") -> Path:
    """Writes a pyproject.toml."""
    path: Path = cli.directory / directory / "pyproject.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[project]\nname = "shop"\n[tool.tachograph]\n{text}')
    return path


def no_variables(cli: Any, *names: str) -> None:
    """Takes away what the fixture sets."""
    for name in names:
        cli.environment.pop(f"TACHOGRAPH_{name}")


def told(result: Any) -> dict[str, Any]:
    """The report of a run with --json."""
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stderr)
    return answer


def test_run_takes_what_the_project_says(cli: Any) -> None:
    no_variables(cli, "STORE")
    project(cli, 'service = "till"\nversion = "7"\nstore = "kept/h.db"\ninterval = 5\nexclude = "__main__::other"\n')
    (cli.directory / "kept").mkdir()
    report = told(cli("run", "--json", cli.script(WORK), cwd="/"))
    assert [function["name"] for function in report["functions"]] == ["__main__::work"]
    assert (report["processes"][0]["service"], report["processes"][0]["service_version"]) == ("till", "7")
    connection = sqlite3.connect(cli.directory / "kept" / "h.db")
    assert connection.execute("SELECT name, base_interval_ns FROM services").fetchall() == [("till", 5_000_000_000)]
    connection.close()


@pytest.mark.parametrize(
    ("option", "variable", "expected"),
    [
        (None, None, "file"),
        (None, "variable", "variable"),
        ("option", "variable", "option"),
        ("option", None, "option"),
    ],
)
def test_option_then_variable_then_file(cli: Any, option: str | None, variable: str | None, expected: str) -> None:
    project(cli, 'service = "file"\n')
    words = ["--service", option] if option else []
    env = {"TACHOGRAPH_SERVICE": variable} if variable else {}
    report = told(cli("run", "--json", *words, cli.script(WORK), env=env))
    assert report["processes"][0]["service"] == expected


def test_project_is_that_of_the_script(cli: Any) -> None:
    project(cli, 'version = "here"\n')
    project(cli, 'version = "there"\n', "there")
    script = cli.script(WORK, "there/bin/app.py")
    cli.script("", "package/__init__.py")
    cli.script(WORK, "package/__main__.py")

    def version(*words: Any) -> str:
        return str(told(cli("run", "--json", *words))["processes"][0]["service_version"])

    assert version(script) == "there"
    assert version("there/bin/app.py") == "there"
    assert version(cli.environment["TACHOGRAPH_PYTHON"], script) == "there"
    assert version("-m", "package") == "here"
    assert version("-c", WORK) == "here"


def test_children_keep_to_the_project_of_the_run(cli: Any) -> None:
    project(cli, 'service = "outer"\n')
    project(cli, 'service = "inner"\nstore = "inner.db"\n', "inner")
    cli.script(WORK, "inner/app.py")
    script = cli.script("import subprocess, sys\nsubprocess.run([sys.executable, 'inner/app.py'], check=True)\n")
    services = {process["service"] for process in told(cli("run", "--json", script))["processes"]}
    assert services == {"outer"}
    assert not (cli.directory / "inner" / "inner.db").exists()


def test_questions_ask_the_store_of_the_project(cli: Any) -> None:
    no_variables(cli, "STORE")
    project(cli, 'store = "h.db"\n')
    assert cli("run", "--json", cli.script(WORK)).returncode == 0
    below = cli.directory / "a" / "b"
    below.mkdir(parents=True)
    for words in (["rank"], ["trend", "--all"], ["store", "status"]):
        result = cli(*words, cwd=below)
        assert result.returncode == 0, result.stderr
        assert f"history   {cli.directory}/h.db" in result.stdout
    assert "there is no history" in cli("rank", cwd="/").stderr


REFUSED = {
    "unknown key": (
        'stor = "h.db"\n',
        "pyproject.toml:4: unknown key 'stor' in [tool.tachograph]; did you mean 'store'?",
    ),
    "type": ('interval = "5"\n', "pyproject.toml:4: 'interval' in [tool.tachograph] wants a number of seconds"),
    "no TOML": ("interval = \n", "pyproject.toml:4: no TOML: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused(cli: Any, case: str) -> None:
    no_variables(cli, "STORE")
    text, message = REFUSED[case]
    path = project(cli, text)
    for words in (["run", cli.script("print(1)")], ["rank"], ["collect"], ["store", "init"]):
        result = cli(*words)
        assert result.returncode in (1, 2)
        assert result.stdout == ""
        assert f"{path.parent}/{message}" in result.stderr


def test_a_disabled_program_runs_whatever_the_file_says(cli: Any) -> None:
    project(cli, "intervall = 5\n")
    result = cli("run", cli.script("print(1)"), env={"TACHOGRAPH_DISABLE": "1"})
    assert (result.returncode, result.stdout) == (0, "1\n")
    assert "warning: " in result.stderr
    assert "did you mean 'interval'?" in result.stderr


def test_python_of_the_project(cli: Any) -> None:
    python = cli.environment["TACHOGRAPH_PYTHON"]
    no_variables(cli, "PYTHON")
    project(cli, f'python = "{python}"\n')
    assert cli("run", "--no-report", cli.script("import sys; print(sys.executable)")).stdout.strip() == python
    project(cli, 'python = "bin/none"\n')
    assert f"(from {cli.directory}/pyproject.toml:4)" in cli("run", "app.py").stderr


@pytest.mark.parametrize("value", ["soon", "1e9"])
def test_variables_are_checked_before_the_program_starts(cli: Any, value: str) -> None:
    result = cli("run", cli.script("print(1)"), env={"TACHOGRAPH_INTERVAL": value})
    assert (result.returncode, result.stdout) == (2, "")
    assert f"TACHOGRAPH_INTERVAL: '{value}' is no interval" in result.stderr


def test_misspelt_variable_is_a_warning(cli: Any) -> None:
    result = cli("run", "--no-report", cli.script("print(1)"), env={"TACHOGRAPH_SERVCE": "shop"})
    assert (result.returncode, result.stdout) == (0, "1\n")
    assert "warning: nothing reads the variable TACHOGRAPH_SERVCE; did you mean TACHOGRAPH_SERVICE?" in result.stderr
    other = cli("run", "--no-report", cli.script("print(1)"), env={"TACHOGRAPH_SERVICE_HOST": "10.0.0.1"})
    assert "warning" not in other.stderr


def test_guide_lists_the_settings_there_are(cli: Any) -> None:
    listed = re.findall(
        r"^  (TACHOGRAPH_\w+)(?:, key (\w+))?(?:, run (--[\w-]+))?(?:, start\((\w+)=\))?$",
        cli("help", "settings").stdout,
        re.MULTILINE,
    )
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|\n").split("|")[:4]]
        for line in GUIDE.read_text().splitlines()
        if line.startswith("| `TACHOGRAPH_")
    ]
    assert len(listed) >= 12
    assert rows == [
        [variable, key, option, f"{argument}=" if argument else ""] for variable, key, option, argument in listed
    ]


def test_options_of_run_that_are_settings_exist(cli: Any) -> None:
    text = cli("help", "run").stdout
    for option in re.findall(r"run (--[\w-]+)", cli("help", "settings").stdout):
        assert f" {option} " in text


def test_a_relative_store_is_of_the_directory_of_the_start(cli: Any) -> None:
    """Wherever the program goes, wherever its children begin, and wherever it is collected when it was killed."""
    cli.script(
        "import os, subprocess, sys\n"
        "from tachograph import timing\n"
        "@timing\n"
        "def f(): pass\n"
        "f()\n"
        "if len(sys.argv) == 1:\n"
        "    os.mkdir('below')\n"
        "    os.chdir('below')\n"
        "    subprocess.run([sys.executable, '../app.py', 'child'])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    for environment in ({}, {"TACHOGRAPH_STORE": "rel.db"}):
        words = [] if environment else ["--store", "rel.db"]
        shutil.rmtree(cli.directory / "below", ignore_errors=True)
        ran = cli("run", *words, "--service", "here", "app.py", env=environment)
        assert "rel.db" in ran.stderr
        assert [path.name for path in cli.directory.rglob("*.db")] == ["rel.db"]
        told = json.loads(cli("rank", "--store", "rel.db", "--json").stdout)
        assert [row["call_count"] for row in told["functions"]] == [2]
        (cli.directory / "rel.db").unlink()
