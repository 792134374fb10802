"""`python -m fedmedlora.pretraining TEXT WORK OUT`: trains the bundled base; `make base-model`."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fedmedlora.pretraining.corpus import Document, invented_notes, read_documents
from fedmedlora.pretraining.recipe import Recipe
from fedmedlora.pretraining.stream import Stream
from fedmedlora.pretraining.training import pretrain
from fedmedlora.pretraining.vocabulary import alphabet, cut, packaged, train_vocabulary

logger = logging.getLogger(__name__)

_VOCABULARY_EVERY = 6


def main() -> None:
    """Read the text, train the vocabulary and the model, and save both."""
    parser = argparse.ArgumentParser(prog="python -m fedmedlora.pretraining")
    parser.add_argument("text", type=Path, help="folder of *.jsonl.gz shards")
    parser.add_argument("work", type=Path, help="folder for what is read again after a stop")
    parser.add_argument("out", type=Path, help="folder for the finished model")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(given.threads)
    given.work.mkdir(parents=True, exist_ok=True)
    recipe = replace(Recipe(), steps=given.steps)
    tokenizer, text, _ = _prepared(given.text, given.work, recipe.vocabulary)
    stream = Stream(text, alphabet(tokenizer), recipe.window, recipe.seed)
    model = pretrain(recipe, stream, checkpoint=given.work / "checkpoint.pt")
    torch.nn.Module.to(model, torch.bfloat16)
    model.save_pretrained(given.out)
    packaged(tokenizer).save_pretrained(given.out)


def _prepared(
    folder: Path, work: Path, size: int
) -> tuple[Tokenizer, NDArray[np.uint16], NDArray[np.uint16]]:
    """Return the tokenizer, the text to train on and the text held out, made once."""
    vocabulary, train, held_out = work / "tokenizer.json", work / "train.npy", work / "held_out.npy"
    if not held_out.exists():
        logger.info("reading the text")
        documents = [*read_documents(folder), *invented_notes()]
        kept = [document for document in documents if not document.is_held_out]
        texts = (document.text for document in kept[::_VOCABULARY_EVERY])
        tokenizer = train_vocabulary(texts, size=size)
        tokenizer.save(str(vocabulary))
        np.save(train, cut(tokenizer, kept))
        np.save(held_out, cut(tokenizer, _held_out(documents)))
    return Tokenizer.from_file(str(vocabulary)), np.load(train), np.load(held_out)


def _held_out(documents: Sequence[Document]) -> list[Document]:
    return [replace(document, times=1) for document in documents if document.is_held_out]


if __name__ == "__main__":
    main()
