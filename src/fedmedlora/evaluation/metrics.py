"""The figures that sum up an arm: one list for results, comparisons and the report."""

from collections.abc import Mapping
from dataclasses import dataclass

from fedmedlora.tasks.scoring import Matching, Part


@dataclass(frozen=True, slots=True)
class Metric:
    """An F1 of a site's scores.

    Attributes:
        title: What a person calls it.
    """

    part: Part
    matching: Matching
    title: str


METRICS: Mapping[str, Metric] = {
    "ner_strict_f1": Metric("ner", "strict", "Entities, strict"),
    "ner_lenient_f1": Metric("ner", "lenient", "Entities, lenient"),
    "re_gold_strict_f1": Metric("re_gold", "strict", "Relations, heads given"),
    "re_strict_f1": Metric("re", "strict", "Relations, end to end"),
}
