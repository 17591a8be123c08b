from __future__ import annotations

import os
import signal
import sys

import pytest

from planner.cli import entry, main
from planner.cli.interrupts import cancellable
from planner.errors import DeviceError, InternalError, NoPlanError


def invoke(monkeypatch, *arguments):
    """Exit code of the program."""
    monkeypatch.setattr(sys, "argv", ["planner", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.run()
    return ended.value.code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["solve", "mxied8", "--out", "x"], "did you mean mixed8?"),
        (["solve", "m7x1", "--out", "x", "--model", "missing.onnx"], "missing.onnx"),
        (["run", "nowhere", "--boards", "local"], "cannot be read"),
        (["run", "nowhere", "--boards", "emulated"], "cannot be read"),
        (["inspect", "nowhere.plan"], "cannot be read"),
        (["zoo", "perceptron", "--out", "x.onnx"], "mobilenet_v2"),
        (["profile", "m8", "--out", "x.yaml"], "known are m7"),
        (["profile"], "give a board"),
        (["firmware", "mps2-an999"], "known are mps2-an385"),
        (["fly"], "fly"),
    ],
)
def test_bad_input_exits_with_2_and_says_what_would_do(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert invoke(monkeypatch, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "code"),
    [(NoPlanError("none"), 1), (DeviceError("m7-0", "died"), 3), (InternalError("bug"), 70), (ZeroDivisionError(), 70)],
)
def test_exit_codes_follow_the_class_of_the_error(monkeypatch, capsys, error, code):
    def fail(*_):
        raise error

    monkeypatch.setattr("planner.cli.simulate.load_plan", fail)
    assert invoke(monkeypatch, "simulate", "x") == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert invoke(monkeypatch, "--debug", "simulate", "x") == code
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("command", main.COMMANDS)
def test_every_command_explains_itself(monkeypatch, capsys, command):
    assert invoke(monkeypatch, command, "--help") == 0
    assert f"planner {command}" in capsys.readouterr().out


def test_the_first_interrupt_is_a_request_and_the_second_an_end():
    with cancellable() as cancelled:
        assert not cancelled()
        os.kill(os.getpid(), signal.SIGINT)
        assert cancelled()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_elsewhere_exits_with_130(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("planner.cli.simulate.load_plan", interrupted)
    assert invoke(monkeypatch, "simulate", "x") == 130


def test_interrupt_while_the_commands_are_imported_leaves_no_traceback(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "run", interrupted)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 128 + signal.SIGINT


@pytest.mark.parametrize(
    ("arguments", "name"), [(["solve", "deep.yaml", "--out", "x"], "deep.yaml"), (["simulate", "."], "plan.json")]
)
def test_files_nested_too_deep_are_bad_input(monkeypatch, capsys, tmp_path, arguments, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("[" * 100_000)
    assert invoke(monkeypatch, *arguments) == 2
    assert name in capsys.readouterr().err


def test_an_output_path_of_another_is_refused_before_the_search(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("planner.cli.solve.solve_instance", lambda *_: pytest.fail("the search began"))
    (tmp_path / "notes").write_text("mine")
    assert invoke(monkeypatch, "solve", "m7x1", "--out", str(tmp_path / "notes")) == 2
    assert "choose another name" in capsys.readouterr().err
    assert (tmp_path / "notes").read_text() == "mine"
