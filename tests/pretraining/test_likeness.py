import re
from collections.abc import Sequence

import numpy as np
import pytest

from fedmedlora.clinical.labels import ENTITY_TYPES, RELATION_TYPES
from fedmedlora.pretraining.exercises import Exercise
from fedmedlora.pretraining.likeness import marking_alike
from fedmedlora.pretraining.word_classes import WordClasses
from fedmedlora.tasks.marks import CLOSE, opening

END = "</s>"
TEXT = "The old cat saw a black dog; a hen sat in the grey house. The dog ran"
CLASSES = WordClasses(
    words=("the", "a", "cat", "dog", "hen", "cow", "house", "barn"),
    classes=((None, None, 0, 0, 0, 0, 1, 1),),
    phrases=((), (), ("fat cat",), ("wet dog",), ("my hen",), ("big cow",), (), ("a barn",)),
    num_function_words=2,
)
MARK = re.compile(r'<span class="(\w+)">([^<]+)</span>')


class Tokens:
    """Every word with the space before it, every sign and every mark is a token."""

    def __init__(self) -> None:
        self.texts = [END]

    def encode(self, text: str) -> Sequence[int]:
        pieces = re.findall(r'<span class="|">|</span>| ?\w+|\W', text)
        self.texts += [piece for piece in dict.fromkeys(pieces) if piece not in self.texts]
        return [self.texts.index(piece) for piece in pieces]

    def written(self, exercise: Exercise) -> str:
        return "".join(self.texts[id_] for id_ in exercise.ids)


def made(seed: int) -> tuple[list[str], Exercise]:
    """Return an exercise's lines, headings among them, and itself."""
    tokens, rng = Tokens(), np.random.default_rng(seed)
    ids = tokens.encode(TEXT)
    exercise = marking_alike(ids, tokens.texts, CLASSES, tokens.encode, end_id=0, rng=rng)
    return tokens.written(exercise).removesuffix(END).splitlines(), exercise


def announced(lines: Sequence[str]) -> dict[str, list[str]]:
    return {line.split(": ")[0]: line.split(": ")[1].split(", ") for line in lines[1:-4]}


@pytest.mark.parametrize("seed", range(60))
def test_the_answer_is_the_text_with_the_announced_classes_marked(seed: int) -> None:
    lines, _ = made(seed)
    *_, read, _, answer = lines
    named = announced(lines)

    assert MARK.sub(r"\2", answer) == read
    if "[" in read:
        return
    assert read == TEXT
    words = {name: {example.split()[-1] for example in named[name]} for name in named}
    animals = [name for name in named if words[name] <= {"cat", "dog", "hen", "cow"}]
    marked = [(name, span.split()[-1]) for name, span in MARK.findall(answer)]
    expected = ["cat", "dog", "hen", "dog"] if animals else []
    assert [word for name, word in marked if name in animals] == expected
    assert [word for name, word in marked if name not in animals] == (
        ["house"] if set(named) - set(animals) else []
    )


def test_spans_are_phrases_where_the_examples_are() -> None:
    seen = set()
    for seed in range(60):
        lines, _ = made(seed)
        spans = {span.strip() for _, span in MARK.findall(lines[-1])}
        if "[" not in lines[-1] and any("dog" in span for span in spans):
            is_phrases = any(" " in example for own in announced(lines).values() for example in own)
            assert ("black dog" in spans) == is_phrases
            assert ("dog" in spans) != is_phrases or "The dog" not in lines[-1]
            seen.add(is_phrases)

    assert seen == {True, False}


def test_beside_brackets_only_their_clause_is_marked() -> None:
    clauses = ["The old cat saw a black dog", " a hen sat in the grey house", " The dog ran"]
    seen = 0
    for seed in range(60):
        lines, _ = made(seed)
        answer = lines[-1]
        if "[" not in answer:
            continue
        seen += 1
        bracketed = answer[answer.index("[") : answer.index("]")]
        assert CLOSE not in bracketed
        parts = re.split("[;.]", answer)
        if len(parts) == len(clauses) and bracketed in "".join(parts):
            assert sum(CLOSE in part for part in parts) <= 1
            assert all("[" in part for part in parts if CLOSE in part)

    assert seen > 10


def test_the_answer_is_learnt_and_what_is_announced_is_not() -> None:
    for seed in range(30):
        lines, exercise = made(seed)
        is_read = "[" not in lines[-1]
        answer = len(exercise.ids) - next(
            i for i, known in enumerate(reversed(exercise.is_learnt)) if not known
        )

        assert exercise.ids[-1] == 0
        assert any(exercise.is_learnt[: answer - 1]) == is_read
        assert not exercise.is_learnt[0]


def test_no_name_is_a_type_of_the_task() -> None:
    types = {*ENTITY_TYPES, *RELATION_TYPES}
    names = {name for seed in range(60) for name in announced(made(seed)[0])}

    assert len(names) > 20
    assert names.isdisjoint(types)
    assert all(opening(type_) not in made(seed)[0][-1] for seed in range(5) for type_ in types)
