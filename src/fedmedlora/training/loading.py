"""Loading foreign models without their talk: what matters in it is raised as an error instead."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import transformers

_logging: Any = transformers.utils.logging


@contextmanager
def quietly() -> Iterator[None]:
    """Hold back transformers' reports, progress bars and warnings while a model loads."""
    verbosity, bars = _logging.get_verbosity(), _logging.is_progress_bar_enabled()
    _logging.set_verbosity_error()
    _logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _logging.set_verbosity(verbosity)
        if bars:
            _logging.enable_progress_bar()
