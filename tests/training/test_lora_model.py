import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit
from peft import TaskType
from peft.tuners import lora
from safetensors.torch import load_file, save_file
from tests.training.tiny_decoders import stirred_model, tiny_decoder, written_examples
from tests.training.tiny_models import LORA, examples
from transformers import AutoModelForCausalLM

from fedmedlora.errors import ModelError
from fedmedlora.training.base_models import BaseModel, find_base_model
from fedmedlora.training.lora_linear import LoraLinear
from fedmedlora.training.lora_model import (
    Form,
    load_base,
    products,
    recompute_activations,
    with_lora,
)
from fedmedlora.training.settings import Dtype
from fedmedlora.training.tagging_model import TaggingModel
from fedmedlora.training.trainer import Learner

FORM = Form(AutoModelForCausalLM, ability="go on with a text", attention="eager")


@pytest.fixture(scope="module", params=["llama", "qwen3"])
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_decoder(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture
def copied(llama: BaseModel, tmp_path: Path) -> BaseModel:
    """Return a base whose weights may be broken."""
    return replace(llama, folder=shutil.copytree(llama.folder, tmp_path / "copy"))


def gradients(model: Learner[Any], given: list[Any]) -> tuple[dict[str, torch.Tensor], int]:
    """Return the gradients, and the bytes that were kept for them on the way."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    model.model.train()
    model.model.zero_grad()
    torch.manual_seed(0)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        objective = model.objective(given)
    objective.backward()  # type: ignore[no-untyped-call]
    found = {
        name: parameter.grad.clone()
        for name, parameter in model.slots.parameters.items()
        if parameter.grad is not None
    }
    return found, sum(kept.values())


class TestRecomputed:
    def test_gradients_are_the_same_behind_a_shared_instruction(self, decoder: BaseModel) -> None:
        model, given = stirred_model(decoder), written_examples(decoder)
        plain, much = gradients(model, given)

        recompute_activations(model.model, model.dtype)
        again, little = gradients(model, given)

        assert plain.keys() == again.keys() == model.slots.parameters.keys()
        assert all(torch.equal(plain[name], again[name]) for name in plain)
        assert little < much / 2

    def test_gradients_are_the_same_in_tagging(self, tagger: TaggingModel) -> None:
        plain, much = gradients(tagger, examples(4))

        recompute_activations(tagger.model, tagger.dtype)
        again, little = gradients(tagger, examples(4))

        assert all(torch.equal(plain[name], again[name]) for name in plain)
        assert little < much

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_dropout_drops_the_same_twice(self, decoder: BaseModel, dtype: Dtype) -> None:
        """What goes on when a layer is computed again is what went on the first time."""
        model = stirred_model(decoder, dtype=dtype, dropout=0.5)
        given = written_examples(decoder)
        plain, _ = gradients(model, given)

        recompute_activations(model.model, model.dtype)
        again, _ = gradients(model, given)

        assert all(torch.equal(plain[name], again[name]) for name in plain)

    def test_nothing_is_recomputed_where_nothing_is_trained(self, decoder: BaseModel) -> None:
        model, given = stirred_model(decoder), written_examples(decoder)
        model.model.eval()
        with torch.inference_mode():
            plain = float(model.nats(given))

        recompute_activations(model.model, model.dtype)

        with torch.inference_mode():
            assert float(model.nats(given)) == plain

    def test_what_goes_into_the_first_layer_needs_no_gradient(self, decoder: BaseModel) -> None:
        model = stirred_model(decoder)

        recompute_activations(model.model, model.dtype)

        inner: Any = model.model.get_base_model()
        assert not inner.get_input_embeddings()(torch.tensor([1])).requires_grad

    def test_a_base_that_cannot_is_refused(self, decoder: BaseModel) -> None:
        model = stirred_model(decoder).model
        inner: Any = model.get_base_model()
        inner.supports_gradient_checkpointing = False

        with pytest.raises(ModelError, match=r"gradient_checkpointing: found (Llama|Qwen3)"):
            recompute_activations(model, "float32")


def test_layers_in_four_bits_are_left_to_peft(decoder: BaseModel) -> None:
    """A layer in four bits is an `nn.Linear`, so a model tells by a mark that it has some."""
    for is_quantized, kind in ((False, LoraLinear), (True, lora.Linear)):
        plain: Any = load_base(decoder, FORM, dtype="float32", quantization="none")
        plain.is_loaded_in_4bit = is_quantized

        model = with_lora(plain, decoder, LORA, kind=TaskType.CAUSAL_LM)

        layers: set[type[Any]] = {
            type(one) for one in model.modules() if isinstance(one, lora.LoraLayer)
        }
        assert layers == {kind}


def test_narrow_weights_are_read_narrow_and_positions_stay_exact(decoder: BaseModel) -> None:
    """Had all been narrowed afterwards, the angles of positions would be narrow too."""
    plain = load_base(decoder, FORM, dtype="bfloat16", quantization="none")

    assert {parameter.dtype for parameter in plain.parameters()} == {torch.bfloat16}
    assert {buffer.dtype for buffer in plain.buffers()} == {torch.float32}


def test_products_are_narrow_while_they_are_asked_for(decoder: BaseModel) -> None:
    model = stirred_model(decoder).model
    x = torch.ones(2, 2)

    with products(model, "bfloat16"):
        narrow = (x @ x).dtype
    with products(model, "float32"):
        wide = (x @ x).dtype

    assert (narrow, wide) == (torch.bfloat16, torch.float32)


class TestFaultyWeights:
    def test_half_a_file_is_refused(self, copied: BaseModel) -> None:
        file = copied.folder / "model.safetensors"
        file.write_bytes(file.read_bytes()[:1000])

        with pytest.raises(
            ModelError, match=r"found weights that cannot be read .* copy the model"
        ):
            load_base(copied, FORM, dtype="float32", quantization="none")

    def test_weights_of_another_width_are_refused(self, copied: BaseModel) -> None:
        file = copied.folder / "model.safetensors"
        wide = {name: torch.cat([one, one]) for name, one in load_file(file).items()}
        save_file(wide, file, metadata={"format": "pt"})

        with pytest.raises(ModelError, match=r"have other shapes than config\.json in .* says"):
            load_base(copied, FORM, dtype="float32", quantization="none")

    def test_pickles_are_not_read_where_safetensors_have_another_name(
        self, copied: BaseModel
    ) -> None:
        file = copied.folder / "model.safetensors"
        torch.save(load_file(file), copied.folder / "pytorch_model.bin")
        file.rename(copied.folder / "adapter.safetensors")

        with pytest.raises(ModelError, match=r"knows and its model\.safetensors"):
            load_base(
                find_base_model(str(copied.folder)), FORM, dtype="float32", quantization="none"
            )

    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (torch.OutOfMemoryError("full"), r"too little memory .* set model\.quantization to"),
            (ImportError("bitsandbytes"), "a package missing or not fit for this machine"),
        ],
    )
    def test_what_a_machine_lacks_is_told(
        self, copied: BaseModel, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
    ) -> None:
        asked: dict[str, object] = {}

        def fail(*_: object, **options: object) -> None:
            asked.update(options)
            raise error

        monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)

        with pytest.raises(ModelError, match=f"found {told}"):
            load_base(copied, FORM, dtype="bfloat16", quantization="4bit")
        assert asked["dtype"] == torch.bfloat16
        assert asked["quantization_config"]


def test_a_base_in_four_bits_reads_and_trains_on_what_was_read(decoder: BaseModel) -> None:
    plain = load_base(decoder, FORM, dtype="float32", quantization="4bit")
    model = with_lora(plain, decoder, LORA, kind=TaskType.CAUSAL_LM)
    layer = next(module for module in model.modules() if isinstance(module, Linear4bit))
    before = layer.weight.data.clone()
    tokens = torch.arange(1, 9)[None]

    model.eval()
    with torch.no_grad():
        first = model(input_ids=tokens).logits
    model.train()
    model(input_ids=tokens, labels=tokens).loss.backward()
    model.eval()
    with torch.no_grad():
        second = model(input_ids=tokens).logits

    assert torch.equal(first, second)
    assert torch.equal(layer.weight.data, before)
    # Two values a byte.
    assert before.numel() == layer.in_features * layer.out_features // 2
    moved = [name for name, weight in model.named_parameters() if weight.grad is not None]
    assert moved
    assert all("lora_" in name for name in moved)
