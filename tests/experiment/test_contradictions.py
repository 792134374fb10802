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
MULTI_KRUM = QUORUM_OF_2.replace('"fed_medlora"]', '"multi_krum"]')
ASKING = SMALLEST.replace('"fed_medlora"]', '"endpoint_zero_shot"]')
BLIND = SMALLEST + '[aggregation]\nsees = "sum"\n'
OWN = PLUS + SERVER + '[aggregation]\nsees = "sum"\nvalidation = "own"\n'
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
        (
            SMALLEST.replace('"zero_shot"', '"bert"').replace(
                'base = "minilm"', 'base = "minilm"\ntask = "summarise"'
            ),
            "[model].task",
        ),
        (SCAFFOLD + "lora_rank = 8\n", "[[sites]][1].lora_rank"),
        *(
            (BLIND.replace('"fed_medlora"]', f'"{arm}"]'), "[experiment].arms")
            for arm in ("fed_ex_lora", "flex_lora", "flora", "het_lora", "q_fed_avg", "scaffold")
        ),
        (BLIND + '[communication]\ncodec = "int8"\n', "[communication].codec"),
        (BLIND + '[communication]\ncodec = "bfloat16"\n', "[communication].codec"),
        (OWN.replace('"own"', '"server"'), "[aggregation].validation"),
        (OWN.replace('"own"', '"peers"'), "[aggregation].validation"),
        (OWN.replace('sees = "sum"', ""), "[aggregation].validation"),
        (SMALLEST + "[audit]\nkeep_updates = true\n", "[audit].keep_updates"),
        (BLIND + '[privacy]\nmode = "site"\nepsilon = 8.0\n', "[privacy].mode"),
        (OWN.replace(SERVER, ""), "[aggregation].validation"),
        (
            OWN.replace(SERVER, "") + "validation_holdout = 0.1\n",
            "[aggregation].validation_holdout",
        ),
        (SMALLEST + "[aggregation]\naudit_rate = 0.5\n", "[aggregation].audit_rate"),
        (SCAFFOLD + "lora_alpha = 8\n", "[[sites]][1].lora_rank"),
        (MULTI_KRUM + "lora_rank = 8\n", "[[sites]][1].lora_rank"),
        # One attacker takes five sites, two of which may make a round here.
        (MULTI_KRUM + "[methods.multi_krum]\nnum_attackers = 1\n", "[experiment].quorum"),
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
        MULTI_KRUM,
        MULTI_KRUM + "[methods.multi_krum]\nnum_attackers = 0\n",
        SMALLEST + "[methods.multi_krum]\nnum_attackers = 1\n",
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


@pytest.mark.parametrize(
    "arm", ["fed_medlora", "fed_prox", "fed_adam", "fed_avg_m", "fed_yogi", "ffa_lora", "agnostic"]
)
def test_a_rule_that_needs_the_sum_alone_may_be_blind(write: Write, arm: str) -> None:
    text = BLIND.replace('"fed_medlora"]', f'"{arm}"]') + "audit_rate = 0.5\n"

    assert read_experiment(write(text)).aggregation.sees == "sum"


def test_sites_may_score_their_own_adapters_where_the_server_sees_the_sum(write: Write) -> None:
    assert read_experiment(write(OWN)).aggregation.validation == "own"


def test_between_hospitals_copies_of_the_servers_notes_are_pinned(write: Write) -> None:
    apart = OWN.replace("[[sites]]\npath = ", "[[sites]]\nname = ", 2)
    text = apart + '[engine]\nname = "nvflare"\n'

    assert any("[[sites]][2].sha256: found nothing" in fault for fault in faults(write(text)))
    assert not any("sha256" in fault for fault in faults(write(OWN + "rank = 1\n")))
