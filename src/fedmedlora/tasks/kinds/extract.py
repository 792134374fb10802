"""Entities and relations, by `tasks.extraction`, in the form that an experiment names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import FieldKind, Labels, Note
from fedmedlora.errors import Fault
from fedmedlora.tasks.counts import Part
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.json_list import JsonList
from fedmedlora.tasks.kind import Asked, Metric
from fedmedlora.tasks.markup import Markup
from fedmedlora.tasks.reading import Formulation
from fedmedlora.tasks.scoring import NER, PARTS, RE, RE_GOLD
from fedmedlora.tasks.tagging import Tagging
from fedmedlora.tasks.tally import figure_of


class Extract:
    """Main entities, and for each of them what belongs to it."""

    title = "Entities and relations"
    does = "finds entities with a strict F1"
    figure = "strict entity F1"
    glossary: Sequence[tuple[str, str]] = (
        ("F1", "One number for finding all and inventing nothing: 1 is perfect, 0 is useless."),
        ("Strict", "A find counts when its type and both its ends are exactly right."),
        ("Lenient", "A find counts when its type is right and it overlaps, each span once."),
        (
            "Relations, heads given",
            "The main entities are given; what belongs to each must be found, ends exact.",
        ),
        ("Relations, end to end", "As above, but starting from the entities the model found."),
    )
    fields: Mapping[str, FieldKind] = {}
    parts: tuple[Part, ...] = PARTS
    round_parts: tuple[Part, ...] = (NER,)
    sure_parts: tuple[Part, ...] = (NER, RE)
    typed: tuple[Part, ...] = (NER, RE_GOLD)
    ceilings: Mapping[str, Part] = {"ner": NER, "re": RE_GOLD}
    metrics: Mapping[str, Metric] = {
        "ner_strict_f1": Metric(NER, "strict", "Entities, strict", "strict", "Entities"),
        "ner_lenient_f1": Metric(NER, "lenient", "Entities, lenient", "lenient", "Entities"),
        "re_gold_strict_f1": Metric(
            RE_GOLD, "strict", "Relations, heads given", "heads given", "Relations"
        ),
        "re_strict_f1": Metric(RE, "strict", "Relations, end to end", "end to end", "Relations"),
    }
    compared: Mapping[str, str] = {
        **{name: figure_of(one.part, one.matching) for name, one in metrics.items()},
        "problem_strict_f1": "problem_strict",
    }

    def writes(self, formulation: str) -> bool:
        """Return whether the answer is written; a tagger labels words."""
        return formulation != "tagging"

    def scored(self, parts: Sequence[Part], labels: Labels) -> Sequence[Part]:
        """Return those of some parts that a site annotates."""
        finds = any(type_ in MAIN_TYPES for type_ in labels.entities)
        asked = {NER: finds, RE: finds and labels.relations, RE_GOLD: labels.relations}
        return [part for part in parts if asked[part]]

    def faults(self, note: Note) -> Iterator[Fault]:
        """Yield nothing: what is annotated is checked where notes are read."""
        del note
        yield from ()

    def open(self, asked: Asked) -> Extraction[Any]:
        """Return extraction in the form that was asked for."""
        formulation = _FORMULATIONS[asked.formulation](asked)
        return Extraction(formulation, asked.tokenizer, asked.window_tokens)


def _tagging(asked: Asked) -> Tagging:
    return Tagging(asked.types, asked.tokenizer)


def _written(form: type[Markup] | type[JsonList]) -> Callable[[Asked], Formulation[Any]]:
    def opened(asked: Asked) -> Formulation[Any]:
        if asked.end_id is None:
            raise ValueError("end_id: found none, expected that of a base that writes")
        return form(asked.types, asked.tokenizer, asked.end_id, asked.most_positions)

    return opened


_FORMULATIONS: Mapping[str, Callable[[Asked], Formulation[Any]]] = {
    "markup": _written(Markup),
    "json": _written(JsonList),
    "tagging": _tagging,
}

KIND = Extract()
