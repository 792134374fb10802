import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.training.tiny_decoders import TYPES, tiny_decoder

from fedmedlora.engines.readiness import look_up, require_positions
from fedmedlora.errors import ModelError
from fedmedlora.experiment.schema import FormulationName, Model
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.markup import Markup
from fedmedlora.tasks.tagging import Tagging
from fedmedlora.training.base_models import BaseModel


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_decoder(tmp_path_factory.mktemp("decoder"), "llama")


@pytest.fixture
def copied(decoder: BaseModel, tmp_path: Path) -> Path:
    """Return the folder of a base that may be broken."""
    return shutil.copytree(decoder.folder, tmp_path / "copy")


def writing(folder: Path) -> Model:
    return Model(base=str(folder), formulation="markup", window_tokens=40)


def configured(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **changes}), "utf-8")


@pytest.mark.parametrize(("name", "kind"), [("markup", Markup), ("tagging", Tagging)])
def test_a_base_is_looked_up_without_its_weights(
    copied: Path, name: FormulationName, kind: type[Markup | Tagging]
) -> None:
    (copied / "model.safetensors").write_bytes(b"unread")

    ready = look_up(replace(writing(copied), formulation=name), TYPES)

    assert ready.base.num_bytes == len("unread")
    assert isinstance(ready.task, Extraction)
    assert type(ready.task.formulation) is kind
    assert ready.task.formulation.types == TYPES
    assert ready.writes is (kind is Markup)


def test_another_base_is_refused_before_it_is_looked_at(copied: Path, decoder: BaseModel) -> None:
    (copied / "tokenizer.json").unlink()

    with pytest.raises(ModelError, match=f"found sha256 {decoder.digest}, expected {'0' * 64}; in"):
        look_up(writing(copied), TYPES, digest="0" * 64)


def test_the_tokenizer_of_another_base_is_refused(copied: Path) -> None:
    # 256 bytes and 3 special ids.
    configured(copied, vocab_size=258)

    with pytest.raises(
        ModelError, match=r"tokenizer in .*: found ids up to 258, expected at most 257, as the base"
    ):
        look_up(writing(copied), TYPES)


def test_a_base_may_have_more_vectors_than_its_tokenizer_has_ids(copied: Path) -> None:
    configured(copied, vocab_size=512)

    assert look_up(writing(copied), TYPES).tokenizer.num_ids == 259


def test_a_context_too_short_for_the_prompt_is_refused(copied: Path) -> None:
    configured(copied, max_position_embeddings=128)

    with pytest.raises(ModelError, match=r"window_tokens: found 40, for which .* at most the 128"):
        look_up(writing(copied), TYPES)


def test_a_base_that_sees_less_than_the_prompt_may_tag_but_not_write(copied: Path) -> None:
    configured(copied, model_type="mistral", architectures=["MistralForCausalLM"])
    configured(copied, sliding_window=128)

    with pytest.raises(ModelError, match=r"window_tokens: found 40, for which .* at most the 128"):
        look_up(writing(copied), TYPES)
    assert look_up(replace(writing(copied), formulation="tagging"), TYPES)


def test_a_base_with_attention_of_its_own_may_not_write(copied: Path) -> None:
    configured(copied, model_type="bloom", architectures=["BloomForCausalLM"])

    with pytest.raises(ModelError, match=r"found BloomForCausalLM.* take another base$"):
        look_up(writing(copied), TYPES)


@pytest.mark.parametrize(
    ("architecture", "key"), [("gemma2", "attn_logit_softcapping"), ("cohere", "logit_scale")]
)
def test_a_base_that_bends_its_products_may_not_write(
    copied: Path, architecture: str, key: str
) -> None:
    configured(copied, model_type=architecture, **{key: 0.5})

    with pytest.raises(ModelError, match=f"found {key} = 0.5 in its config.json"):
        look_up(writing(copied), TYPES)


def test_what_an_answer_may_hold_ends_where_the_base_does(copied: Path) -> None:
    configured(copied, max_position_embeddings=600)
    task = look_up(writing(copied), TYPES).task

    assert isinstance(task, Extraction)
    assert isinstance(task.formulation, Markup)
    assert task.formulation.most_positions == 600


def test_a_base_without_a_limit_reads_any_window(decoder: BaseModel) -> None:
    model = replace(writing(decoder.folder), window_tokens=100_000)
    task = look_up(writing(decoder.folder), TYPES).task
    assert isinstance(task, Extraction)
    task = replace(task, window_tokens=100_000)

    require_positions(task, model, None)
    with pytest.raises(ModelError, match="window_tokens: found 100000"):
        require_positions(task, model, 1024)
