"""What extraction got right in a note.

Three parts are scored: `ner`, main entities; `re`, relations from predicted heads (end to end);
`re_gold`, relations from given gold heads. The guideline share is the part of predicted modifiers
that the guideline lets their head carry; cross relations are not judged.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from fedmedlora.clinical.labels import CROSS_RELATIONS, in_guideline
from fedmedlora.tasks.counts import Counts, NoteCounts, Part, PartCounts
from fedmedlora.tasks.findings import Findings, Link, Span
from fedmedlora.tasks.matching import lenient_matches, strict_matches

NER, RE, RE_GOLD = "ner", "re", "re_gold"
PARTS = (NER, RE, RE_GOLD)

Finding = TypeVar("Finding", Span, Link)


def count_note(gold: Findings, predicted: Findings, *, unaligned: int = 0) -> NoteCounts:
    """Return what a prediction got right in one note."""
    parts = {
        NER: _spans(gold.entities, predicted.entities),
        RE: _links(gold.links, predicted.links),
        RE_GOLD: _links(gold.gold_links, predicted.gold_links),
    }
    return NoteCounts(parts, unaligned, dict(Counter(predicted.lost)))


def judged(gold: Findings, predicted: Findings) -> dict[Part, list[tuple[float, bool]]]:
    """Return by part how likely a model held each find, in nats, and whether it is right.

    It is where type, start and end are; a relation is where both its ends are. What the model told
    nothing of is not in here.
    """
    finds: dict[Part, list[tuple[float, bool]]] = {NER: [], RE: []}
    right = {*gold.entities, *gold.links}
    for find, log_prob in predicted.log_probs.items():
        finds[RE if isinstance(find, Link) else NER].append((log_prob, find in right))
    return finds


def _counts(matches: int, gold: Sequence[Finding], predicted: Sequence[Finding]) -> Counts:
    return Counts(matches, len(predicted) - matches, len(gold) - matches)


def _by_type(gold: Sequence[Finding], predicted: Sequence[Finding]) -> dict[str, Counts]:
    by_type = {}
    for type_ in sorted({finding.type for finding in (*gold, *predicted)}):
        gold_of_it = [finding for finding in gold if finding.type == type_]
        predicted_of_it = [finding for finding in predicted if finding.type == type_]
        matches = strict_matches(gold_of_it, predicted_of_it)
        by_type[type_] = _counts(matches, gold_of_it, predicted_of_it)
    return by_type


def _spans(gold: Sequence[Span], predicted: Sequence[Span]) -> PartCounts:
    lenient = _counts(lenient_matches(gold, predicted), gold, predicted)
    return PartCounts(_by_type(gold, predicted), lenient)


def _links(gold: Sequence[Link], predicted: Sequence[Link]) -> PartCounts:
    lenient = _counts(lenient_matches(gold, predicted), gold, predicted)
    modifiers = [link for link in predicted if link.type not in CROSS_RELATIONS]
    inside = sum(in_guideline(link.head.type, link.type) for link in modifiers)
    share = {"guideline_share": (inside, len(modifiers))}
    return PartCounts(_by_type(gold, predicted), lenient, share)
