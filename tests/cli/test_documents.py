"""What README.md and the guides have a reader type is typed here, in a folder made as they say.

A block of a page is commands where its first line is one. A block behind a line that ends with a
file's name and a colon is written to that file. What is typed elsewhere names the test that does.
"""

import ast
import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Shell, experiment

from fedmedlora.cli import main
from fedmedlora.cli.parser import build_parser
from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Note
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.experiment.toml_reading import read_table
from fedmedlora.federation import methods as package
from fedmedlora.federation.strategies import methods
from fedmedlora.tasks import kinds
from fedmedlora.tasks.kind import task_kinds

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [ROOT / "README.md", *GUIDES]
COMMAND = re.compile(r"(?:\.venv/bin/)?fedmedlora (.*)")
# Commands that need more than a folder, to a test that types them.
ELSEWHERE = {
    "federation": "tests/cli/test_federation.py::"
    "test_two_administrators_follow_the_guide_to_the_bytes_of_one_machine",
    "federation stop": "tests/cli/test_federation.py::"
    "test_ends_that_are_killed_and_started_again_change_no_byte",
    "identity create": "tests/cli/test_trust.py::"
    "test_an_identity_opens_with_the_passphrase_it_was_given",
    "identity rotate": "tests/cli/test_trust.py::test_keys_of_a_site_of_this_machine_are_replaced",
    "identity revoke": "tests/cli/test_trust.py::test_keys_are_revoked_by_whoever_coordinates",
    "serve": "tests/cli/test_serving.py::test_a_note_is_read_by_the_adapter_of_the_package",
    "study": "tests/study/test_conducting.py::test_the_runs_of_a_killed_study_end_with_it",
    "audit leakage": "tests/cli/test_leakage.py::test_every_training_site_is_told_of",
}
# Pages that are followed from the first command to the last.
FOLLOWED = (
    "README.md",
    "tour.md",
    "your_notes.md",
    "your_model.md",
    "privacy_choices.md",
    "other_tasks.md",
)


def blocks(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each indented block of a page, with the line of text before it."""
    found = re.findall(r"(.+)\n\n((?:    .*\n|\n(?=    ))+)", page.read_text("utf-8"))
    for before, block in found:
        yield before, [line.removeprefix("    ") for line in block.splitlines()]


def commands(page: Path) -> Iterator[str]:
    """Yield what a page has typed, without what it says about it."""
    for _, lines in blocks(page):
        for line in lines:
            if found := COMMAND.fullmatch(line):
                yield re.split(r"\s{2,}|\s#", found[1])[0].strip()


def elsewhere(command: str) -> str | None:
    """Return the test that types a command, None where it is typed here."""
    named = [words for words in ELSEWHERE if f"{command} ".startswith(f"{words} ")]
    return ELSEWHERE[max(named, key=len)] if named else None


def typed(command: str) -> tuple[list[str], str | None]:
    """Return the words of a command, and where its answer is to go."""
    words, _, file = command.partition(" > ")
    return shlex.split(words.partition(" 3< ")[0]), file or None


def test_there_is_something_to_type() -> None:
    assert all(any(commands(ROOT / "docs" / "guide" / page)) for page in FOLLOWED[1:])
    assert len([*commands(PAGES[0])]) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_can_be_typed(page: Path) -> None:
    for command in commands(page):
        build_parser().parse_args(typed(command)[0])


def test_what_a_page_that_is_not_followed_has_typed_is_typed_elsewhere() -> None:
    def what_does_it(command: str) -> object:
        return build_parser().parse_args(typed(command)[0]).run.args

    followed = [page for page in PAGES if page.name in FOLLOWED]
    here = [what_does_it(command) for page in followed for command in commands(page)]
    others = [command for page in PAGES if page not in followed for command in commands(page)]

    assert [c for c in others if not elsewhere(c) and what_does_it(c) not in here] == []


def test_each_test_that_is_named_is_there() -> None:
    for test in ELSEWHERE.values():
        path, _, name = test.partition("::")
        tree = ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        assert name in {node.name for node in tree if isinstance(node, ast.FunctionDef)}, test


@pytest.fixture
def world(sites: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds what the README takes for granted, small; it is gone to."""
    folder = tmp_path / "world"
    folder.mkdir()
    file = experiment(folder, sites, base, arms=("fed_medlora",), rounds=1)
    file.rename(folder / "EXPERIMENT.toml")
    with (folder / "EXPERIMENT.toml").open("a", encoding="utf-8") as text:
        text.write('\n[audit]\nledger = "embedded"\n')
    shutil.copytree(sites / "gastroenterology", folder / "SITE_DIR")
    shutil.copytree(base, folder / "my-model")
    (folder / "NOTES").mkdir()
    for file in (folder / "note.txt", folder / "NOTES" / "note.txt"):
        file.write_text("Started furosemide 40 mg.", encoding="utf-8")
    main(["data", "export", "--to", "brat", f"{folder}/SITE_DIR", "--out", f"{folder}/CORPUS"])
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_reader_who_follows_a_page_gets_to_its_end(name: str, shell: Shell, world: Path) -> None:
    (page,) = [page for page in PAGES if page.name == name]
    for before, lines in blocks(page):
        if named := re.search(r"`([\w./]+)`:$", before):
            file = world / named[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    for command in commands(page):
        if elsewhere(command):
            continue
        words, out = typed(command)
        said = shell(*words)
        assert said.code == 0, f"{command}: {said.err}"
        if out:
            (world / out).write_text(said.out, encoding="utf-8")


def test_the_example_of_the_readme_is_a_note(world: Path, shell: Shell) -> None:
    lines = [line for _, block in blocks(PAGES[0]) for line in block if line.startswith('{"')]
    facts, note = map(json.loads, lines)
    folder = world / "a"
    folder.mkdir()
    (folder / "site.json").write_text(json.dumps(facts), encoding="utf-8")
    for split in ("train", "dev"):
        text = json.dumps({**note, "id": split}) + "\n"
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")

    assert shell("data", "check", folder).code == 0


def test_every_type_stands_in_the_guide_to_notes() -> None:
    text = (ROOT / "docs" / "guide" / "your_notes.md").read_text("utf-8")

    assert [type_ for type_ in (*MAIN_TYPES, *RELATION_TYPES) if f"`{type_}`" not in text] == []


def test_the_policy_of_the_guide_is_one_that_a_site_may_have() -> None:
    (guide,) = [page for page in PAGES if page.name == "privacy_choices.md"]
    (policy,) = [block for _, block in blocks(guide) if block[0].startswith("private = ")]

    reading = read_table(Policy, tomllib.loads("\n".join(policy)), where="policy.toml")

    assert not reading.faults
    assert Policy(**reading.values).private == "record"


def shown_files(page: str, folder: Path) -> dict[str, str]:
    """Write the source files that a guide shows, and return all it shows by name."""
    text = (ROOT / "docs" / "guide" / page).read_text("utf-8")
    shown = re.findall(r"`([\w/]+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)
    files = {Path(path).name: code for path, code in shown}
    for name, code in files.items():
        if not name.startswith("test_"):
            (folder / name).write_text(code, encoding="utf-8")
    return files


@pytest.fixture
def with_new_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Give the files that the guide to tasks shows, its task found as ours are."""
    files = shown_files("new_task.md", tmp_path)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    task_kinds.cache_clear()
    yield files
    monkeypatch.undo()
    task_kinds.cache_clear()


def test_the_task_of_the_guide_does_what_it_says(with_new_task: dict[str, str]) -> None:
    assert "triage" in task_kinds()
    assert len(with_new_task["triage.py"].splitlines()) < 60
    test: dict[str, object] = {}
    exec(with_new_task["test_triage.py"], test)  # noqa: S102 -- it is what a reader does
    checked = test["test_one_of_two_urgent_notes_was_found"]
    assert callable(checked)
    checked()
    note = Note("n", "a", "x", (), (), fields={"urgency": "soon"})
    assert [fault.where for fault in task_kinds()["triage"].faults(note)] == ["urgency"]


@pytest.fixture
def with_new_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Give the files that the guide to methods shows, its methods found as ours are."""
    files = shown_files("new_method.md", tmp_path)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    methods.cache_clear()
    yield files
    monkeypatch.undo()
    methods.cache_clear()


def test_the_methods_of_the_guide_do_what_it_says(with_new_methods: dict[str, str]) -> None:
    assert {"equal", "server_rate"} <= set(methods())
    assert methods()["equal"].title == "Equal shares"
    test: dict[str, object] = {}
    exec(with_new_methods["test_server_rate.py"], test)  # noqa: S102 -- it is what a reader does
    (checked,) = [value for name, value in test.items() if name.startswith("test_")]
    assert callable(checked)
    checked()
