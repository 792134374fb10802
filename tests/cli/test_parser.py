import argparse
import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest
from tests.cli.conftest import Shell

from fedmedlora.cli.parser import build_parser
from fedmedlora.cli.reference import commands

OFFERED = [command.prog.split()[1:] for command in commands(build_parser())]
NOT_YET = ("import",)


def test_its_version_is_told(shell: Shell) -> None:
    said = shell("--version")

    assert (said.code, said.out) == (0, f"{version('fedmedlora')}\n")


def test_what_is_offered_is_what_the_interface_names() -> None:
    assert [" ".join(words) for words in OFFERED] == [
        "demo",
        "check",
        "run",
        "study",
        "report",
        "evaluate",
        "extract",
        "adapt",
        "export",
        "serve",
        "data check",
        "data stats",
        "data synthesize",
        "federation provision",
        "federation key",
        "federation start coordinator",
        "federation start site",
        "federation status",
        "federation stop",
        "identity create",
        "identity rotate",
        "identity revoke",
        "audit verify",
        "audit leakage",
    ]


@pytest.mark.parametrize("words", OFFERED, ids=" ".join)
def test_every_command_says_how_it_is_typed(shell: Shell, words: list[str]) -> None:
    said = shell(*words, "--help")

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: fedmedlora {' '.join(words)}")


@pytest.mark.parametrize("command", list(commands(build_parser())), ids=lambda one: one.prog)
def test_behind_every_command_is_a_function(command: argparse.ArgumentParser) -> None:
    module, name = command.get_default("run").args

    assert callable(getattr(importlib.import_module(f"fedmedlora.cli.{module}"), name))


def test_help_offers_nothing_that_does_not_work(shell: Shell) -> None:
    said = shell("--help").out + shell("data", "--help").out

    assert [word for word in NOT_YET if word in said] == []


@pytest.mark.parametrize("words", [[], ["data"], ["dmeo"], ["run"], ["run", "a.toml", "--fast"]])
def test_what_cannot_be_understood_is_wrong_input(shell: Shell, words: list[str]) -> None:
    said = shell(*words)

    assert (said.code, said.out) == (2, "")
    assert "fedmedlora" in said.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["data", "synthesize", "--out", "x", "--notes", "0"], "'0', expected a whole number, 1"),
        (["data", "synthesize", "--out", "x", "--seed", "-1"], "'-1', expected a whole number, 0"),
        (["adapt", "x", "--data", "y", "--rounds", "two"], "'two', expected a whole number, 1"),
    ],
)
def test_a_number_out_of_range_is_told(shell: Shell, words: list[str], reason: str) -> None:
    said = shell(*words)

    assert said.code == 2
    assert f"found {reason} or more" in said.err


def test_help_waits_for_no_model_code() -> None:
    program = (
        "import sys\nfrom fedmedlora.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print('torch' in sys.modules, 'numpy' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.split()[-2:] == [b"False", b"False"]


def test_a_command_whose_extra_is_missing_says_what_to_install() -> None:
    program = (
        "import sys\nsys.modules['nvflare'] = None\nfrom fedmedlora.cli import main\n"
        "sys.exit(main(['federation', 'stop', 'kit']))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        "fedmedlora: found no nvflare, expected it here; pip install 'fedmedlora[nvflare]'\n"
    )
