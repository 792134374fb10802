"""`python -m fedmedlora.pretraining TEXT WORK OUT`: trains the bundled base; `make base-model`."""

import argparse
import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from fedmedlora.errors import Fault, InputError
from fedmedlora.pretraining.card import Figures, card
from fedmedlora.pretraining.corpus import Document, invented_notes, read_documents
from fedmedlora.pretraining.measuring import copying_by_length, hidden_told_right, perplexity
from fedmedlora.pretraining.recipe import Recipe
from fedmedlora.pretraining.stream import COPY_RANDOM, COPY_TEXT, Stream
from fedmedlora.pretraining.training import pretrain
from fedmedlora.pretraining.vocabulary import alphabet, cut, packaged, train_vocabulary
from fedmedlora.pretraining.word_classes import find_classes, load_classes
from fedmedlora.training.precision import resolved

logger = logging.getLogger(__name__)

_VOCABULARY_EVERY = 6
_LENGTHS, _NUMBER = (8, 16, 32, 64, 128, 256, 480), 50
_HIDDEN_WINDOWS = 100
_CLASSES, _CHECKPOINT = "classes.json", "checkpoint.pt"
_TO_SHIP = ("SOURCES.md", "ATTRIBUTION.tsv.gz")


def main() -> int:
    """Read the text, train the vocabulary and the model, and save both with their card."""
    parser = argparse.ArgumentParser(prog="python -m fedmedlora.pretraining")
    parser.add_argument("text", type=Path, help="folder of *.jsonl.gz shards")
    parser.add_argument("work", type=Path, help="folder for what is read again after a stop")
    parser.add_argument("out", type=Path, help="folder for the finished model")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        _make(given.text, given.work, given.out, Recipe(), given.threads)
    except InputError as error:
        print(error, file=sys.stderr)  # noqa: T201 -- a command's talk
        return 2
    return 0


def _make(folder: Path, work: Path, out: Path, recipe: Recipe, threads: int) -> None:
    work.mkdir(parents=True, exist_ok=True)
    tokenizer, text, held_out = _prepared(folder, work, recipe)
    classes = load_classes(work / _CLASSES)
    stream = Stream(text, alphabet(tokenizer), classes, recipe.window, recipe.seed)
    checkpoint, dtype = work / _CHECKPOINT, resolved("auto")
    model = pretrain(recipe, stream, checkpoint=checkpoint, threads=threads, dtype=dtype)
    torch.nn.Module.to(model, device="cpu", dtype=torch.bfloat16)
    model.save_pretrained(out)
    packaged(tokenizer).save_pretrained(out)
    for name in _TO_SHIP:
        shutil.copyfile(folder / name, out / name)
    # Measured is what was saved: the rounded weights, not what was trained.
    saved = LlamaForCausalLM.from_pretrained(out, dtype=torch.float32)
    unread = replace(stream, text=held_out)
    (out / "README.md").write_text(card(recipe, _figures(saved, unread, recipe, out)), "utf-8")


def _figures(model: LlamaForCausalLM, unread: Stream, recipe: Recipe, out: Path) -> Figures:
    """Return what is measured of a model, on text it never read."""
    logger.info("measuring")
    measured = partial(copying_by_length, model, unread, lengths=_LENGTHS, number=_NUMBER)
    return Figures(
        sha256=hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(),
        num_parameters=sum(parameter.numel() for parameter in model.parameters()),
        num_tokens=recipe.steps * recipe.windows_a_step * recipe.window,
        num_held_out=len(unread.text),
        perplexity=perplexity(model, unread.text, window=recipe.window),
        hidden=hidden_told_right(model, unread, windows=_HIDDEN_WINDOWS),
        text=measured(kind=COPY_TEXT),
        random=measured(kind=COPY_RANDOM),
    )


def _prepared(
    folder: Path, work: Path, recipe: Recipe
) -> tuple[Tokenizer, NDArray[np.uint16], NDArray[np.uint16]]:
    """Return the tokenizer, the text to train on and the text held out; made once, with classes.

    Raises:
        InputError: They were made by another recipe.
    """
    vocabulary, train, held_out = work / "tokenizer.json", work / "train.npy", work / "held_out.npy"
    # A run may be made longer; all else of a recipe is in what it made.
    made_by, own = work / "recipe.json", asdict(recipe)
    del own["stages"]
    if not made_by.exists():
        logger.info("reading the text")
        documents = [*read_documents(folder), *invented_notes()]
        kept = [document for document in documents if not document.is_held_out]
        texts = [document.text for document in kept]
        find_classes(texts, seed=recipe.seed).save(work / _CLASSES)
        tokenizer = train_vocabulary(texts[::_VOCABULARY_EVERY], size=recipe.vocabulary)
        tokenizer.save(str(vocabulary))
        np.save(train, cut(tokenizer, kept))
        np.save(held_out, cut(tokenizer, _held_out(documents)))
        (work / _CHECKPOINT).unlink(missing_ok=True)
        made_by.write_text(json.dumps(own), "utf-8")
    elif json.loads(made_by.read_text("utf-8")) != own:
        advice = "take another work folder, or remove this one"
        raise InputError([Fault(str(made_by), "another recipe", "that of this version", advice)])
    return Tokenizer.from_file(str(vocabulary)), np.load(train), np.load(held_out)


def _held_out(documents: Sequence[Document]) -> list[Document]:
    return [replace(document, times=1) for document in documents if document.is_held_out]


if __name__ == "__main__":
    sys.exit(main())
