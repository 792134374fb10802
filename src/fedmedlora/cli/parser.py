"""What can be typed; nothing that does not work is offered."""

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path

_Run = Callable[[argparse.Namespace], int]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run` to what does it."""
    parser = argparse.ArgumentParser(
        prog="fedmedlora",
        description="Hospitals fine-tune one language model together; notes stay where they are.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _running(commands)
    _adapters(commands)
    _notes(commands)
    return parser


def _running(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = _command(commands, "demo", "running", "five invented hospitals, all arms, one report")
    demo.add_argument("--out", type=Path, default=Path("runs/demo"), help="run folder")

    check = _command(commands, "check", "reading", "everything wrong with an experiment, at once")
    check.add_argument("experiment", type=Path, metavar="EXPERIMENT.toml")

    run = _command(commands, "run", "running", "run an experiment")
    run.add_argument("experiment", type=Path, metavar="EXPERIMENT.toml")
    run.add_argument("--out", type=Path, help="run folder (default: runs/NAME)")
    run.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    run.add_argument("--arms", metavar="A,B", help="only these arms of the experiment")

    report = _command(commands, "report", "reading", "one HTML page of one or more runs")
    report.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    report.add_argument("--out", type=Path, metavar="FILE.html", help="default: RUN/report.html")


def _adapters(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    evaluate = _command(commands, "evaluate", "adapters", "score an adapter on a site's notes")
    _source(evaluate)
    evaluate.add_argument("--data", type=Path, required=True, metavar="SITE_DIR")
    evaluate.add_argument("--split", choices=("train", "dev", "test"), default="test")
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")

    adapt = _command(commands, "adapt", "adapters", "a new site trains on from an adapter")
    _source(adapt)
    adapt.add_argument("--data", type=Path, required=True, metavar="SITE_DIR")
    adapt.add_argument("--max-notes", type=_positive, metavar="N", help="training notes at most")
    adapt.add_argument("--rounds", type=_positive, default=2, metavar="N")
    adapt.add_argument("--out", type=Path, default=Path("adapted"), help="adapter folder")
    adapt.add_argument("--json", action="store_true", help="print one JSON object")

    export = _command(commands, "export", "adapters", "an adapter as a folder that peft loads")
    _source(export)
    export.add_argument("--to", choices=("peft",), required=True)
    export.add_argument("--out", type=Path, required=True, help="adapter folder")


def _notes(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("data", help="notes: check, count, invent")
    verbs = group.add_subparsers(metavar="VERB", required=True)
    for verb, text in (("check", "every fault of a site's folder"), ("stats", "what a site has")):
        command = _command(verbs, verb, "notes", text)
        command.add_argument("folder", type=Path, metavar="DIR")
        command.add_argument("--json", action="store_true", help="print one JSON object")
    synthesize = _command(verbs, "synthesize", "notes", "write hospitals that do not exist")
    synthesize.add_argument("--out", type=Path, required=True, help="a folder for the sites")
    synthesize.add_argument("--seed", type=_not_negative, default=0)
    synthesize.add_argument(
        "--notes", type=_positive, metavar="N", help="training notes of the five sites together"
    )


def _source(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", type=Path, metavar="RUN|ADAPTER")
    command.add_argument("--arm", metavar="NAME", help="of a run; default: the federated one")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    module: str,
    text: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.set_defaults(run=_lazily(module, name))
    return command


def _lazily(module: str, name: str) -> _Run:
    """Return what imports a command's module when it runs: `--help` must not wait for torch."""

    def run(options: argparse.Namespace) -> int:
        command: _Run = getattr(importlib.import_module(f"fedmedlora.cli.{module}"), name)
        return command(options)

    return run


def _positive(text: str) -> int:
    return _at_least(text, 1)


def _not_negative(text: str) -> int:
    return _at_least(text, 0)


def _at_least(text: str, least: int) -> int:
    value = int(text) if text.lstrip("-").isdigit() else None
    if value is None or value < least:
        message = f"found {text!r}, expected a whole number, {least} or more"
        raise argparse.ArgumentTypeError(message)
    return value
