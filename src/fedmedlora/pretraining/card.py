"""The bundled base's model card: what it is, what made it, how good it is, what not to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from fedmedlora.pretraining.corpus import INVENTED_SEEDS
from fedmedlora.pretraining.measuring import Copying
from fedmedlora.pretraining.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of a finished model.

    Attributes:
        sha256: Of model.safetensors.
        num_parameters: Shared ones counted once.
        num_tokens: Tokens it was trained on, exercises among them.
        num_held_out: Tokens of text that perplexity was measured on.
        perplexity: On them.
        hidden: Share of hidden tokens that are told right from both sides.
        text: Copying of held-out text, by length.
        random: Copying of random tokens, by length.
    """

    sha256: str
    num_parameters: int
    num_tokens: int
    num_held_out: int
    perplexity: float
    hidden: float
    text: Mapping[int, Copying]
    random: Mapping[int, Copying]


def card(recipe: Recipe, figures: Figures) -> str:
    """Return the model card as Markdown."""
    return f"""# The bundled base

A Llama-architecture causal language model of {figures.num_parameters / 1e6:.1f} M parameters with a
tokenizer of its own, for the demo, the tests and laptops. It was made by `make base-model`; every
number of it stands in `pretraining/recipe.py`.

| | |
|---|---|
| shape | {recipe.depth} layers, width {recipe.width}, {recipe.heads} heads, gated layer \
{recipe.inner_width}, window {recipe.window}, vocabulary {recipe.vocabulary} |
| weights | bfloat16, sha256 `{figures.sha256}` |
| training | {_stages(recipe)} steps of {recipe.windows_a_step} windows, \
{figures.num_tokens / 1e6:.1f} M tokens with exercises, seed {recipe.seed} |

## What it read

Openly licensed English medical text: research articles, vaccine-safety narratives, patient
information, consultations, old books. `SOURCES.md` names each source with its licence and
`ATTRIBUTION.tsv.gz` each article with its authors; both must travel with the weights. Beside them,
notes that this project invents (seeds {INVENTED_SEEDS[0]} to {INVENTED_SEEDS[-1]}, training \
hospitals only: none of the
external or the new site, none of a seed that an experiment uses). No annotation of any kind.

It practised beside reading: copying a text, copying it with announced spans marked, and copying it
with words marked that are used like some examples. What is used alike was found by counting which
words stand side by side (`pretraining/word_classes.py`). In the second stage every other step reads
both ways instead: it tells hidden words from what stands on both sides (`pretraining/gaps.py`), as
a tagger will have to. Names of classes are invented. It never
saw one of the task's types as a class, their definitions or its prompts; `tests/pretraining` scans
all of the text and samples of the exercises for them.

## How good it is

Perplexity {figures.perplexity:.1f} a token, on {figures.num_held_out:,} tokens of held-out text
(one document in 128, by the hash of its text). Of words hidden in that text, one in five, it tells
{_percent(figures.hidden)} of the tokens right from both sides.

Copying, on text it never read and on random tokens: the share of tokens that are right, and the
share of texts copied without a fault, the end among them.

| length in tokens | text: tokens | text: whole | random: tokens | random: whole |
|---|---|---|---|---|
{_rows(figures)}

## What it must not be used for

It is a starting point for adapters that mark text. It knows little of medicine and writes nothing
one could rely on: not for answers, advice, summaries or notes, and not for decisions about people.
What it marks after training must be checked by somebody who can tell. The text is English; most of
it is research prose, little is clinical shorthand. Articles and reports carry the biases of who
wrote them and of whom they are about.
"""


def _rows(figures: Figures) -> str:
    return "\n".join(
        f"| {length} | {_percent(figures.text[length].tokens)} | "
        f"{_percent(figures.text[length].whole)} | {_percent(figures.random[length].tokens)} | "
        f"{_percent(figures.random[length].whole)} |"
        for length in sorted(figures.text)
    )


def _stages(recipe: Recipe) -> str:
    return " and ".join(f"{stage.steps}" for stage in recipe.stages)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
