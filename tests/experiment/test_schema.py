import pytest
from tests.experiment.smallest import SMALLEST, Write, faults, with_line

from fedmedlora.experiment.config import read_experiment


@pytest.mark.parametrize(
    ("line", "after", "fault"),
    [
        (
            "sead = 1",
            "rounds = 3",
            (
                "[experiment].sead: found an unknown key, expected one of name, rounds, arms, "
                "seed, patience, quorum, new_site_rounds, personal_rounds; did you mean seed?"
            ),
        ),
        (
            "[trainings]\nepochs = 1",
            'base = "minilm"',
            (
                "trainings: found an unknown key, expected one of experiment, model, training, "
                "aggregation, admission, methods, communication, privacy, few_shot, bert, "
                "endpoint, evaluation, engine, audit, sites; did you mean training?"
            ),
        ),
        (
            "seed = true",
            "rounds = 3",
            "[experiment].seed: found true, expected a whole number of at least 0",
        ),
        (
            "seed = 1.0",
            "rounds = 3",
            "[experiment].seed: found 1.0, expected a whole number of at least 0",
        ),
        (
            "[training]\nlearning_rate = true",
            'base = "minilm"',
            "[training].learning_rate: found true, expected a number above 0",
        ),
        (
            "[training]\nlearning_rate = inf",
            'base = "minilm"',
            "[training].learning_rate: found Infinity, expected a number above 0",
        ),
        (
            "[training]\nlearning_rate = 0.0",
            'base = "minilm"',
            "[training].learning_rate: found 0.0, expected a number above 0",
        ),
        (
            "[aggregation]\nvalidation_holdout = 0.5",
            'base = "minilm"',
            (
                "[aggregation].validation_holdout: found 0.5, "
                "expected a number of at least 0 and below 0.5"
            ),
        ),
        (
            'quantization = "8bit"',
            'base = "minilm"',
            (
                '[model].quantization: found "8bit", expected one of "none", "4bit"; '
                "did you mean 4bit?"
            ),
        ),
        (
            "[training]\ngradient_checkpointing = 1",
            'base = "minilm"',
            "[training].gradient_checkpointing: found 1, expected true or false",
        ),
        (
            "lora = {rank = 0}",
            'base = "minilm"',
            "[model].lora.rank: found 0, expected a whole number of at least 1",
        ),
        (
            "lora = 16",
            'base = "minilm"',
            "[model].lora: found 16, expected a table of keys and values",
        ),
        (
            'lora = {target_modules = "query"}',
            'base = "minilm"',
            (
                '[model].lora.target_modules: found "query", expected "all-linear" or '
                "a list, each item a text in quotes with at least one item and none twice"
            ),
        ),
        (
            'formulation = "xml"',
            'base = "minilm"',
            '[model].formulation: found "xml", expected one of "markup", "json", "tagging"',
        ),
        (
            '[engine]\nname = "flower"',
            'base = "minilm"',
            '[engine].name: found "flower", expected one of "local", "nvflare"',
        ),
        (
            'role = "extern"',
            'path = "bones"',
            (
                '[[sites]][1].role: found "extern", expected one of "train", "external", '
                '"new_site", "server"; did you mean external?'
            ),
        ),
        (
            "max_notes = 0",
            'path = "bones"',
            "[[sites]][1].max_notes: found 0, expected a whole number of at least 1",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_key(
    write: Write, line: str, after: str, fault: str
) -> None:
    assert faults(write(with_line(line, after=after))) == [f"demo.toml: {fault}"]


@pytest.mark.parametrize(
    ("arms", "fault"),
    [
        (
            '["fed_medlorra"]',
            '[experiment].arms[0]: found "fed_medlorra", expected one of "zero_shot", ',
        ),
        ("[]", "[experiment].arms: found [], expected a list, each item one of "),
        ('["zero_shot", "zero_shot"]', "[experiment].arms: found "),
        ('"zero_shot"', '[experiment].arms: found "zero_shot", expected a list'),
    ],
)
def test_arms_are_known_and_each_stands_once(write: Write, arms: str, fault: str) -> None:
    found = faults(write(SMALLEST.replace('["zero_shot", "fed_medlora"]', arms)))

    assert len(found) == 1
    assert found[0].startswith(f"demo.toml: {fault}")


def test_a_method_can_be_told_its_own_numbers(write: Write) -> None:
    text = SMALLEST.replace('"fed_medlora"]', '"fed_yogi"]')

    read = read_experiment(write(text + "[methods.fed_yogi]\nrate = 0.5\n")).methods

    assert (read.fed_yogi.rate, read.fed_adam.rate) == (0.5, 0.01)


def test_a_misspelt_arm_is_told_which_was_meant(write: Write) -> None:
    (found,) = faults(write(SMALLEST.replace('"fed_medlora"]', '"fed_medlorra"]')))

    assert found.endswith('"joined"; did you mean fed_medlora?')


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            "[methods.fed_yogi]\nmu = 1",
            "[methods].fed_yogi.mu: found an unknown key, expected one of ",
        ),
        (
            "[methods.fed_yogi]\nrate = 0",
            "[methods].fed_yogi.rate: found 0, expected a number above 0",
        ),
        (
            "[methods.fed_medlora]\nrate = 1",
            "[methods].fed_medlora.rate: found an unknown key, expected none here; remove it",
        ),
        (
            "[methods.fedyogi]\nrate = 1",
            "[methods].fedyogi: found an unknown key, expected one of ",
        ),
    ],
)
def test_a_number_that_a_method_does_not_know_is_told(write: Write, line: str, fault: str) -> None:
    (found,) = faults(write(f"{SMALLEST}{line}\n"))

    assert found.startswith(f"demo.toml: {fault}")


@pytest.mark.parametrize(
    ("name", "good"), [("demo-2", True), ("Demo", False), ("", False), ("-a", False)]
)
def test_the_name_can_stand_in_file_names(write: Write, name: str, good: bool) -> None:
    path = write(SMALLEST.replace('"demo"', f'"{name}"'))

    if good:
        assert read_experiment(path).name == name
    else:
        assert faults(path)[0].startswith(f'demo.toml: [experiment].name: found "{name}"')
