"""Which Python `tachograph run` takes, and what it says when that one cannot be timed."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import shutil
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tachograph

# What the probe hears from such an interpreter, and what of it is said.
UNSUPPORTED = {
    "too old": ("cpython", "3.10.1", "", "CPython 3.10.1"),
    "too new": ("cpython", "3.99.0", "", "CPython 3.99.0"),
    "ancient": ("cpython", "2.7.18", "", "CPython 2.7.18"),
    "free-threaded": ("cpython", "3.13.1", "t", "free-threaded"),
    "another": ("pypy", "3.11.4", "", "pypy 3.11.4"),
}


def fake(cli: Any, text: str, name: str = "bin/python") -> Path:
    """An interpreter that is a shell script."""
    path: Path = cli.script(f"#!/bin/sh\n{text}\n", name)
    path.chmod(0o755)
    return path


def real(cli: Any, options: str = "", name: str = "bin/python") -> Path:
    """The interpreter of the tests by another name, with options of its own."""
    return fake(cli, f'exec {shlex.quote(sys.executable)} {options} "$@"', name)


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_interpreter_is_refused_clearly(cli: Any, case: str) -> None:
    implementation, version, flags, said = UNSUPPORTED[case]
    python = fake(
        cli, f"printf '\\n@tachograph-probe@\\t{implementation}\\t{version}\\t{flags}\\t0.1.0\\t1\\t.so\\t\\n'"
    )
    result = cli("run", "--python", python, cli.script("print(1)"))
    assert (result.returncode, result.stdout) == (125, "")
    assert said in result.stderr
    assert "3.11 to 3.14" in result.stderr
    assert str(python) in result.stderr


def alone(cli: Any, source: object = None) -> Path:
    """The program by itself; with `source`, beside a Python that says that it was installed from there."""
    program: Path = cli.directory / "alone" / "tachograph"
    program.parent.mkdir()
    shutil.copy(cli.program, program)
    if source is not None:
        fake(cli, f"printf 'noise\\n@tachograph-source@\\t%s\\n' {shlex.quote(str(source))}", "alone/python")
    return program


@pytest.mark.parametrize(
    ("source", "typed"),
    [
        (None, "in a checkout of tachograph, type: {python} -m pip install .\n"),
        ("/src/my tachograph", "; type: {python} -m pip install '/src/my tachograph'\n"),
        ("/w/tachograph-0.1.0-cp3{minor}-cp3{minor}-linux.whl", "; type: {python} -m pip install {source}\n"),
        ("/w/tachograph-0.1.0-cp32-cp32-linux.whl", "in a checkout of tachograph, type: {python} -m pip install .\n"),
    ],
)
def test_not_installed_gives_the_line_to_type(cli: Any, source: str | None, typed: str) -> None:
    """One that works: tachograph is in no package index."""
    source = source and source.format(minor=sys.version_info[1])
    python = real(cli, "-S", "my env/python")
    program = alone(cli, source)
    result = cli.plain(program, "run", "--python", "my env/python", cli.script("print(1)"))
    assert (result.returncode, result.stdout) == (125, "")
    assert result.stderr.endswith(typed.format(python=f"'{python}'", source=source))
    assert result.stderr.count("\n") == 1


def test_install_line_names_what_the_program_was_installed_from(cli: Any) -> None:
    note = importlib.metadata.distribution("tachograph").read_text("direct_url.json")
    if note is None or cli.program.parent != Path(sys.executable).parent:
        pytest.skip("the program under test was not installed by pip")
    source = urllib.request.url2pathname(urllib.parse.urlsplit(json.loads(note)["url"]).path)
    result = cli("run", "--python", real(cli, "-S"), cli.script("print(1)"))
    assert result.stderr.endswith(f" -m pip install {shlex.quote(source)}\n")


def test_other_version_is_refused(cli: Any) -> None:
    cli.script("__version__ = '9.9.9'", "other/tachograph/__init__.py")
    result = cli("run", cli.script("print(1)"), env={"PYTHONPATH": str(cli.directory / "other")})
    assert result.returncode == 125
    assert "has 9.9.9" in result.stderr


def test_broken_installation_says_what_broke(cli: Any) -> None:
    cli.script("raise RuntimeError('half a wheel')", "other/tachograph/__init__.py")
    result = cli("run", cli.script("print(1)"), env={"PYTHONPATH": str(cli.directory / "other")})
    assert result.returncode == 125
    assert "half a wheel" in result.stderr


def test_extension_that_is_gone_is_said(cli: Any) -> None:
    """The package can still be imported, so that no program breaks."""
    package = Path(tachograph.__file__).parent
    cli.script("", "other/placeholder")
    shutil.copytree(package, cli.directory / "other" / "tachograph", ignore=shutil.ignore_patterns("*.so"))
    result = cli("run", cli.script("print(1)"), env={"PYTHONPATH": str(cli.directory / "other")})
    assert (result.returncode, result.stdout) == (125, "")
    assert "cannot be imported by the Python from" in result.stderr
    assert "No module named 'tachograph._native'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_lies_around_does_not_confuse_the_probe(cli: Any) -> None:
    for name in ("tachograph", "os", "sys", "encodings", "site", "io"):
        cli.script("raise SystemExit('shadowed')", f"{name}.py")
    elsewhere = cli.script("print('ran')", "elsewhere/app.py")
    result = cli("run", elsewhere)
    assert (result.returncode, result.stdout) == (0, "ran\n")


@pytest.mark.parametrize(
    "variable",
    [
        "PYTHONINSPECT",
        "PYTHONVERBOSE",
        "PYTHONPROFILEIMPORTTIME",
        "PYTHONSAFEPATH",
        "PYTHONDEVMODE",
        "PYTHONMALLOCSTATS",
    ],
)
def test_variables_of_python_do_not_confuse_the_probe(cli: Any, variable: str) -> None:
    script = cli.script("def f(): pass\nf()\nprint('ran')")
    plain = cli.plain(sys.executable, script, env={variable: "1"}, input="")
    result = cli("run", script, env={variable: "1"})
    assert (result.returncode, result.stdout) == (plain.returncode, plain.stdout)
    assert "__main__::f" in result.stderr


def test_noise_of_a_sitecustomize_does_not_confuse_the_probe(cli: Any) -> None:
    cli.script(
        "import sys\nprint('hello')\nprint('@tachograph-probe@')\nsys.stderr.write('x')", "path/sitecustomize.py"
    )
    result = cli("run", cli.script("print('ran')"), env={"PYTHONPATH": str(cli.directory / "path")})
    assert result.returncode == 0
    assert result.stdout.endswith("ran\n")


def test_interpreter_that_is_not_there_is_127(cli: Any) -> None:
    script = cli.script("print(1)")
    for python in ("/no/such/python", "no-such-python"):
        result = cli("run", "--python", python, script)
        assert (result.returncode, result.stdout) == (127, "")
        assert python in result.stderr
        assert "--python" in result.stderr
    result = cli("run", script, env={"TACHOGRAPH_PYTHON": "", "PATH": "/nowhere"})
    assert result.returncode in (0, 127)  # 0: the program under test lies in a virtual environment


def test_interpreter_that_cannot_be_executed_is_126(cli: Any) -> None:
    script = cli.script("print(1)")
    plain = cli.script("no program", "bin/plain")
    assert cli("run", "--python", plain, script).returncode == 126
    plain.chmod(0o755)
    foreign = fake(cli, "", "bin/foreign")
    foreign.write_bytes(b"\x7fELF, but no more")
    for python in (foreign, fake(cli, "echo oops; exit 3", "bin/oops")):
        result = cli("run", "--python", python, script)
        assert (result.returncode, result.stdout) == (126, "")
        assert str(python) in result.stderr


def test_without_path_programs_are_where_exec_looks(cli: Any) -> None:
    del cli.environment["PATH"]
    result = cli("run", "--python", "true", cli.script("def f(): pass\n"))
    assert (result.returncode, result.stdout) == (126, "")
    assert "/bin/true' (from --python) does not work as a Python: it says nothing" in result.stderr


def test_active_virtual_environment_comes_before_path(cli: Any) -> None:
    script = cli.script("import sys\nprint(sys.orig_argv[0])")
    python = cli.directory / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    environment = {"TACHOGRAPH_PYTHON": "", "VIRTUAL_ENV": str(cli.directory / "env")}
    packages = ":".join(path for path in sys.path if "site-packages" in path)  # a link alone is no environment
    result = cli("run", script, env={**environment, "PYTHONPATH": packages})
    assert result.stdout == f"{python}\n"


def test_broken_virtual_environment_is_an_error(cli: Any) -> None:
    environment = {"TACHOGRAPH_PYTHON": "", "VIRTUAL_ENV": "/no/env"}
    result = cli("run", cli.script("print(1)"), env=environment)
    assert (result.returncode, result.stdout) == (127, "")
    assert "/no/env/bin/python" in result.stderr
    assert "VIRTUAL_ENV" in result.stderr


def test_command_on_path_runs_with_its_own_python(cli: Any) -> None:
    text = "import sys\ndef f(): print(sys.argv)\nf()\n"
    command = cli.script(f"#!{real(cli)}\n{text}", "commands/greet")
    long = cli.script(f"#!/bin/sh\n'''exec' \"{real(cli)}\" \"$0\" \"$@\"\n' '''\n{text}", "commands/long")
    through_env = cli.script(f"#!/usr/bin/env python\n{text}", "commands/through")
    foreign = cli.script("#!/bin/sh\necho no\n", "commands/foreign")
    for path in (command, long, through_env, foreign):
        path.chmod(0o755)
    environment = {"PATH": f"{command.parent}:{cli.directory / 'bin'}:/usr/bin:/bin"}
    for path in (command, long, through_env):
        result = cli("run", path.name, "-q", env=environment)
        assert result.stdout == f"{[str(path), '-q']}\n", result.stderr
        assert "__main__::f" in result.stderr
    result = cli("run", "foreign", env=environment)
    assert (result.returncode, result.stdout) == (126, "")
    assert "no Python program" in result.stderr


def test_a_compiled_program_is_said_to_be_one(cli: Any) -> None:
    interpreter = cli.directory / "interpreter"
    shutil.copy(Path(sys.executable).resolve(), interpreter)
    forbidden = cli.script("", "other/python3")
    shutil.copy("/bin/true", forbidden)
    forbidden.chmod(0o644)
    for command in ("run", "record"):
        for word in ("/bin/true", "./interpreter", "true"):
            result = cli(command, word)
            assert (result.returncode, result.stdout) == (126, "")
            assert "is a compiled program: give a script, or -m MODULE; if it is a Python itself" in result.stderr
        result = cli(command, "--python", sys.executable, "/bin/true")
        assert (result.returncode, result.stdout) == (126, "")
        assert "'/bin/true' is a compiled program: give a script, or -m MODULE; a program that has" in result.stderr
        result = cli(command, forbidden)
        assert (result.returncode, result.stdout) == (126, "")
        assert f"the interpreter '{forbidden}' (from the command line) is not executable" in result.stderr


def test_a_compiled_program_with_a_zip_file_at_its_end_is_run_as_that(cli: Any) -> None:
    archive = cli.directory / "app.zip"
    compiled = Path("/bin/true").read_bytes()
    for comment in (b"", b"a comment"):
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("__main__.py", "print('zipped')")
            file.comment = comment
        (cli.directory / "app").write_bytes(compiled + archive.read_bytes())
        assert cli("run", cli.directory / "app").stdout == "zipped\n"
    (cli.directory / "app").write_bytes(compiled + b"PK\5\6" + bytes(18) + b"no comment")
    assert cli("run", cli.directory / "app").returncode == 126


def test_command_named_by_its_path_runs_with_the_python_beside_it(cli: Any) -> None:
    text = "import sys\ndef f(): print(sys.flags.safe_path, sys.argv)\nf()\n"
    python = real(cli, "-P", "env/bin/python")
    command = cli.script(f"#!{python}\n{text}", "env/bin/greet")
    elsewhere = cli.script(f"#!{python}\n{text}", "scripts/greet")
    for path in (command, elsewhere):
        path.chmod(0o755)
    (cli.directory / "link").symlink_to("env")
    for word in (str(command), "env/bin/greet", "link/bin/greet"):
        result = cli("run", word, "-q")
        assert result.stdout == f"True {[word, '-q']}\n", result.stderr
        assert "__main__::f" in result.stderr
    assert cli("run", "--python", sys.executable, command).stdout == f"False {[str(command)]}\n"
    assert cli("run", elsewhere).stdout == f"False {[str(elsewhere)]}\n"  # a script of the project's


SHEBANGS = {
    "kernel": "#!{python} -sP",
    "blanks": "#! {python}  -sP ",
    "env": "#! /usr/bin/env -S python -s -P",
    "shell": "#!/bin/sh\n'''exec' \"{python}\" -sP \"$0\" \"$@\"\n' '''",
    "uv": "#!/bin/sh\n'''exec' '{python}' -s -P \"$0\" \"$@\"\n' '''",
}


@pytest.mark.parametrize("case", SHEBANGS)
def test_arguments_in_the_first_line_of_a_command_are_kept(cli: Any, case: str) -> None:
    text = "import sys\ndef f(): print(sys.flags.no_user_site, sys.flags.safe_path, sys.argv[1:])\nf()\n"
    spaced = case in ("shell", "uv")  # the kernel could not start it
    python = real(cli, name="with blanks/python" if spaced else "bin/python")
    command = cli.script(SHEBANGS[case].format(python=python) + "\n" + text, "commands/greet")
    command.chmod(0o755)
    environment = {"PATH": f"{command.parent}:{cli.directory / 'bin'}:/usr/bin:/bin"}
    plain = cli.plain(command, "-q", env=environment)
    assert plain.stdout == "1 True ['-q']\n", plain.stderr
    timed = cli("run", "greet", "-q", env=environment)
    assert timed.stdout == plain.stdout, timed.stderr
    assert "__main__::f" in timed.stderr
    other = cli("run", "--python", sys.executable, "greet", "-q", env=environment)
    assert other.stdout == plain.stdout


def test_leading_python_keeps_its_own_options(cli: Any) -> None:
    script = cli.script("import sys\ndef f(): print(sys.flags.dev_mode, sys.argv[1:])\nf()")
    result = cli("run", "--", sys.executable, "-X", "dev", script, "-x")
    assert result.stdout == "True ['-x']\n"
    assert "__main__::f" in result.stderr


def test_script_that_is_not_there_is_2_as_with_python(cli: Any) -> None:
    cli.script("print(1)", "server.py")
    result = cli("run", "sevrer.py")
    assert (result.returncode, result.stdout) == (2, "")
    assert "did you mean 'server.py'" in result.stderr
    (cli.directory / "folder").mkdir()
    (cli.directory / "gone.py").symlink_to("nowhere.py")
    for word, said in (("folder", "without a __main__.py"), ("gone.py", "no script 'gone.py'")):
        result = cli("run", word)
        assert result.returncode == 2
        assert said in result.stderr
        assert f"mean '{word}'" not in result.stderr
    result = cli("run", "folder/none.py")
    assert result.returncode == 2
    assert "folder/none.py" in result.stderr
