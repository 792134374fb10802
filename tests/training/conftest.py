import pytest
from accelerate import Accelerator
from tests.training.tiny_models import tagger_of, tiny_bert, tiny_llama

from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.tagging_model import TaggingModel


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
    return tagger_of(bert)
