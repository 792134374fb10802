import warnings
from typing import Any

import pytest
import transformers

from fedmedlora.errors import ModelError
from fedmedlora.training.loading import quietly

logging: Any = transformers.utils.logging


def test_transformers_keeps_still_inside(capfd: pytest.CaptureFixture[str]) -> None:
    with quietly():
        logging.get_logger("transformers").warning("a report")
        list(logging.tqdm(range(3)))
        warnings.warn("deprecated", FutureWarning, stacklevel=1)

    assert capfd.readouterr() == ("", "")


def test_what_was_set_before_is_set_again_also_after_an_error() -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()

    def fail() -> None:
        with quietly():
            raise ModelError("no")

    with pytest.raises(ModelError):
        fail()

    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_bars_that_were_off_stay_off() -> None:
    logging.disable_progress_bar()
    try:
        with quietly():
            pass

        assert not logging.is_progress_bar_enabled()
    finally:
        logging.enable_progress_bar()
