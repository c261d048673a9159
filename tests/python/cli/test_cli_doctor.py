"""tachograph doctor: it finds what hinders, says what to do, and raises no false alarm."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from forbidding import forbidding

GROUPS = ["settings", "python", "clock", "recordings", "history", "sampling", "limits"]


@pytest.fixture
def doctor(cli: Any) -> Any:
    """The findings as (group, verdict, text, remedy), after a look at the exit code."""
    cli.environment.pop("TACHOGRAPH_STORE")

    def ask(*words: str, **options: Any) -> list[tuple[str, str, str, str | None]]:
        result = cli("doctor", "--json", *words, **options)
        assert result.stderr == ""
        told = json.loads(result.stdout)
        findings = [(f["group"], f["verdict"], f["text"], f["remedy"]) for f in told["findings"]]
        assert told["problems"] == sum(finding[1] == "problem" for finding in findings)
        assert told["notes"] == sum(finding[1] == "note" for finding in findings)
        assert result.returncode == (1 if told["problems"] else 0)
        return findings

    return ask


def problems(findings: list[tuple[str, str, str, str | None]]) -> list[tuple[str, str]]:
    """Groups and texts."""
    return [(group, text) for group, verdict, text, _ in findings if verdict == "problem"]


def notes_of(findings: list[tuple[str, str, str, str | None]], group: str) -> list[str]:
    """Texts of a group's notes."""
    return [text for name, verdict, text, _ in findings if name == group and verdict == "note"]


def test_no_false_alarm(cli: Any, doctor: Any) -> None:
    findings = doctor()
    assert problems(findings) == []
    assert list(dict.fromkeys(finding[0] for finding in findings)) == GROUPS
    for group in ("settings", "python", "recordings", "history", "limits"):
        assert notes_of(findings, group) == []
    result = cli("doctor")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) <= 16
    last = result.stdout.splitlines()[-1]
    assert last.startswith("All is well: " if "note" not in result.stdout else "Timing and the history work here")


def test_python_is_the_one_of_run(cli: Any, doctor: Any) -> None:
    python = cli.environment["TACHOGRAPH_PYTHON"]
    text = next(text for group, _, text, _ in doctor() if group == "python")
    assert text.startswith(f"{python} (from TACHOGRAPH_PYTHON), CPython 3.")
    assert "with tachograph" in text
    assert problems(doctor("--python", "/none")) == [("python", "there is no interpreter '/none' (from --python)")]


def test_switched_off(cli: Any, doctor: Any) -> None:
    found = problems(doctor(env={"TACHOGRAPH_DISABLE": "1"}))
    assert found == [("settings", "TACHOGRAPH_DISABLE is set: nothing is timed")]
    (cli.runtime / "disable").touch()
    assert problems(doctor()) == [("settings", f"there is a file {cli.runtime}/disable: nothing is timed")]


def test_settings_and_where_they_come_from(cli: Any, doctor: Any) -> None:
    (cli.directory / "pyproject.toml").write_text('[tool.tachograph]\nservice = "shop"\ntime = ["a", "b"]\n')
    texts = [text for group, _, text, _ in doctor() if group == "settings"]
    assert f"service = shop, from {cli.directory}/pyproject.toml:2" in texts
    assert f"time = a, b, from {cli.directory}/pyproject.toml:3" in texts
    assert f"RUNTIME_DIR = {cli.runtime}, from TACHOGRAPH_RUNTIME_DIR" in texts
    (cli.directory / "pyproject.toml").write_text("[tool.tachograph]\nservce = 1\n")
    assert "did you mean 'service'?" in problems(doctor())[0][1]
    (cli.directory / "pyproject.toml").unlink()
    assert "did you mean TACHOGRAPH_STORE?" in notes_of(doctor(env={"TACHOGRAPH_STROE": "x"}), "settings")[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_of_somebody_else(cli: Any, doctor: Any) -> None:
    (cli.directory / "pyproject.toml").write_text("[tool.tachograph]\nservce = 1\n")
    os.chown(cli.directory / "pyproject.toml", 12345, 12345)
    findings = doctor()
    assert problems(findings) == []
    assert "belongs to another user, and is not read" in notes_of(findings, "settings")[0]


def test_nowhere_to_record(cli: Any, doctor: Any) -> None:
    for path, reason in (
        ("relative", "TACHOGRAPH_RUNTIME_DIR cannot be 'relative': name an absolute path"),
        ("/proc/self/none", 'runtime directory "/proc/self/none" cannot be made: /proc/self: '),
    ):
        said = dict(problems(doctor(env={"TACHOGRAPH_RUNTIME_DIR": path})))["recordings"]
        assert said.startswith(reason)
        assert "; so there is no directory for them: " in said
    cli.runtime.chmod(0o722)
    findings = doctor()
    assert [group for group, _ in problems(findings)] == ["recordings"]
    assert "everybody can replace what lies in" in notes_of(findings, "recordings")[0]


def test_store_that_does_not_answer(doctor: Any) -> None:
    found = problems(doctor(env={"TACHOGRAPH_STORE": "mysql://me:secret@127.0.0.1:1/x"}))
    assert [group for group, _ in found] == ["history"]
    assert "secret" not in str(found)


def test_store_that_cannot_be_made(doctor: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = problems(doctor(env={"TACHOGRAPH_STORE": str(tmp_path / "file" / "h.db")}))
    assert [group for group, _ in found] == ["history"]


@pytest.mark.parametrize("store", ["h.db", "sqlite:///h.db"])
def test_store_that_is_yet_to_be_made(cli: Any, doctor: Any, store: str) -> None:
    environment = {"TACHOGRAPH_STORE": store}
    assert problems(doctor(env=environment)) == []
    assert cli("run", cli.script("def f(): pass\nf()\n"), env=environment).returncode == 0
    assert (cli.directory / "h.db").exists()


def test_store_that_is_none_or_no_store(doctor: Any, tmp_path: Path) -> None:
    assert notes_of(doctor(env={"TACHOGRAPH_STORE": "none"}), "history") == [
        "none is kept, because the store is set to 'none'"
    ]
    (tmp_path / "text.db").write_text("no database, but long enough to be looked at as one\n" * 100)
    assert [group for group, _ in problems(doctor(env={"TACHOGRAPH_STORE": str(tmp_path / "text.db")}))] == ["history"]


def test_store_that_is_there(cli: Any, doctor: Any) -> None:
    assert cli("run", "--store", "h.db", cli.script("def f(): pass\nf()\n")).returncode == 0
    texts = [text for group, _, text, _ in doctor(env={"TACHOGRAPH_STORE": "h.db"}) if group == "history"]
    assert texts[0].startswith("h.db, SQLite 3.")


def test_what_waits(cli: Any, doctor: Any, tmp_path: Path) -> None:
    store = f"{tmp_path}/file/h.db"
    script = cli.script(f"def f(): pass\nf()\nopen({str(tmp_path / 'file')!r}, 'w').close()\n")
    assert cli("run", "--store", store, script).returncode == 0
    assert f"wait for a store, such as sqlite:///{store}" in notes_of(doctor(), "history")[0]


def limited(kind: int, value: int) -> Any:
    """Sets a limit in the child."""
    return lambda: resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


def test_limits(doctor: Any) -> None:
    assert problems(doctor(preexec_fn=limited(resource.RLIMIT_NOFILE, 32))) == [
        ("limits", "only 32 files may be open at once")
    ]
    found = problems(doctor(preexec_fn=limited(resource.RLIMIT_FSIZE, 1 << 20)))
    assert found == [("limits", "files may not be larger than 1.00 MiB: recordings and histories are")]


def test_blocked_signal(doctor: Any) -> None:
    findings = doctor(preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGURG]))
    assert any("SIGURG is blocked here" in text for text in notes_of(findings, "sampling"))


def test_what_sampling_from_outside_is_refused(doctor: Any) -> None:
    findings = doctor(preexec_fn=forbidding("ptrace"))
    assert any("no thread can be stopped" in text for text in notes_of(findings, "sampling"))
    assert "SYS_PTRACE" in next(remedy for _, _, text, remedy in findings if "no thread can be stopped" in text)
    findings = doctor(preexec_fn=forbidding("process_vm_readv"))
    assert any("read through /proc/PID/mem" in text for text in notes_of(findings, "sampling"))
    assert not any("no thread can be stopped" in text for text in notes_of(findings, "sampling"))


@pytest.mark.parametrize("kills", [False, True])
def test_what_the_kernel_does_not_run(doctor: Any, kills: bool) -> None:
    findings = doctor(preexec_fn=forbidding("bpf", kills=kills))
    told = next(finding for finding in findings if "the kernel runs no program of this user's" in finding[2])
    assert told[:2] == ("sampling", "note")
    assert "Operation not permitted" in told[2]
    assert "CAP_BPF" in told[3]


HINDERED = """
import signal, sys, time
import tachograph
tachograph.start(store="none", sample_hz=1000)
{hindrance}
def work(n): return n + 1
while not tachograph.sampling_state().obstacle:
    for _ in range(1000): work(1)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("hindrance", "told", "remedy"),
    [
        ("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGURG])", "a thread blocks SIGURG", "let it block"),
        ("signal.signal(signal.SIGURG, lambda *_: None)", "another handler of SIGURG", "pass on signals"),
    ],
)
def test_what_hinders_a_process_that_samples_itself(
    cli: Any, doctor: Any, hindrance: str, told: str, remedy: str
) -> None:
    script = cli.script(HINDERED.format(hindrance=hindrance))
    process = cli.start_other(cli.environment["TACHOGRAPH_PYTHON"], script, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    found: list[Any] = []
    while not found:  # it tells others each tenth of a second
        found = [finding for finding in doctor() if f"process {process.pid} (" in finding[2]]
    process.communicate()
    assert [(group, verdict) for group, verdict, _, _ in found] == [("sampling", "note")]
    assert told in found[0][2]
    assert remedy in found[0][3]
    assert not [finding for finding in doctor() if f"process {process.pid} (" in finding[2]]


def test_every_complaint_says_what_to_do(doctor: Any) -> None:
    bad = {"TACHOGRAPH_DISABLE": "1", "TACHOGRAPH_STROE": "1", "TACHOGRAPH_RUNTIME_DIR": "x"}
    for environment in (
        bad,
        {"TACHOGRAPH_SPOOL_DIR": "x"},
        {"TACHOGRAPH_SPOOL_DIR": "/proc/none"},
        {"TACHOGRAPH_STORE": "/"},
    ):
        findings = doctor(env=environment, preexec_fn=limited(resource.RLIMIT_NOFILE, 32))
        assert len(problems(findings)) >= 2
        for _, verdict, text, remedy in findings:
            assert verdict == "ok" or remedy or (verdict == "note" and "; " in text)


def test_what_a_directory_names_is_not_run(cli: Any, doctor: Any) -> None:
    """Only who is asked by name, or by the environment, is trusted."""
    evil = cli.script("#!/bin/sh\ntouch ran\n", "evil")
    evil.chmod(0o755)
    (cli.directory / "pyproject.toml").write_text('[tool.tachograph]\npython = "./evil"\n')
    (note,) = notes_of(doctor(env={"TACHOGRAPH_PYTHON": ""}), "python")
    assert "was not asked" in note
    assert f"{cli.directory}/pyproject.toml:2" in note
    assert not (cli.directory / "ran").exists()
    doctor("--python", "./evil")
    assert (cli.directory / "ran").exists()


def test_wrong_words(cli: Any) -> None:
    result = cli("doctor", "x")
    assert (result.returncode, result.stdout) == (2, "")


def test_full_output(cli: Any) -> None:
    with Path("/dev/full").open("w") as full:
        result = cli("doctor", stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert "standard output" in result.stderr


def test_no_inotify_instance_left(cli: Any, command: str) -> None:
    script = 'echo 0 > /proc/sys/user/max_inotify_instances || exit 77; exec "$0" doctor --json'
    words = ["unshare", "--user", "--map-root-user", "sh", "-c", script, command]
    result = subprocess.run(words, env=cli.environment, capture_output=True, text=True, check=False)
    if not result.stdout:
        pytest.skip("needs user namespaces")
    (text,) = [f["text"] for f in json.loads(result.stdout)["findings"] if f["text"].startswith("hot reload: ")]
    assert "fs.inotify.max_user_instances" in text
