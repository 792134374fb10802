from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

from fedmedlora.cli.settings_reference import explained, reference, study_tables, tables
from fedmedlora.experiment.config import parse_experiment, settings
from fedmedlora.experiment.schema import ARM_NAMES, Experiment
from fedmedlora.federation.strategies import methods
from fedmedlora.study.change import change_kinds
from fedmedlora.study.schema import Hospitals, Setting, Variant

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

SMALLEST = """
[experiment]
name = "demo"
rounds = 3
arms = ["fed_medlora"]

[model]
base = "minilm"

[[sites]]
path = "heart"
"""


@dataclass(frozen=True)
class Ward:
    """A ward.

    Attributes:
        beds: How many there are,
            children's too.
        open: Whether: yes or no.

    Raises:
        ValueError: It has no beds.
    """

    beds: int
    open: bool
    floor: int = 0


def test_the_page_is_what_the_schema_says() -> None:
    again = "run `python -m fedmedlora.cli.settings_reference > docs/settings.md`"

    assert PAGE.read_text("utf-8") == reference(), again


def test_every_value_that_an_experiment_has_is_a_key_of_a_table() -> None:
    told = [f"{table.line.strip('[]')}.{key.name}" for table in tables() for key in table.keys]
    experiment = parse_experiment(SMALLEST, name="demo.toml", folder=Path("/"))

    assert sorted(told) == sorted(key.replace("sites[0]", "sites") for key in settings(experiment))


def test_every_table_and_every_key_is_explained() -> None:
    every = [*tables(), *study_tables()]

    silent = [table.line for table in every if not table.words]
    silent += [f"{table.line} {key.name}" for table in every for key in table.keys if not key.words]

    assert silent == []


def test_every_key_of_a_study_and_every_kind_of_change_is_a_key_of_a_table() -> None:
    told = {table.line: [key.name for key in table.keys] for table in study_tables()}
    schemas = {"[hospitals]": Hospitals, "[[settings]]": Setting, "[[settings.variants]]": Variant}
    changes = {f'{{ kind = "{name}" }}': kind.settings for name, kind in change_kinds().items()}

    # Hospitals and settings have tables of their own.
    assert told.pop("[study]") == ["name", "reference", "replicates"]
    assert told == {
        line: [field.name for field in fields(schema)]
        for line, schema in {**schemas, **changes}.items()
    }


def test_nothing_is_explained_that_is_no_key() -> None:
    experiment = parse_experiment(SMALLEST, name="demo.toml", folder=Path("/"))
    values = [getattr(experiment, field.name) for field in fields(Experiment)]
    values += [experiment, experiment.model.lora, *experiment.sites]
    values += [method.settings() for method in methods().values()]

    stale = {
        f"{type(value).__name__}.{name}"
        for value in values
        if is_dataclass(value)
        for name in explained(type(value)).keys() - {field.name for field in fields(value)}
    }

    assert stale == set()


def test_words_go_on_over_lines_and_end_with_their_section() -> None:
    assert explained(Ward) == {
        "beds": "How many there are, children's too.",
        "open": "Whether: yes or no.",
    }


def test_a_key_says_what_it_must_be_and_what_it_is_when_left_out() -> None:
    page = reference()

    assert "- `rounds` (a whole number of at least 1; must be given): " in page
    assert "- `dropout` (a number of at least 0 and below 1; default `0.0`): " in page
    assert "- `max_notes` (a whole number of at least 1; default None): " in page
    assert "- `arms` (a list, each item one of [the arms](#arms) with at least one item" in page


def test_every_arm_and_every_method_with_numbers_stands_in_the_page() -> None:
    page = reference()

    assert [name for name in ARM_NAMES if f"- `{name}`: " not in page] == []
    assert "- `fed_prox`: FedProx\n" in page
    assert "- `local_only`: Local only at SITE\n" in page
    assert "## `[methods.fed_prox]`: FedProx\n" in page
    assert "[methods.flora]" not in page
    assert "`flora`" in page.partition("without a number of their own")[2]
