"""The base that ships with the package is the one its card tells of, and within its limits."""

import gzip

import torch
from transformers import AutoModelForCausalLM

from fedmedlora.synthetic.hospitals import synthesize
from fedmedlora.training.base_models import find_base_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

BASE = find_base_model("bundled")
CARD = (BASE.folder / "README.md").read_text("utf-8")


def test_the_card_is_of_these_weights() -> None:
    assert f"sha256 `{BASE.digest}`" in CARD


def test_it_is_small_enough_for_a_package() -> None:
    model = AutoModelForCausalLM.from_pretrained(BASE.folder, local_files_only=True)

    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    assert num_parameters <= 8_000_000
    assert BASE.num_bytes <= 16_000_000
    assert f"{num_parameters / 1e6:.1f} M parameters" in CARD


def test_its_sources_travel_with_it() -> None:
    articles = gzip.decompress((BASE.folder / "ATTRIBUTION.tsv.gz").read_bytes()).splitlines()

    # One line for each article, and the heading.
    assert len(articles) == 2_756 + 1
    assert "evidence_inference" in (BASE.folder / "SOURCES.md").read_text("utf-8")


def test_it_copies_sentences_of_notes() -> None:
    tokenizer = HuggingFaceTokenizer(BASE.folder)
    model = AutoModelForCausalLM.from_pretrained(
        BASE.folder, local_files_only=True, dtype=torch.float32
    )
    notes = synthesize(seed=0)["nephrology"][1].splits["test"][:5]
    sentences = [line for note in notes for line in note.text.split("\n") if len(line) > 20]
    between = tokenizer.tokenize("\nbrindow:\n").ids
    right = []

    for sentence in sentences:
        text = tokenizer.tokenize(sentence).ids
        ids = torch.tensor([*tokenizer.prefix, *text, *between, *text])
        with torch.inference_mode():
            likeliest = model(ids[None]).logits[0].argmax(dim=-1)
        # That a copy begins is not said by a name it never saw, so two tokens are given.
        right.append((likeliest[-len(text) - 1 : -1] == ids[-len(text) :])[2:])

    assert len(right) > 20
    assert float(torch.cat(right).float().mean()) > 0.95
