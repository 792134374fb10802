"""The model card of what is handed over: Markdown with the header that the Hugging Face hub reads.

Its figures are those of the run's record; of an adapter folder, whose run is not at hand, it says
what is known from the folder alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fedmedlora.reporting import arms, card_words
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.protections import left_open
from fedmedlora.reporting.quantities import UNDEFINED, count, decimal, percent
from fedmedlora.tasks.kind import task_kinds

Form = Literal["peft", "merged"]

_LOADING: Mapping[tuple[Form, bool], str] = {
    ("peft", True): card_words.PEFT_TAGGER,
    ("merged", True): card_words.MERGED_TAGGER,
    ("peft", False): card_words.PEFT_WRITER,
    ("merged", False): card_words.MERGED_WRITER,
}
_STATISTICS = {"mean": "mean", "min": "lowest (Min-Acc)", "harmonic_mean": "harmonic mean (H-mean)"}
_ROLES = {"train": "trained", "external": "took no part", "new_site": "new", "server": "server"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What is handed over.

    Attributes:
        origin: Which arm and round of which experiment it is, in words.
        dtype: Of the weights.
        base: The base's name as the experiment says it, of a folder the last part alone.
        task: What it learnt, by name.
        formulation: In which form it extracts; None for another task.
        types: All that it was trained to find.
        version: Of this program.
        arm: Its name in the run; None where the run is not at hand.
    """

    origin: str
    form: Form
    dtype: str
    base: str
    base_sha256: str
    task: str
    formulation: str | None
    types: Sequence[str]
    rank: int
    alpha: float
    quantization: str
    version: str
    arm: str | None = None

    @property
    def tags(self) -> bool:
        """Return whether it labels words, where others write."""
        return self.formulation == "tagging"


def model_card(handed: Handed, results: Json | None, head: Mapping[str, Any] | None) -> str:
    """Return the README.md of an exported folder.

    Args:
        handed: What is in it.
        results: What results.json holds; None where the run is not at hand.
        head: The last head of the run's ledger; None where nothing was signed.
    """
    arm = _arm(handed, results)
    sections = [
        ("", _what_it_is(handed)),
        ("Who trained it", _training(results, arm)),
        ("How good it is", _scores(results, arm)),
        ("Privacy", _privacy(results, arm)),
        ("What can be proved", _proof(results, head)),
        ("What it is for, and what not", [card_words.USE, card_words.NOT_FOR]),
        ("Licences", _licences(handed)),
        ("How to load it", [_loading(handed)]),
    ]
    told = [_header(handed), f"# {handed.origin}"]
    for title, lines in sections:
        told += [f"## {title}"] if title else []
        told += lines
    return "\n\n".join(told) + "\n"


def _header(handed: Handed) -> str:
    lines = [
        "---",
        f"library_name: {'peft' if handed.form == 'peft' else 'transformers'}",
        f"pipeline_tag: {'token-classification' if handed.tags else 'text-generation'}",
        # Whose notes they were decides, and a run does not know.
        "license: unknown",
        *([f"base_model: {handed.base}"] if "/" in handed.base else []),
        "tags:",
        *(f"- {tag}" for tag in ("lora", "federated-learning", "clinical", "fed-medlora")),
        "---",
    ]
    return "\n".join(lines)


def _what_it_is(handed: Handed) -> list[str]:
    adapter = f"LoRA of rank {handed.rank}, alpha {handed.alpha:g}"
    bits = "" if handed.quantization == "none" else f" for the base in {handed.quantization}"
    form = f"{adapter}{bits}"
    if handed.form == "merged":
        form = f"the base{' as its four bits say it' if bits else ''} with {adapter} in its weights"
    rows = [
        ("form", f"{form}; {handed.dtype}"),
        ("base model", f"{handed.base}, sha256 of its weights `{handed.base_sha256}`"),
        *([("answers by", handed.formulation)] if handed.formulation else []),
        *([("finds", ", ".join(handed.types))] if handed.formulation else []),
        ("made by", f"Fed-MedLoRA {handed.version}, `fedmedlora export --to {handed.form}`"),
    ]
    learnt = task_kinds()[handed.task].title.lower()
    return [card_words.INTRODUCTION.format(task=learnt), _table(("", ""), rows)]


def _arm(handed: Handed, results: Json | None) -> Json:
    found = [arm for arm in (results or {}).get("arms", ()) if arm["name"] == handed.arm]
    return found[0] if found else {}


def _training(results: Json | None, arm: Json) -> list[str]:
    if results is None:
        return [card_words.NO_RUN]
    rounds = arm.get("rounds") or ()
    best = arm.get("best_round")
    kept = [one["shares"] for one in rounds if one["round"] == best]
    shares = kept[0] if kept else {}
    said = [
        f"{arms.title(arm['name'])}, experiment {results['experiment']}, seed {results['seed']}.",
        f"{len(rounds)} rounds, of which round {best} was kept." if best else "Nobody trained it.",
        card_words.BETWEEN if results.get("between_hospitals") else card_words.REHEARSAL,
    ]
    rows = [
        (
            site["name"],
            _ROLES.get(site["role"], UNDEFINED),
            count((site.get("notes") or {}).get("train")),
            percent(shares.get(site["name"])),
            "yes" if site.get("public") else "no",
        )
        for site in results.get("sites") or ()
    ]
    headings = ("site", "part", "training notes", "share", "notes public")
    return [" ".join(said), _table(headings, rows)]


def _scores(results: Json | None, arm: Json) -> list[str]:
    final = arm.get("final") or {}
    if results is None or not final:
        return [card_words.NO_SCORES]
    kind = arms.kind_of(results)
    metrics = kind.metrics
    headings = ("score [95 %]", *(metric.title for metric in metrics.values()))
    rows = [(site, *(_score(final[site], metric) for metric in metrics)) for site in sorted(final)]
    over = [
        (title, *(decimal(arms.summary(arm, metric, statistic)) for metric in metrics))
        for statistic, title in _STATISTICS.items()
    ]
    dev = sorted(site for site, scores in final.items() if (scores or {}).get("split") == "dev")
    on_dev = [card_words.ON_DEV.format(sites=", ".join(dev))] if dev else []
    meanings = "\n".join(f"- {term}: {meaning}" for term, meaning in kind.glossary)
    return [_table(headings, [*rows, *over]), card_words.SCORES, meanings, *on_dev]


def _score(scores: Json | None, metric: str) -> str:
    bounds = arms.interval_of(scores, metric)
    low_high = "" if bounds is None else " [{}, {}]".format(*map(decimal, bounds))
    return f"{decimal(arms.f1(scores, metric))}{low_high}"


def _privacy(results: Json | None, arm: Json) -> list[str]:
    if results is None:
        return [card_words.NO_PRIVACY_KNOWN, card_words.LEAKS]
    privacy = results.get("privacy") or {}
    if privacy and arm["name"] in privacy["open"]:
        return [card_words.TRAINED_OPENLY, card_words.LEAKS]
    said = privacy.get("said") or {}
    told = [f"- **{place}**: {said[place]['sentence']}" for place in sorted(said)]
    return [*(["\n".join(told)] if told else []), left_open(results), card_words.LEAKS]


def _proof(results: Json | None, head: Mapping[str, Any] | None) -> list[str]:
    if results is None:
        return [card_words.NO_RUN]
    if head is None:
        return [card_words.UNSIGNED]
    return [card_words.SIGNED.format(**head)]


def _licences(handed: Handed) -> list[str]:
    base = card_words.BASE_LICENCES.get(handed.base, card_words.BASE_LICENCE_UNKNOWN)
    return [f"- The base, {handed.base}: {base}\n{card_words.LICENCES}"]


def _loading(handed: Handed) -> str:
    own = handed.base in card_words.BASE_LICENCES
    base = card_words.OWN_BASE if own else card_words.NAMED_BASE
    code = _LOADING[handed.form, handed.tags]
    asked = {
        "base": base.format(name=handed.base),
        "types": repr(list(handed.types)),
        "dtype": handed.dtype,
    }
    for key, value in asked.items():
        code = code.replace(f"<{key}>", value)
    written = card_words.WRITES if handed.formulation else card_words.ANSWERS
    told = card_words.TAGS if handed.tags else written
    return f"{told}\n\n```python\n{code}```"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
