import pytest
from tests.experiment.smallest import SMALLEST, Write, faults

from fedmedlora.experiment.config import Experiment, read_experiment


def test_the_same_folder_twice_is_refused(write: Write) -> None:
    found = faults(write(SMALLEST.replace('"bones"', '"bones/../heart"')))

    assert found == [
        (
            "demo.toml: [[sites]][1].path: found the folder of [[sites]][0] again, "
            "expected each folder once"
        )
    ]


QUORUM_OF_2 = SMALLEST.replace("rounds = 3", "rounds = 3\nquorum = 2")
PLUS = SMALLEST.replace('"fed_medlora"]', '"fed_medlora_plus"]')
SERVER = '[[sites]]\npath = "server"\nrole = "server"\n'
NEW_SITE = '[[sites]]\npath = "new"\nrole = "new_site"\n'
SCAFFOLD = SMALLEST.replace('"fed_medlora"]', '"scaffold"]')
FLORA = SMALLEST.replace('"fed_medlora"]', '"flora"]')
FOUR_BITS = ('base = "minilm"', 'base = "minilm"\nquantization = "4bit"')
ASKING = SMALLEST.replace('"fed_medlora"]', '"endpoint_zero_shot"]')
HOLDOUT = "[aggregation]\nvalidation_holdout = 0.1\n"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (PLUS, "[aggregation].validation"),
        (PLUS.replace("_plus", "_plus_released"), "[aggregation].validation"),
        (PLUS + SERVER + HOLDOUT, "[aggregation].validation_holdout"),
        (PLUS + SERVER + SERVER.replace('"server"\nrole', '"new"\nrole'), "[[sites]]"),
        (SMALLEST.replace("path", 'role = "external"\npath'), "[[sites]]"),
        # Two sites train, but a round may have one of them alone, whose share is 1.
        (SMALLEST + "[aggregation]\nmax_share = 0.99\n", "[aggregation].max_share"),
        (QUORUM_OF_2 + "[aggregation]\nmax_share = 0.49\n", "[aggregation].max_share"),
        (SMALLEST.replace("rounds = 3", "rounds = 3\nquorum = 3"), "[experiment].quorum"),
        (SMALLEST + "[training]\nrounds_per_epoch = 2\n", "[experiment].rounds"),
        (
            SMALLEST.replace('"fed_medlora"', '"local_only"')
            + NEW_SITE
            + "[training]\nrounds_per_epoch = 3\n",
            "[experiment].new_site_rounds",
        ),
        (SMALLEST.replace('"zero_shot"', '"local_only"'), "[experiment].arms"),
        (SMALLEST.replace('"zero_shot"', '"adapted"'), "[experiment].arms"),
        (SMALLEST.replace('"zero_shot"', '"joined"'), "[experiment].arms"),
        (SMALLEST.replace('"fed_medlora"', '"personalised"'), "[experiment].arms"),
        (SMALLEST.replace('"fed_medlora"', '"joined"') + NEW_SITE, "[experiment].arms"),
        (SMALLEST.replace('"fed_medlora"', '"adapted"') + NEW_SITE, "[experiment].arms"),
        (SMALLEST + "lora_rank = 17\n", "[[sites]][1].lora_rank"),
        (SMALLEST.replace('"zero_shot"', '"few_shot"'), "[model].formulation"),
        (SCAFFOLD + "lora_rank = 8\n", "[[sites]][1].lora_rank"),
        (SCAFFOLD + "lora_alpha = 8\n", "[[sites]][1].lora_rank"),
        (FLORA.replace(*FOUR_BITS), "[model].quantization"),
        (FLORA.replace("flora", "fed_ex_lora").replace(*FOUR_BITS), "[model].quantization"),
        (ASKING + '[endpoint]\nmodel = "m1"\n', "[endpoint].url"),
        (ASKING + '[endpoint]\nmodel = "m1"\nurl = "http://gpu01/v1"\n', "[endpoint].url"),
        (ASKING + '[endpoint]\nurl = "http://localhost/v1"\n', "[endpoint].model"),
        (
            ASKING.replace("endpoint_zero", "endpoint_few")
            + '[endpoint]\nurl = "http://localhost/v1"\n',
            "[endpoint].model",
        ),
    ],
)
def test_settings_that_cannot_stand_together_are_refused(write: Write, text: str, key: str) -> None:
    found = faults(write(text))

    assert len(found) == 1
    assert found[0].startswith(f"demo.toml: {key}: found ")


@pytest.mark.parametrize(
    "text",
    [
        PLUS + SERVER,
        PLUS + HOLDOUT,
        PLUS + '[aggregation]\nvalidation = "peers"\n',
        SMALLEST + "[training]\nrounds_per_epoch = 3\n",
        SMALLEST + "lora_rank = 16\nlora_alpha = 128\n",
        FLORA + "lora_rank = 8\n",
        SMALLEST.replace(*FOUR_BITS),
        SCAFFOLD,
        ASKING + '[endpoint]\nurl = "http://localhost/v1"\nmodel = "m1"\n',
        ASKING + '[endpoint]\nurl = "https://gpu01/v1"\nmodel = "m1"\n',
        # Nobody is asked.
        SMALLEST + '[endpoint]\nurl = "http://gpu01/v1"\n',
        QUORUM_OF_2,
        QUORUM_OF_2 + "[aggregation]\nmax_share = 0.5\n",
        SMALLEST.replace('"fed_medlora"', '"local_only"') + NEW_SITE,
        SMALLEST.replace('"zero_shot"', '"joined", "adapted"') + NEW_SITE,
    ],
)
def test_settings_that_can_stand_together_are_read(write: Write, text: str) -> None:
    assert isinstance(read_experiment(write(text)), Experiment)


def test_a_faulty_value_does_not_hide_a_contradiction_of_others(write: Write) -> None:
    found = faults(write(PLUS.replace("rounds = 3", "rounds = 0")))

    assert [fault.split(": found")[0] for fault in found] == [
        "demo.toml: [experiment].rounds",
        "demo.toml: [aggregation].validation",
    ]
