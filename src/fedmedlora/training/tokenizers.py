"""A Hugging Face tokenizer behind the four lines a task needs."""

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from fedmedlora.errors import ModelError
from fedmedlora.tasks.task import Tokens


class HuggingFaceTokenizer:
    """Cuts text with a base model's own fast tokenizer; `pad_id` fills up batches."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if not self._tokenizer.is_fast:
            raise ModelError(
                f"tokenizer in {folder}: found one without offsets, expected a fast tokenizer; "
                "add a tokenizer.json"
            )
        bare = tuple(self._tokenizer("a", add_special_tokens=False).input_ids)
        framed = tuple(self._tokenizer("a").input_ids)
        first = next(i for i in range(len(framed)) if framed[i : i + len(bare)] == bare or not bare)
        self.prefix: tuple[int, ...] = framed[:first]
        self.suffix: tuple[int, ...] = framed[first + len(bare) :]
        self.pad_id: int = self._tokenizer.pad_token_id or 0

    def tokenize(self, text: str) -> Tokens:
        """Return a text's tokens; white space at a token's ends is not part of its offsets."""
        encoded = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        offsets = tuple(_trimmed(text, start, end) for start, end in encoded.offset_mapping)
        return Tokens(tuple(encoded.input_ids), offsets)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
