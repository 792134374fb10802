import pytest
from tests.experiment.smallest import SMALLEST, Write, faults

from fedmedlora.experiment.config import Experiment, read_experiment

RECORD = '[privacy]\nmode = "record"\nepsilon = 8.0\n'
SITE = '[privacy]\nmode = "site"\nepsilon = 8.0\n'
NEW_SITE = '[[sites]]\npath = "new"\nrole = "new_site"\n'


def with_arm(arm: str) -> str:
    return SMALLEST.replace('"fed_medlora"]', f'"{arm}"]')


APART = (
    SMALLEST.replace('path = "heart"', 'name = "heart"')
    .replace('path = "bones"', 'name = "bones"')
    .replace('"zero_shot", ', "")
    + '[engine]\nname = "nvflare"\n'
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SMALLEST + RECORD.replace("epsilon = 8.0", ""), "[privacy]: found neither epsilon nor"),
        (SMALLEST + RECORD + "noise_multiplier = 1.0\n", "[privacy]: found both epsilon and noise"),
        (
            SMALLEST + "[privacy]\nepsilon = 8.0\n",
            '[privacy].epsilon: found 8 beside mode = "none"',
        ),
        (
            SMALLEST + SITE + 'unit = "patient"\n',
            '[privacy].unit: found "patient" beside mode = "site", expected mode = "record"',
        ),
        (
            SMALLEST + RECORD + "shares = [0.5, 0.5]\n",
            '[privacy].shares: found (0.5, 0.5) beside mode = "record", expected mode = "site"',
        ),
        (with_arm("scaffold") + RECORD, "[experiment].arms: found scaffold beside privacy.mode"),
        (
            SMALLEST + RECORD + "[training]\nrounds_per_epoch = 3\n",
            "[training].rounds_per_epoch: found 3 beside",
        ),
        (
            SMALLEST + RECORD + "[training]\ngradient_checkpointing = true\n",
            "[training].gradient_checkpointing: found True beside",
        ),
        (
            SMALLEST.replace('"minilm"', '"minilm"\nquantization = "4bit"') + RECORD,
            "[model].quantization: found 4bit beside",
        ),
        (
            SMALLEST + RECORD + "[model.lora]\ndropout = 0.1\n",
            "[model.lora].dropout: found 0.1 beside",
        ),
        (
            SMALLEST + RECORD + "[aggregation]\nvalidation_holdout = 0.1\n",
            "[aggregation].validation_holdout: found 0.1 beside",
        ),
        (SMALLEST + "max_heads = 9\n" + RECORD, "[[sites]][1].max_heads: found 9 beside"),
        (SMALLEST + "max_notes = 9\n" + RECORD, "[[sites]][1].max_notes: found 9 beside"),
        (SMALLEST + "max_sentences = 9\n" + RECORD, "[[sites]][1].max_sentences: found 9 beside"),
        (SMALLEST + "lora_rank = 8\n" + RECORD, "[[sites]][1].lora_rank: found 8 beside"),
        (
            APART.replace('["fed_medlora"', '["single_site", "fed_medlora"') + RECORD,
            '[experiment].arms: found single_site beside privacy.mode = "record"',
        ),
        (
            APART.replace('["fed_medlora"', '["single_site", "fed_medlora"') + SITE,
            '[experiment].arms: found single_site beside privacy.mode = "site"',
        ),
        (with_arm("scaffold") + SITE, "[experiment].arms: found scaffold"),
        (with_arm("flora") + SITE, "[experiment].arms: found flora, which is no sum"),
        (with_arm("flex_lora") + SITE, "[experiment].arms: found flex_lora, which is no sum"),
        (with_arm("q_fed_avg") + SITE, "[experiment].arms: found q_fed_avg, whose shares follow"),
        (with_arm("agnostic") + SITE, "[experiment].arms: found agnostic, whose shares follow"),
        (
            with_arm("fed_medlora_plus") + '[aggregation]\nvalidation = "peers"\n' + SITE,
            "[experiment].arms: found fed_medlora_plus, whose shares follow from losses",
        ),
        (
            SMALLEST.replace('"zero_shot"', '"adapted"') + NEW_SITE + SITE,
            "[experiment].arms: found adapted beside",
        ),
        (
            SMALLEST.replace('"zero_shot"', '"personalised"') + SITE,
            "[experiment].arms: found personalised beside",
        ),
        (
            SMALLEST + SITE + "shares = [1.0]\n",
            "[privacy].shares: found 1 shares, expected one for",
        ),
        (
            SMALLEST + SITE + "shares = [0.5, 0.4]\n",
            "[privacy].shares: found shares that sum to 0.9",
        ),
    ],
)
def test_what_privacy_cannot_stand_beside_is_one_line(write: Write, text: str, told: str) -> None:
    (found,) = faults(write(text))

    assert found.startswith(f"demo.toml: {told}")
    assert "\n" not in found


@pytest.mark.parametrize(
    "text",
    [
        SMALLEST + RECORD,
        SMALLEST.replace('"zero_shot"', '"single_site", "centralised"') + RECORD,
        with_arm("fed_medlora_plus") + '[aggregation]\nvalidation = "peers"\n' + RECORD,
        with_arm("q_fed_avg") + RECORD,
        with_arm("flora") + RECORD,
        with_arm("fed_adam") + RECORD,
        SMALLEST.replace('"zero_shot"', '"personalised", "adapted"') + NEW_SITE + RECORD,
        SMALLEST + NEW_SITE.replace("new_site", "external") + "max_notes = 3\n" + RECORD,
        SMALLEST + RECORD.replace("epsilon = 8.0", "noise_multiplier = 1.0"),
        APART + RECORD,
        SMALLEST + SITE,
        SMALLEST + SITE + "shares = [0.7, 0.3]\n",
        with_arm("fed_adam") + SITE,
        with_arm("fed_medlora_plus")
        + '[aggregation]\nvalidation = "peers"\nloss_temperature = 0.0\nshift_temperature = 0.0\n'
        + SITE,
    ],
)
def test_what_it_can_is_read(write: Write, text: str) -> None:
    assert isinstance(read_experiment(write(text)), Experiment)
