import pytest
from accelerate import Accelerator
from tests.training.tiny_models import LORA, TYPES, tiny_bert, tiny_llama

from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.tagging_model import TaggingModel, load_tagging_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def accelerator() -> Accelerator:
    return Accelerator(mixed_precision="no", cpu=True)


@pytest.fixture
def tagger(bert: BaseModel) -> TaggingModel:
    tokenizer = HuggingFaceTokenizer(bert.folder)
    return load_tagging_model(
        bert,
        tokenizer,
        TYPES,
        lora=LORA,
        dtype="float32",
        quantization="none",
        mark_weight=1.0,
        seed=0,
    )
