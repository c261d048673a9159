"""`tachograph run` in the environments of programs: layouts of projects, options of Python, tools that start it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipapp
from pathlib import Path
from typing import Any

import pytest


def calls(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Calls by function, of a report as JSON, the last thing on stderr."""
    assert result.returncode == 0, result.stderr
    (report,) = [line for line in result.stderr.splitlines() if line.startswith("{")]
    return {function["name"]: function["call_count"] for function in json.loads(report)["functions"]}


MAIN = "from parts.deep.one import part\nimport third\ndef main():\n    part()\n    third.party()\n"
GUARD = "if __name__ == '__main__':\n    main()\n"


@pytest.fixture
def project(cli: Any) -> Path:
    """One with src, a namespace package, and an environment inside, where the project is installed."""
    directory: Path = cli.directory / "project"
    cli.script("[project]\nname = 'shop'\n", "project/pyproject.toml")
    cli.script("", "project/src/shop/__init__.py")
    cli.script(MAIN + GUARD, "project/src/shop/cli.py")
    cli.script("def part(): pass\n", "project/src/parts/deep/one.py")  # no __init__.py anywhere
    environment = directory / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=60)
    packages = next((environment / "lib").glob("python3*")) / "site-packages"
    (packages / "shop.pth").write_text(f"{directory / 'src'}\n")
    (packages / "third.py").write_text("def party(): pass\n")
    command = cli.script(
        f"#!{environment}/bin/python\nimport sys\nfrom shop.cli import main\nsys.exit(main())\n",
        "project/.venv/bin/shopping",
    )
    command.chmod(0o755)
    return directory


WAYS = {
    "script": (["src/shop/cli.py"], "__main__"),
    "module": (["-m", "shop.cli"], "__main__"),
    "command": (["shopping"], "shop.cli"),
    "python": (["--", "python", "-X", "dev", "-m", "shop.cli"], "__main__"),
    "code": (["-c", "from shop.cli import main; main()"], "shop.cli"),
    "input": (["-"], "shop.cli"),
}


@pytest.mark.parametrize("by_link", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_the_projects_own_functions(cli: Any, prefix: Any, project: Path, way: str, by_link: bool) -> None:
    words, main = WAYS[way]
    link = cli.directory / "link"
    link.symlink_to(project)
    environment = {
        "TACHOGRAPH_PYTHON": "",
        "VIRTUAL_ENV": str(project / ".venv"),
        "PATH": f"{project}/.venv/bin:/usr/bin:/bin",
        "PWD": str(link if by_link else project),
    }
    text = "from shop.cli import main; main()" if way == "input" else ""
    cli.directory = link if by_link else project
    result = cli.plain(prefix.program, "run", "--json", *words, env=environment, input=text)
    assert calls(result) == {f"{main}::main": 1, "parts.deep.one::part": 1}


def test_a_script_of_another_place_has_its_own_project(cli: Any, prefix: Any, project: Path) -> None:
    python = project / ".venv" / "bin" / "python"
    result = cli.plain(prefix.program, "run", "--json", "--python", python, project / "src" / "shop" / "cli.py")
    assert calls(result) == {"__main__::main": 1, "parts.deep.one::part": 1}


@pytest.mark.parametrize("named", ["home", "link"])
def test_a_home_directory_is_no_project(cli: Any, named: str) -> None:
    """Whoever keeps it in git, and behind a link, means only the script's directory."""
    cli.script("", "home/.git/config")
    cli.script("def other(): pass\n", "home/elsewhere/lib.py")
    search = "import sys\nsys.path[:0] = [__file__.replace('scripts/app.py', 'elsewhere')]\n"
    cli.script(search + "import lib\ndef own():\n    lib.other()\nown()\n", "home/scripts/app.py")
    (cli.directory / "link").symlink_to("home")
    home = cli.directory / named
    assert calls(cli("run", "--json", home / "scripts" / "app.py", env={"HOME": str(home)})) == {"__main__::own": 1}


APP = "import sys, lib\ndef own():\n    return lib.work()\nown()\n"
OPTIONS = {
    "optimized": ["-O"],
    "without docstrings": ["-OO"],
    "ignoring the environment": ["-E"],
    "isolated": ["-I"],
    "no user site": ["-s"],
    "safe path": ["-P"],
    "no bytecode": ["-B"],
    "nothing frozen": ["-X", "frozen_modules=off"],
    "times of imports": ["-X", "importtime"],
    "warnings are errors": ["-W", "error"],
    "developing": ["-X", "dev", "-u"],
}


@pytest.mark.parametrize("option", OPTIONS)
def test_with_options_of_python(cli: Any, option: str) -> None:
    cli.script("def work(): pass\n", "lib.py")
    search = "import sys\nsys.path[:0] = [__file__.rpartition('/')[0]]\n"  # -I and -P do not
    cli.script(search + APP)
    result = cli("run", "--json", "--", sys.executable, *OPTIONS[option], cli.directory / "app.py")
    assert calls(result) == {"__main__::own": 1, "lib::work": 1}


def test_an_archive(cli: Any) -> None:
    cli.script("def work(): pass\n", "packed/lib.py")
    cli.script(APP, "packed/__main__.py")
    archive = cli.directory / "app.pyz"
    zipapp.create_archive(cli.directory / "packed", archive, interpreter=sys.executable)
    assert calls(cli("run", "--json", archive)) == {"__main__::own": 1, "lib::work": 1}
    result = cli("run", "--json", "app.pyz", env={"PATH": f"{cli.directory}:/usr/bin:/bin"})
    assert calls(result) == {"__main__::own": 1, "lib::work": 1}


def test_a_frozen_main_program(cli: Any) -> None:
    result = cli("run", "--json", "--time", "__main__", "-m", "__hello__")
    assert (result.stdout, calls(result)) == ("Hello world!\n", {"__main__::main": 1})


def test_a_module_of_ten_thousand_functions(cli: Any) -> None:
    functions = "".join(f"def f{number}():\n    pass\n" for number in range(10_000))
    cli.script(functions + "EACH = [value for name, value in globals().items() if name.startswith('f')]\n", "big.py")
    told = calls(cli("run", "--json", cli.script("import big\nfor each in big.EACH * 3:\n    each()\n")))
    assert told == {f"big::f{number}": 3 for number in range(10_000)}
    report = cli("report", "--all", "--sort", "calls").stdout
    assert report.count("big::f") == 10_000
    assert "9,997 more" in cli("top", "--once", "-d", "0.1", "-n", "3").stdout


def test_runpy_times_what_is_imported(cli: Any) -> None:
    """A main program that another one runs is made by exec, which nobody watches: its own functions are not timed."""
    cli.script("def work(): pass\n", "lib.py")
    cli.script(APP, "below.py")
    script = cli.script("import runpy\ndef start():\n    runpy.run_path('below.py', run_name='__main__')\nstart()\n")
    assert calls(cli("run", "--json", script)) == {"__main__::start": 1, "lib::work": 1}


def test_workers_of_pytest_xdist(cli: Any) -> None:
    cli.script("def work(n):\n    return n\n", "worked.py")
    cli.script(
        "import pytest, worked\n@pytest.mark.parametrize('n', range(20))\ndef test_work(n):\n    worked.work(n)\n",
        "test_worked.py",
    )
    words = ["-m", "pytest", "-q", "-p", "xdist", "-n", "2", "-p", "no:cacheprovider", "test_worked.py"]
    result = cli("run", "--json", *words, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert "20 passed" in result.stdout
    assert calls(result)["worked::work"] == 20


KERNEL = """
import jupyter_client.manager
manager, client = jupyter_client.manager.start_new_kernel(kernel_name="python3")
def cell(code):
    reply = client.execute_interactive(code, timeout=50, output_hook=repr)
    assert reply["content"]["status"] == "ok", reply
cell("import worked\\nfor n in range(9): worked.work(n)")
cell("def later(): pass\\nimport tachograph\\ntachograph.instrument(globals())\\nlater()")
client.stop_channels()
manager.shutdown_kernel()
"""


def test_a_kernel_of_jupyter(cli: Any) -> None:
    """Functions of its cells are timed when they are asked for."""
    cli.script("def work(n):\n    return n\n", "worked.py")
    home = {f"JUPYTER_{name}_DIR": str(cli.directory / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    home |= {"IPYTHONDIR": str(cli.directory / "ipython"), "HOME": str(cli.directory)}
    told = calls(cli("run", "--json", cli.script(KERNEL), env=home))
    assert told == {"__main__::cell": 2, "worked::work": 9, "__main__::later": 1}
