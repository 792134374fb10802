"""Numbers and addresses that name a person, put as placeholders; annotations move along.

What is found are patterns (Presidio's recognisers, on a spaCy model that knows nothing but words):
telephone numbers, e-mail and web addresses, dates, numbers of cards, accounts and insurances.
**Names of people and places have no pattern and stay**, and so do the ids of notes and patients.
Nothing is fetched: the list of web domains is the one in the package tldextract.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fedmedlora.clinical.notes import Entity, Note, SiteNotes
from fedmedlora.formats.spans import Parts, parts_of

_LANGUAGE = "en"
_LEAST_SCORE = 0.4
"""What a pattern that fits other numbers too reaches with a word beside it that speaks for it."""

_KINDS = {
    "CREDIT_CARD": "CARD",
    "DATE_TIME": "DATE",
    "EMAIL_ADDRESS": "EMAIL",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "MEDICAL_LICENSE": "LICENCE",
    "PHONE_NUMBER": "PHONE",
    "UK_NHS": "NHS",
    "URL": "URL",
    "US_ITIN": "ITIN",
    "US_MBI": "MBI",
    "US_SSN": "SSN",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Something in a text that names a person.

    Attributes:
        kind: What it is, in capital letters.
    """

    start: int
    end: int
    kind: str


Find = Callable[[str], Sequence[Found]]
"""From a text to what is found in it, in order and apart."""


def pseudonymise_site(site: SiteNotes, find: Find) -> tuple[SiteNotes, dict[str, int]]:
    """Return a site without what is found in its notes, and how often what was."""
    counted: Counter[str] = Counter()
    splits = {}
    for split, notes in site.splits.items():
        found = [find(note.text) for note in notes]
        counted.update(one.kind for some in found for one in some)
        splits[split] = tuple(map(pseudonymise, notes, found))
    return replace(site, splits=splits), dict(sorted(counted.items()))


def pseudonymise(note: Note, found: Sequence[Found]) -> Note:
    """Return a note with placeholders like [PHONE_1]; the same words get the same one.

    An entity that begins or ends within what is replaced takes all of the placeholder.
    """
    placeholders = _placeholders(note.text, found)
    pieces, ends = [], []
    at = length = 0
    for one, placeholder in zip(found, placeholders, strict=True):
        pieces += [note.text[at : one.start], placeholder]
        length += one.start - at + len(placeholder)
        at = one.end
        ends.append((one, length - len(placeholder), length))
    text = "".join((*pieces, note.text[at:]))
    return replace(note, text=text, entities=tuple(_moved(e, ends) for e in note.entities))


def _placeholders(text: str, found: Sequence[Found]) -> list[str]:
    words: dict[str, dict[str, int]] = {}
    names = []
    for one in found:
        known = words.setdefault(one.kind, {})
        number = known.setdefault(text[one.start : one.end], len(known) + 1)
        names.append(f"[{one.kind}_{number}]")
    return names


def _moved(entity: Entity, ends: Sequence[tuple[Found, int, int]]) -> Entity:
    parts = _joined(
        tuple((_place(start, ends)[0], _place(end, ends)[1]) for start, end in parts_of(entity))
    )
    fragments = parts if len(parts) > 1 else ()
    return replace(entity, start=parts[0][0], end=parts[-1][1], fragments=fragments)


def _place(place: int, ends: Sequence[tuple[Found, int, int]]) -> tuple[int, int]:
    """Return where a place lies afterwards, as the begin of a span and as the end of one."""
    moved = place
    for found, start, end in ends:
        if place <= found.start:
            break
        if place < found.end:
            return start, end
        moved = place - found.end + end
    return moved, moved


def _joined(parts: Parts) -> Parts:
    """Return parts in order, as one those between which nothing is left."""
    joined = [parts[0]]
    for start, end in parts[1:]:
        if start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def pattern_finder() -> Find:
    """Return what finds patterns of persons; wants the extra `pseudonyms`."""
    analyzer = _analyzer()

    def find(text: str) -> list[Found]:
        results = analyzer.analyze(text, _LANGUAGE, entities=[*_KINDS])
        spans = sorted((r.start, r.end, -r.score, _KINDS[r.entity_type]) for r in results)
        return _apart([(-score, Found(start, end, kind)) for start, end, score, kind in spans])

    return find


def _apart(scored: Sequence[tuple[float, Found]]) -> list[Found]:
    """Return what was found in order, as one what overlaps, by the name of the surest."""
    apart: list[tuple[float, Found]] = []
    for score, found in scored:
        if apart and found.start < apart[-1][1].end:
            best, last = apart[-1]
            kind = found.kind if score > best else last.kind
            apart[-1] = (max(score, best), Found(last.start, max(last.end, found.end), kind))
        else:
            apart.append((score, found))
    return [found for _, found in apart]


def _analyzer() -> Any:  # noqa: ANN401 -- a foreign object without types
    import spacy  # noqa: PLC0415 -- an extra that takes seconds to import
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # noqa: PLC0415 -- as above
    from presidio_analyzer.nlp_engine import SpacyNlpEngine  # noqa: PLC0415 -- as above

    model = spacy.blank(_LANGUAGE)
    model.max_length = 1 << 30
    tokenizer = model.tokenizer

    def words_as_lemmas(text: str) -> Any:  # noqa: ANN401 -- as above
        words = tokenizer(text)
        for word in words:
            # A word like `phone` beside a number is looked for among the lemmas.
            word.lemma_ = word.lower_
        return words

    model.tokenizer = words_as_lemmas
    engine: Any = SpacyNlpEngine()
    # One that has its model loads none, and so fetches none.
    engine.nlp = {_LANGUAGE: model}
    registry = RecognizerRegistry(recognizers=_recognizers(), supported_languages=[_LANGUAGE])
    return AnalyzerEngine(
        registry, engine, supported_languages=[_LANGUAGE], default_score_threshold=_LEAST_SCORE
    )


def _recognizers() -> list[Any]:
    import tldextract  # noqa: PLC0415 -- an extra
    from presidio_analyzer import predefined_recognizers as known  # noqa: PLC0415 -- an extra

    # Without a scheme any full stop that lacks its blank, as in "rash.In", would be an address.
    schemes = [p for p in known.UrlRecognizer.PATTERNS if "non-schema" not in _dashed(p.name)]
    addresses: list[Any] = [known.EmailRecognizer(), known.UrlRecognizer(patterns=schemes)]
    domains = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    for recognizer in addresses:
        # Theirs asks the network for a list of domains.
        recognizer.validate_result = lambda text: domains(text).fqdn != ""
    return [
        *addresses,
        known.CreditCardRecognizer(),
        known.DateRecognizer(),
        known.IbanRecognizer(),
        known.IpRecognizer(),
        known.MacAddressRecognizer(),
        known.MedicalLicenseRecognizer(),
        known.NhsRecognizer(),
        known.PhoneRecognizer(),
        known.UsItinRecognizer(),
        known.UsMbiRecognizer(),
        known.UsSsnRecognizer(),
    ]


def _dashed(name: str) -> str:
    return name.lower().replace(" ", "-")
