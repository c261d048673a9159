"""start() and history.open() take what is not given from the environment, then from the project's pyproject.toml."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

START = "import tachograph\n"
SHOP = "def sell(): pass\ndef check(): pass\n"


def project(directory: Path, text: str) -> None:
    """Writes a pyproject.toml."""
    directory.mkdir(exist_ok=True)
    (directory / "pyproject.toml").write_text(f'[project]\nname = "shop"\n[tool.tachograph]\n{text}')


def stored(path: Path) -> list[tuple[Any, ...]]:
    """The services, versions and intervals in a history."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT DISTINCT s.name, p.version, s.base_interval_ns FROM services s JOIN processes p ON p.service_id = s.id"
    ).fetchall()
    connection.close()
    return rows


def test_file_says_what_is_not_given(run: Any, tmp_path: Path) -> None:
    project(tmp_path, 'service = "till"\nversion = "7"\nstore = "h.db"\ninterval = 5\n')
    run(START + "tachograph.start()\nwith tachograph.span('s'): pass\nassert tachograph.stop(30)\n")
    assert stored(tmp_path / "h.db") == [("till", "7", 5_000_000_000)]


def test_variable_before_file_and_argument_before_variable(run: Any, tmp_path: Path) -> None:
    project(tmp_path, 'service = "file"\nversion = "file"\nstore = "h.db"\n')
    environment = {"TACHOGRAPH_SERVICE": "variable", "TACHOGRAPH_SERVICE_VERSION": "variable"}
    run(
        START + "tachograph.start(service='argument')\nwith tachograph.span('s'): pass\nassert tachograph.stop(30)\n",
        environment=environment,
    )
    assert stored(tmp_path / "h.db") == [("argument", "variable", 10_000_000_000)]


def test_project_without_settings_still_names_the_service(run: Any, tmp_path: Path) -> None:
    project(tmp_path, "")
    run(START + "tachograph.start(store='h.db')\nwith tachograph.span('s'): pass\nassert tachograph.stop(30)\n")
    assert stored(tmp_path / "h.db")[0][0] == "shop"


def test_file_says_what_to_time(run: Any, tmp_path: Path) -> None:
    project(tmp_path, 'store = "none"\ntime = ["shop.*", "till"]\nexclude = "shop::check"\n')
    (tmp_path / "shop.py").write_text(SHOP)
    timed = "import shop\nshop.sell()\nshop.check()\nprint(*tachograph.statistics())\n"
    assert run(START + "tachograph.start()\n" + timed, code=None).stdout == "shop::sell\n"
    assert run(START + "tachograph.start(instrument='shop::check')\n" + timed).stdout == "\n"
    assert run(START + "tachograph.start(instrument=[])\n" + timed).stdout == "\n"
    done = run(START + "tachograph.start(instrument='shop::sell')\n" + timed, code=None)
    assert done.stderr == "tachograph: nothing was excluded by 'shop::check': it was not to be timed\n"
    variable = {"TACHOGRAPH_EXCLUDE": "shop::sell"}
    assert run(START + "tachograph.start()\n" + timed, environment=variable, code=None).stdout == "shop::check\n"


def test_file_that_cannot_be_used_is_an_error(run: Any, tmp_path: Path) -> None:
    project(tmp_path, "intervall = 5\n")
    done = run(START + "tachograph.start()\n", code=1)
    assert f"ValueError: {tmp_path}/pyproject.toml:4: unknown key 'intervall'" in done.stderr
    done = run(START + "tachograph.history.open()\n", code=1)
    assert f"ValueError: {tmp_path}/pyproject.toml:4: unknown key 'intervall'" in done.stderr
    run(START + "tachograph.start()\n", environment={"TACHOGRAPH_DISABLE": "1"})


def test_history_is_where_the_file_says(run: Any, tmp_path: Path) -> None:
    project(tmp_path, 'store = "h.db"\n')
    run(START + "tachograph.start()\nwith tachograph.span('s'): pass\nassert tachograph.stop(30)\n")
    asked = "import tachograph\nwith tachograph.history.open() as past: print(*[s.name for s in past.services()])\n"
    assert run(asked).stdout == "shop\n"


def test_misspelt_variable_is_a_warning(run: Any) -> None:
    loud = {"TACHOGRAPH_STROE": "x", "PYTHONWARNINGS": "default", "TACHOGRAPH_STORE": "none"}
    done = run(START + "tachograph.start()\ntachograph.start()\n", environment=loud, code=None)
    assert done.returncode == 0
    assert done.stderr.count("nothing reads the variable TACHOGRAPH_STROE; did you mean TACHOGRAPH_STORE?") == 1


def test_names_are_read_as_tomllib_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tomllib

    from tachograph import _native

    monkeypatch.chdir(tmp_path)
    texts = [
        '[project]\nname = "a"\n',
        "project.name = 'a b'\n",
        'project = {name = "\\u00e4\\t\\"q\\""}\n',
        '[ project . "x" ]\ny = 1\n[project]\n"name" = """\\\n   long\n  er"""\n',
        "# nothing\n",
        "[project]\nname = 5\n",
        "\ufeff[project]\nname = 'bom'\n".removeprefix("\ufeff"),
        "[[tool.x]]\na = [1, [2, {b = 3}],]\n[[tool.x]]\n[project]\r\nname = 'crlf'\r\n",
    ]
    for text in texts:
        Path("pyproject.toml").write_text(text, newline="")
        expected = tomllib.loads(text).get("project", {}).get("name")
        assert _native.project_name("") == (expected if isinstance(expected, str) else None)


def test_import_reads_no_file(run: Any, tmp_path: Path) -> None:
    project(tmp_path, "no TOML\n")
    run("import sys, tachograph\nassert 'tomllib' not in sys.modules\n@tachograph.timing\ndef f(): pass\nf()\n")


FAIL = """
import shop
for function in (shop.sell, shop.check):
    try: function(colour="red", name="n")
    except ValueError: pass
assert tachograph.stop(30)
"""


def failures(path: Path) -> list[tuple[Any, ...]]:
    """The exceptions in a history."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT function_name, kwargs FROM function_exceptions ORDER BY id").fetchall()
    connection.close()
    return rows


def test_file_and_variable_say_whose_exceptions_are_recorded(run: Any, tmp_path: Path) -> None:
    project(tmp_path, 'store = "h.db"\nexceptions = ["shop::sell"]\nredact = "colour,size"\n')
    raising = "def sell(*, colour, name): raise ValueError\ndef check(*, colour, name): raise ValueError\n"
    (tmp_path / "shop.py").write_text(raising)
    run(START + "tachograph.start()\n" + FAIL)
    assert failures(tmp_path / "h.db") == [("shop::sell", '{"colour":"[redacted]","name":"n"}')]
    variables = {"TACHOGRAPH_EXCEPTIONS": "shop::check", "TACHOGRAPH_REDACT": "name", "TACHOGRAPH_STORE": "i.db"}
    run(START + "tachograph.start()\n" + FAIL, environment=variables)
    assert failures(tmp_path / "i.db") == [("shop::check", '{"colour":"red","name":"[redacted]"}')]


def test_patterns_that_are_timed_and_watched_have_named_something(run: Any, tmp_path: Path) -> None:
    project(tmp_path, 'store = "h.db"\nexceptions = ["shop"]\nexclude = ["shop::check"]\n')
    (tmp_path / "shop.py").write_text("def sell(): raise ValueError\ndef check(): raise ValueError\n")
    done = run(START + 'tachograph.start(instrument="shop")\nimport shop\ntry: shop.sell()\nexcept ValueError: pass\n')
    assert done.stderr == ""
    assert [row[0] for row in failures(tmp_path / "h.db")] == ["shop::sell"]


def test_words_that_cannot_be_redacted_are_told(run: Any, tmp_path: Path) -> None:
    project(tmp_path, "")
    program = "import tachograph\n@tachograph.exception_logger\ndef f(): pass\nf()\n"
    for words, said in {
        "x" * 64: "is too long: give words of up to 63 letters",
        "iban,--": "'--' is no word: give parts of names with commas between them",
        ",".join(["x"] * 33): "there are 33 words in it: give up to 32",
    }.items():
        done = run(program, environment={"TACHOGRAPH_REDACT": words}, code=None)
        assert done.returncode == 0
        assert "tachograph: secrets: not every word is redacted: TACHOGRAPH_REDACT: " in done.stderr
        assert said in done.stderr


def test_words_of_the_file_that_cannot_be_redacted_are_told(run: Any, tmp_path: Path) -> None:
    program = "import tachograph\n@tachograph.exception_logger\ndef f(): pass\nf()\n"
    for value, said in {
        '"iban,--"': "pyproject.toml:4: '--' is no word",
        '["iban"]': "'redact' in [tool.tachograph] wants a text in quotes, not a list",
        '""': "'redact' in [tool.tachograph] cannot be an empty text",
        "5": "'redact' in [tool.tachograph] wants a text in quotes, not a number",
    }.items():
        project(tmp_path, f"redact = {value}\n")
        done = run(program, code=None)
        assert done.returncode == 0
        assert "pyproject.toml:" in done.stderr
        assert said in done.stderr


SECRET = """
@tachograph.exception_logger
def pay(*, customer_iban): raise ValueError
try: pay(customer_iban="DE12")
except ValueError: pass
assert tachograph.stop(30)
"""


@pytest.mark.parametrize("words", ["iban,", ",,iban, ,", "iban,--", "iban," + "x" * 64, "iban" + ",x" * 33])
@pytest.mark.parametrize("is_file", [True, False])
def test_a_mistake_among_the_words_takes_no_other_away(run: Any, tmp_path: Path, words: str, is_file: bool) -> None:
    project(tmp_path, f'store = "h.db"\nredact = "{words}"\n' if is_file else 'store = "h.db"\n')
    environment = {} if is_file else {"TACHOGRAPH_REDACT": words}
    done = run(START + "tachograph.start()\n" + SECRET, environment=environment, code=None)
    assert failures(tmp_path / "h.db") == [("__main__::pay", '{"customer_iban":"[redacted]"}')]
    assert ("not every word is redacted" in done.stderr) == (words.strip(", ") != "iban")
    assert done.stderr.count("not every word is redacted") <= 1


def test_words_of_the_file_are_taken_out_of_the_command_line(run: Any, tmp_path: Path) -> None:
    project(tmp_path, 'store = "h.db"\nredact = "iban"\n')
    timed = "tachograph.start()\nwith tachograph.span('s'): pass\nassert tachograph.stop(30)\n"
    run(START + timed, "--iban", "hunter-e")
    connection = sqlite3.connect(tmp_path / "h.db")
    [(program,)] = connection.execute("SELECT program FROM processes").fetchall()
    connection.close()
    assert program.endswith(" --iban [redacted]")
