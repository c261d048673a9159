"""`tachograph run` with a Python that does not have tachograph: it is lent our package, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import tachograph


def calls(stderr: str) -> dict[str, int]:
    """Calls by function, of a report as JSON."""
    return {function["name"]: function["call_count"] for function in json.loads(stderr)["functions"]}


LOOK = """
import importlib.util, json, os, site, sys
def look():
    spec = importlib.util.find_spec("neighbour")
    print(json.dumps({
        "path": sys.path, "argv": sys.argv, "orig_argv": sys.orig_argv, "flags": str(sys.flags),
        "neighbour": spec and spec.origin, "meta_path": str(sys.meta_path),
        "site": getattr(sys.modules.get("sitecustomize"), "__file__", None),
        "user": getattr(sys.modules.get("usercustomize"), "__file__", None), "said": getattr(sys, "said", []),
        "variables": sorted(name for name in os.environ if not name.startswith(("TACHOGRAPH_", "PYTHONPATH"))),
    }))
look()
"""


def shown(cli: Any, program: Path, bare: Path, **environment: str) -> tuple[Any, Any, str, str]:
    """What LOOK prints and Python says, plain and timed."""
    script = cli.script(LOOK)
    plain = cli.plain(bare, script, env=environment)
    timed = cli.plain(program, "run", "--no-report", "--python", bare, script, env=environment)
    assert (plain.returncode, timed.returncode) == (0, 0), plain.stderr + timed.stderr
    report = cli("report", "--json", cli.recordings()[-1])
    assert calls(report.stdout) == {"__main__::look": 1}
    return json.loads(plain.stdout), json.loads(timed.stdout), plain.stderr, timed.stderr.split("recorded  ")[0]


def test_the_program_sees_what_plain_python_shows(cli: Any, prefix: Any, bare: Path) -> None:
    plain, timed, _, _ = shown(cli, prefix.program, bare)
    assert timed == plain
    assert plain["neighbour"] is None
    (cli.directory / "a").mkdir()
    plain, timed, _, _ = shown(cli, prefix.program, bare, PYTHONPATH=f"{cli.directory}/a::b")
    assert timed == plain


def test_the_programs_own_start_up_files_run(cli: Any, prefix: Any, bare: Path) -> None:
    say = "import sys\nsys.said = getattr(sys, 'said', []) + [{!r}]\n"
    cli.script(say.format("site"), "own/sitecustomize.py")
    cli.script(say.format("user"), "own/usercustomize.py")
    packages = bare.parent.parent / "lib" / prefix.packages.parent.name / "site-packages"
    line = packages / "own.pth"
    line.write_text("import sys; sys.said = ['pth']\n")
    try:
        user = {"PYTHONPATH": str(cli.directory / "own"), "PYTHONUSERBASE": str(cli.directory / "base")}
        plain, timed, _, _ = shown(cli, prefix.program, bare, **user)
    finally:
        line.unlink()
    assert timed == plain
    assert timed["said"][:2] == ["pth", "site"]
    assert timed["site"] == str(cli.directory / "own" / "sitecustomize.py")


FAILURES = ["raise ValueError('mine')", "import no_such_module", "raise ImportError('x', name='sitecustomize')", "1 +"]


@pytest.mark.parametrize("text", FAILURES)
def test_a_sitecustomize_that_fails_fails_as_ever(cli: Any, prefix: Any, bare: Path, text: str) -> None:
    cli.script(text, "own/sitecustomize.py")
    plain, timed, plain_said, timed_said = shown(cli, prefix.program, bare, PYTHONPATH=str(cli.directory / "own"))
    assert (timed, timed_said) == (plain, plain_said)
    assert ("sitecustomize" in plain_said) == ("name=" not in text)


def test_nothing_is_written_into_the_environment(cli: Any, prefix: Any, bare: Path) -> None:
    def files() -> list[tuple[str, int]]:
        return sorted((str(path), path.lstat().st_mtime_ns) for path in bare.parent.parent.rglob("*"))

    before = files()
    result = cli.plain(prefix.program, "run", "--python", bare, cli.script("def f(): pass\nf()"))
    assert "__main__::f" in result.stderr
    assert files() == before


def test_children_have_it_too(cli: Any, prefix: Any, bare: Path) -> None:
    cli.script("def work(times):\n    return times\n", "counted.py")
    script = cli.script(
        "import multiprocessing, os, subprocess, sys\nfrom counted import work\n"
        "if __name__ == '__main__':\n"
        "    work(1)\n"
        "    subprocess.run([sys.executable, '-c', 'import counted; counted.work(1)'], check=True)\n"
        "    for method in ('spawn', 'forkserver', 'fork'):\n"
        "        with multiprocessing.get_context(method).Pool(1) as pool:\n"
        "            pool.map(work, range(10))\n"
        "            pool.close()\n"
        "            pool.join()\n"
        "    os.execv(sys.executable, [sys.executable, '-c', 'import counted; counted.work(1)'])\n"
    )
    result = cli.plain(prefix.program, "run", "--json", "--python", bare, script)
    assert calls(result.stderr) == {"counted::work": 33}


def test_a_child_with_another_python_runs_plain(cli: Any, prefix: Any, bare: Path) -> None:
    """It has the same PYTHONPATH: here the extension is not for it."""
    (native,) = (prefix.packages / "tachograph").glob("_native.*.so")
    text = (
        "import os, subprocess, sys\n"
        f"os.rename({str(native)!r}, {str(native) + 'x'!r})\n"
        "subprocess.run([sys.executable, '-c', "
        '\'import sys; print([name for name in sys.modules if name.startswith(("tachograph", "sitecustom"))])\'])\n'
    )
    result = cli.plain(prefix.program, "run", "--no-report", "--python", bare, cli.script(text))
    assert (result.returncode, result.stdout) == (0, "[]\n")
    assert result.stderr.startswith("recorded  ")


@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_it_is_said_where_it_cannot_work(cli: Any, prefix: Any, bare: Path, option: str) -> None:
    result = cli.plain(prefix.program, "run", "--", bare, "-B" + option[1], "-c", "print(1)")
    assert (result.returncode, result.stdout) == (0, "1\n")
    assert f"The program left no recording: with {option} Python does not look" in result.stderr
    assert f"Leave {option} out" in result.stderr


def test_a_link_to_the_program_will_do(cli: Any, prefix: Any, bare: Path) -> None:
    """As pipx and uv put one onto PATH."""
    link = cli.directory / "links" / "tachograph"
    link.parent.mkdir()
    link.symlink_to(prefix.program)
    result = cli.plain("tachograph", "run", "--python", bare, cli.script("def f(): pass\nf()"), env={
        "PATH": f"{link.parent}{os.pathsep}/usr/bin:/bin",
    })  # fmt: skip
    assert "__main__::f" in result.stderr


def test_a_python_that_has_it_on_its_path_gets_its_start_up_hook(cli: Any, prefix: Any, bare: Path) -> None:
    result = cli.plain(
        prefix.program,
        "run",
        "--python",
        bare,
        cli.script("def f(): pass\nf()"),
        env={"PYTHONPATH": str(Path(tachograph.__file__).parent.parent)},
    )
    assert "__main__::f" in result.stderr


BROKEN = ["other version", "other platform", "extension", "file", "colon"]


@pytest.mark.parametrize("case", BROKEN)
def test_without_a_package_for_it_the_line_to_type_is_given(cli: Any, prefix: Any, bare: Path, case: str) -> None:
    program = prefix.program
    (native,) = (prefix.packages / "tachograph").glob("_native.*.so")
    if case == "other version":
        prefix.packages.parent.rename(prefix.packages.parent.with_name("python3.10"))
    elif case == "other platform":
        native.rename(native.with_name(native.name.replace("linux", "hurd")))
    elif case == "extension":
        native.write_bytes(b"")
    elif case == "file":
        (prefix.packages / "tachograph" / "_startup.py").unlink()
    else:
        program.parent.parent.rename(cli.directory / "pre:fix")
        program = cli.directory / "pre:fix" / "bin" / "tachograph"
    result = cli.plain(program, "run", "--python", bare, cli.script("print(1)"))
    assert (result.returncode, result.stdout) == (125, "")
    assert "tachograph is not installed for the Python from --python" in result.stderr
    assert f"{bare} -m pip install " in result.stderr
