"""Marked-up sentences of the invented hospitals behind an instruction of any length.

The papers put about 400 tokens of instruction before each sentence of 30. The instruction here is
of our own words and as long as is asked for, in tokens of the bundled base.
"""

from collections.abc import Sequence
from dataclasses import replace

from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.synthetic.hospitals import synthesize
from fedmedlora.tasks.answers import WrittenExample
from fedmedlora.tasks.copy_or_tag import Ids
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.markup import Markup
from fedmedlora.tasks.prompts import MARKING
from fedmedlora.tasks.prompts import instruction as told
from fedmedlora.training.base_models import find_base_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

TYPES = (*MAIN_TYPES, *RELATION_TYPES)
PAPER_INSTRUCTION = 400
"""Tokens before a sentence in the papers' prompt for entities, about."""

_SHORTEST, _LONGEST = 22, 64
_GUIDELINE = """
You read one sentence of a clinical note and write it again, word for word, its entities marked.
Leave each word, number and sign as it stands; mend no spelling and add no remark of your own.
Open a mark right before the first word of an entity and close it right behind the last one.
Take the whole phrase: adjectives that say which kind it is belong to it, articles do not.
Where one entity lies inside another, mark both, the longer one outside.
What is denied, doubted or only planned is marked as well; who has it does not matter here.
A disease, a symptom, an injury or an abnormal finding is a problem.
An operation, a procedure or any therapy without a medicine is a treatment.
A laboratory test, an imaging study or a bedside measurement is a test; its result is not.
A medicine is a drug, by its trade name, its generic name, its class or its abbreviation.
A dose, a route or a frequency is never an entity of its own.
Headings, names of wards, names of people and dates stay unmarked.
An abbreviation is marked as what it stands for; in doubt, go by the words around it.
If nothing in the sentence is an entity, write the sentence without any mark.
"""


def sentence_examples(number: int, *, prompt_tokens: int | None) -> list[WrittenExample]:
    """Return sentences of all hospitals, marked, drawn evenly, behind one instruction.

    Args:
        number: At most so many; the longer ones of the hospitals are taken, as the invented notes'
            sentences are shorter than real ones.
        prompt_tokens: Length of the instruction; None leaves each site its own.
    """
    tokenizer = HuggingFaceTokenizer(find_base_model("bundled").folder)
    if tokenizer.end_id is None:
        raise ValueError("the bundled base says no end")
    formulation = Markup(TYPES, tokenizer, tokenizer.end_id)
    task = Extraction(formulation, tokenizer, _LONGEST)
    found = [
        example
        for _, site in synthesize().values()
        for example in task.examples(site.splits.get("train", ()), site.labels, max_heads=0)
        if len(example.grammar.text) >= _SHORTEST
    ]
    drawn = found[:: max(1, len(found) // number)][:number]
    return drawn if prompt_tokens is None else behind(drawn, prompt_tokens, tokenizer)


def behind(
    examples: Sequence[WrittenExample], num_tokens: int, tokenizer: HuggingFaceTokenizer
) -> list[WrittenExample]:
    """Return examples with an instruction of so many tokens in place of their own."""
    ids = instruction(num_tokens, tokenizer)
    return [replace(example, instruction=ids) for example in examples]


def instruction(num_tokens: int, tokenizer: HuggingFaceTokenizer) -> Ids:
    """Return an instruction of exactly so many ids: what is asked for, and a guideline before."""
    asked = tokenizer.tokenize(told(MARKING, MAIN_TYPES, of_head=False)).ids
    before = tokenizer.tokenize(_GUIDELINE).ids
    ids = [*tokenizer.prefix, *before, *asked]
    while len(ids) < num_tokens:
        ids = [*ids, *before]
    # Nothing at all cannot be read; a single token is what begins every text.
    return tuple(ids[: max(1, num_tokens)])
