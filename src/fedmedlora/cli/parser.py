"""What can be typed; nothing that does not work is offered."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from fedmedlora.cli.typed import add, not_negative, pair, place, port, positive
from fedmedlora.formats.note_format import names_of_formats, note_formats
from fedmedlora.synthetic.beside import BESIDE

_DEMO = Path("runs/demo")
_EXPERIMENT = "one experiment"
_SITE = "a site folder: site.json, train.jsonl, dev.jsonl"
_NOTES = "a site folder; the notes to score are enough"
_SOURCE = "a run folder, or a folder that export wrote; bundled is the adapter of this package"
_READER = f"{_SOURCE}, which also reads where none is named"
_SERVED = f"{_SOURCE}; a run's federation is shown, two read side by side"
_EXTRACT = "what an adapter finds in notes that nobody annotated"
_FORMAT = "of the answer; html is one page to look at"
_TEXTS = "notes as text, folders of *.txt, .csv or .parquet tables; - or none is stdin"
_FORM = "peft is the adapter, merged its base with the adapter in the weights"
_DTYPE = "of the weights; without it float32, and of a merged base its own"
_FORMS = ("peft", "merged")
_NEW = "a new folder for the adapter"
_DTYPES = ("float32", "bfloat16")
_SPLITS = ("train", "dev", "test")
_FOREIGN = "a folder or a file; train, dev and test are read apart where they are called so"
_NEW_SITE = "a new folder for the site"
_MAP = "types of theirs and which of ours they stand for; what stands for none is left out"
_PSEUDONYMS = "put placeholders for numbers and addresses of persons; names are not found that way"
_SPLIT = "notes to score; dev stands in for test where a site has none"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed; files to read may stand on either side of an option."""
    parser = build_parser()
    # argparse takes a list of words in one go and leaves over what stands behind an option.
    options, behind = parser.parse_known_args(arguments)
    is_strange = any(word.startswith("-") and word != "-" for word in behind)
    if is_strange or (behind and "files" not in options):
        parser.error(f"unrecognized arguments: {' '.join(behind)}")
    if behind:
        options.files += map(Path, behind)
    return options


class _Version(argparse.Action):
    """Looks the version up where it is asked for, and not for every command."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"{version('fedmedlora')}\n")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run` to what does it."""
    parser = argparse.ArgumentParser(
        prog="fedmedlora",
        description="Hospitals fine-tune one language model together; notes stay where they are.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="of this program")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _running(commands)
    _adapters(commands)
    _notes(commands)
    _federation(commands)
    _trust(commands)
    return parser


def _running(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = add(commands, "demo", "running", "five invented hospitals, all arms, one report")
    demo.add_argument("--out", type=Path, default=_DEMO, metavar="DIR", help="run folder")

    check = add(commands, "check", "reading", "everything wrong with an experiment, at once")
    check.add_argument("experiment", type=Path, metavar="EXPERIMENT.toml", help=_EXPERIMENT)

    run = add(commands, "run", "running", "run an experiment")
    run.add_argument("experiment", type=Path, metavar="EXPERIMENT.toml", help=_EXPERIMENT)
    run.add_argument("--out", type=Path, metavar="DIR", help="run folder; runs/NAME without it")
    run.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    run.add_argument("--arms", metavar="A,B", help="only these arms of the experiment")

    study = add(commands, "study", "study", "many runs as one: what is missing, and tables")
    study.add_argument("study", type=Path, metavar="STUDY.toml", help="a grid of cells")
    study.add_argument("--out", type=Path, metavar="DIR", help="cells and tables; runs/NAME else")
    study.add_argument("--resume", action="store_true", help="go on with the cells kept in there")
    study.add_argument("--tables", action="store_true", help="of the cells kept so far; run none")
    study.add_argument("--workers", type=positive, metavar="N", help="processes; one a core else")

    report = add(commands, "report", "reading", "one HTML page of one or more runs")
    report.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folders")
    report.add_argument("--out", type=Path, metavar="FILE.html", help="RUN/report.html without it")


def _adapters(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    evaluate = add(commands, "evaluate", "adapters", "score an adapter on a site's notes")
    _source(evaluate)
    evaluate.add_argument("--data", type=Path, required=True, metavar="SITE_DIR", help=_NOTES)
    evaluate.add_argument("--split", choices=_SPLITS, default="test", help=_SPLIT)
    evaluate.add_argument("--max-notes", type=positive, metavar="N", help="notes to score at most")

    extract = add(commands, "extract", "extraction", _EXTRACT)
    _source(extract, nargs="?", text=_READER)
    extract.add_argument("files", type=Path, nargs="*", metavar="FILE|DIR", help=_TEXTS)
    formats = sorted(["html", "json", *names_of_formats()])
    extract.add_argument("--format", choices=formats, default="json", help=_FORMAT)
    extract.add_argument("--out", type=Path, metavar="PATH", help="a new file, or folder of files")
    extract.add_argument("--resume", action="store_true", help="go on with what was begun there")
    extract.add_argument("--column", metavar="NAME", help="of a table: where its notes are")
    extract.add_argument("--id-column", metavar="NAME", help="of a table: what they are called")

    adapt = add(commands, "adapt", "adapters", "a new site trains on from an adapter")
    _source(adapt)
    adapt.add_argument("--data", type=Path, required=True, metavar="SITE_DIR", help=_SITE)
    adapt.add_argument("--max-notes", type=positive, metavar="N", help="training notes at most")
    adapt.add_argument("--rounds", type=positive, default=2, metavar="N", help="rounds")
    adapt.add_argument("--out", type=Path, default=Path("adapted"), metavar="DIR", help=_NEW)

    export = add(commands, "export", "adapters", "an adapter as a folder to hand over")
    _source(export)
    export.add_argument("--to", choices=_FORMS, required=True, help=_FORM)
    export.add_argument("--dtype", choices=_DTYPES, help=_DTYPE)
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help=_NEW)

    serve = add(commands, "serve", "serving", "a local page: read notes, look, correct, save")
    serve.add_argument("sources", type=place, nargs="*", metavar="RUN|ADAPTER", help=_SERVED)
    serve.add_argument("--arm", metavar="NAME", help="of a run; the federated one without it")
    serve.add_argument("--notes", type=Path, metavar="DIR", help="texts, or a site, to choose from")
    serve.add_argument("--save", type=Path, metavar="SITE_DIR", help="where corrected notes go")
    serve.add_argument("--host", default="127.0.0.1", help="others than this machine bring a token")
    serve.add_argument("--port", type=port, default=8765, metavar="N", help="where it listens")
    serve.add_argument("--token-file", type=Path, metavar="FILE", help="what each visitor brings")


def _notes(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("data", help="notes: check, count, invent, import, export")
    verbs = group.add_subparsers(metavar="VERB", required=True)
    for verb, text in (("check", "every fault of a site's folder"), ("stats", "what a site has")):
        command = add(verbs, verb, "notes", text)
        command.add_argument("folder", type=Path, metavar="DIR", help=_SITE)
    synthesize = add(verbs, "synthesize", "notes", "write hospitals that do not exist")
    synthesize.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the sites go"
    )
    synthesize.add_argument("--seed", type=not_negative, default=0, metavar="N", help="seed")
    synthesize.add_argument(
        "--notes", type=positive, metavar="N", help="training notes of the five sites together"
    )
    synthesize.add_argument(
        "--task",
        choices=BESIDE,
        default="extract",
        help="what stands beside the notes: questions, summaries, or nothing (extract)",
    )

    _exchange(verbs)


def _exchange(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    formats = note_formats()
    read = [name for name, format_ in formats.items() if format_.read]
    text = "annotated notes in another format, as a site folder"
    import_ = add(verbs, "import", "exchange", text, function="import_notes")
    import_.add_argument("--from", choices=read, required=True, dest="format", help="format")
    import_.add_argument("source", type=Path, metavar="SRC", help=_FOREIGN)
    import_.add_argument("--out", type=Path, required=True, metavar="DIR", help=_NEW_SITE)
    import_.add_argument("--site", metavar="NAME", help="of the site; that of the notes, or SRC's")
    import_.add_argument(
        "--map",
        type=pair,
        action="extend",
        nargs="+",
        metavar="THEIRS=OURS",
        help=_MAP,
    )
    import_.add_argument("--pseudonymise", action="store_true", help=_PSEUDONYMS)
    text = "a site folder in another format, a folder a split"
    export = add(verbs, "export", "exchange", text, function="export_notes")
    export.add_argument("--to", choices=[*formats], required=True, dest="format", help="format")
    export.add_argument("folder", type=Path, metavar="SITE_DIR", help=_NOTES)
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")


def _federation(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("federation", help="from hospital to hospital, on NVFLARE")
    verbs = group.add_subparsers(metavar="VERB", required=True)
    provision = add(verbs, "provision", "federation", "signed start-up kits, one a site")
    provision.add_argument("experiment", type=Path, metavar="EXPERIMENT.toml", help=_EXPERIMENT)
    provision.add_argument("--out", type=Path, required=True, metavar="DIR", help="where kits go")
    provision.add_argument(
        "--days", type=positive, default=365, metavar="N", help="certificates are valid so long"
    )
    provision.add_argument(
        "--renew", nargs="+", metavar="NAME", help="kits that get a new certificate"
    )
    key = add(verbs, "key", "federation", "the key of blind rounds, made by one site for all")
    key.add_argument("file", type=Path, metavar="FILE", help="where it goes; no other site has it")
    start = verbs.add_parser("start", help="take part: as coordinator, or as a site")
    roles = start.add_subparsers(metavar="ROLE", required=True)
    coordinator = add(roles, "coordinator", "federation", "run an experiment with its sites")
    coordinator.add_argument("kit", type=Path, metavar="KIT", help="the coordinator's")
    coordinator.add_argument("experiment", type=Path, metavar="EXPERIMENT.toml", help=_EXPERIMENT)
    coordinator.add_argument("--out", type=Path, metavar="DIR", help="run folder, new or begun")
    coordinator.add_argument(
        "--without", nargs="+", metavar="SITE", help="sites that left for good; the run ends so"
    )
    site = add(roles, "site", "federation", "take part with the notes of this site")
    site.add_argument("kit", type=Path, metavar="KIT", help="the site's, unpacked")
    site.add_argument("--data", type=Path, required=True, metavar="SITE_DIR", help=_SITE)
    for command in (coordinator, site):
        _passphrase(command)
    for verb, text in (
        ("status", "who is connected, when last heard, and how far the run is"),
        ("stop", "end what runs from a kit; a run goes on when it is started again"),
    ):
        command = add(verbs, verb, "federation", text)
        command.add_argument("kit", type=Path, metavar="KIT", help="of the coordinator or a site")


def _trust(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    identity = commands.add_parser("identity", help="the keys by which a site is known")
    verbs = identity.add_subparsers(metavar="VERB", required=True)
    create = add(verbs, "create", "trust", "make the keys of a site or of the coordinator")
    create.add_argument("file", type=Path, metavar="FILE", help="a new file for them")
    _passphrase(create)
    rotate = add(verbs, "rotate", "trust", "put new keys in the place of a site's")
    rotate.add_argument("file", type=Path, metavar="FILE", help="as create made it")
    revoke = add(verbs, "revoke", "trust", "let a site's keys be good for nothing in a run")
    revoke.add_argument("run_folder", type=Path, metavar="RUN", help="run folder")
    revoke.add_argument("site", metavar="SITE", help="its name")
    told = "the coordinator's; that of a run on one machine without it"
    revoke.add_argument("--identity", type=Path, metavar="FILE", help=told)
    for command in (rotate, revoke):
        _passphrase(command)
    audit = commands.add_parser("audit", help="what can be proved of a run")
    verbs = audit.add_subparsers(metavar="VERB", required=True)
    verify = add(verbs, "verify", "trust", "check a run against what was signed and sealed")
    verify.add_argument("run_folder", type=Path, metavar="RUN", help="run folder")
    verify.add_argument(
        "--heads", type=Path, nargs="+", metavar="FILE", help="what sites kept of the ledger"
    )
    told = (
        "what known attacks get out of a run's updates, where its notes are on this machine; "
        "its report shows it"
    )
    leakage = add(verbs, "leakage", "trust", told)
    leakage.add_argument("run_folder", type=Path, metavar="RUN", help="run folder")
    leakage.add_argument("--site", metavar="SITE", help="whose notes; each training site without")


def _passphrase(command: argparse.ArgumentParser) -> None:
    text = "an open file with the passphrase of local/identity.json, as by 3< FILE"
    command.add_argument("--passphrase-fd", type=not_negative, metavar="N", help=text)


def _source(
    command: argparse.ArgumentParser, *, nargs: str | None = None, text: str = _SOURCE
) -> None:
    command.add_argument("source", type=place, nargs=nargs, metavar="RUN|ADAPTER", help=text)
    command.add_argument("--arm", metavar="NAME", help="of a run; the federated one without it")
