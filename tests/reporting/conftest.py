import re
from typing import Any

import pytest

Json = dict[str, Any]

TRAIN = ("cardiology", "oncology", "paediatrics", "psychiatry", "orthopaedics")
EXTERNAL = "neurology"
NEW = "dermatology"
NO_RELATIONS = "psychiatry"
EVERY = (*TRAIN, EXTERNAL, NEW)


def row(table: str, name: str) -> list[str]:
    """Return the texts of the row that starts with a name."""
    for found in re.findall(r"<tr>(.*?)</tr>", table):
        cells = [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", found)]
        if cells[0] == name:
            return cells
    raise LookupError(name)


def _cell(percent: int) -> Json:
    # tp = p, fp = fn = 100 - p: precision = recall = F1 = p / 100
    f1 = percent / 100
    return {
        "tp": percent,
        "fp": 100 - percent,
        "fn": 100 - percent,
        "precision": f1,
        "recall": f1,
        "f1": f1,
        "ci95": [max(0.0, round(f1 - 0.03, 4)), round(f1 + 0.02, 4)],
    }


def _part(percent: int, types: tuple[str, ...]) -> Json:
    lenient = min(100, percent + 6)
    return {
        "strict": _cell(percent),
        "lenient": _cell(lenient),
        "by_type": {type_: _cell(max(0, percent - 4 * i)) for i, type_ in enumerate(types)},
    }


def _scores(site: str, percent: int, split: str = "test") -> Json:
    relations = site != NO_RELATIONS
    tails = ("severity", "negation", "dosage", "bodyloc")
    return {
        "split": split,
        "notes": 40,
        "unaligned": 2,
        "ner": _part(percent, ("problem", "treatment", "test", "drug")),
        "re_gold": _part(max(0, percent - 18), tails) if relations else None,
        "re": _part(max(0, percent - 27), tails) if relations else None,
    }


def _statistics(values: list[float]) -> Json:
    mean = sum(values) / len(values)
    return {
        "mean": mean,
        "min": min(values),
        "harmonic_mean": len(values) / sum(1 / v for v in values) if all(values) else 0.0,
        "std": (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5,
    }


def _summary(final: Json) -> Json:
    parts = {
        "ner_strict_f1": ("ner", "strict"),
        "ner_lenient_f1": ("ner", "lenient"),
        "re_strict_f1": ("re", "strict"),
        "re_gold_strict_f1": ("re_gold", "strict"),
    }
    return {
        metric: _statistics(
            [final[s][part][mode]["f1"] for s in TRAIN if final[s] and final[s][part]]
        )
        for metric, (part, mode) in parts.items()
    }


def _arm(name: str, kind: str, percents: list[int], seconds: float, **more: object) -> Json:
    final = {site: _scores(site, p) for site, p in zip(EVERY, percents, strict=True)}
    return {
        "name": name,
        "kind": kind,
        "seconds": seconds,
        "best_round": None,
        "rounds": [],
        "final": final,
        "summary": _summary(final),
        **more,
    }


def _rounds(lift: int, *, loss: bool) -> list[Json]:
    tokens = dict(zip(TRAIN, (5200, 3900, 1300, 2600, 1000), strict=True))
    rounds = []
    for index, level in enumerate((12, 48, 66, 75, 79, 78), start=1):
        reason = "training stopped: loss is not finite"
        # Runs from before there were codes have none.
        coded = {} if loss else {"code": "absent"}
        absent = [{"site": "paediatrics", "reason": reason, **coded}] if index == 2 else []
        here = [s for s in TRAIN if index != 2 or s != "paediatrics"]
        weights = {s: tokens[s] / (1 + 0.3 * i * loss) for i, s in enumerate(here)}
        rounds.append(
            {
                "round": index,
                "shares": {s: w / sum(weights.values()) for s, w in weights.items()},
                "reports": {
                    s: {
                        "num_tokens": tokens[s],
                        "validation_loss": 0.9 / index + 0.05 * i if loss else None,
                        "shift": 0.11 + 0.02 * i if loss else None,
                    }
                    for i, s in enumerate(here)
                },
                "factors": {
                    s: {"size": tokens[s] / 2800, "loss": 1.1 - 0.1 * i, "shift": 1.02}
                    for i, s in enumerate(here)
                }
                if loss
                else {},
                "absences": absent,
                "bytes_up": dict.fromkeys(here, 2_000_000),
                "bytes_down": dict.fromkeys(TRAIN, 2_000_000),
                "seconds": 21.0,
                "adapter": "0" * 64,
                "evaluation": {
                    s: _scores(s, min(99, level + lift + (-3, 4, 0, -7, 2)[i]), "dev")
                    for i, s in enumerate(TRAIN)
                },
            }
        )
    return rounds


def _arms() -> list[Json]:
    single = [
        _arm(f"single_site:{site}", "single_site", percents, 61.0)
        for site, percents in zip(
            TRAIN,
            (
                [81, 52, 47, 41, 50, 55, 48],
                [49, 80, 44, 43, 47, 50, 52],
                [38, 41, 72, 35, 39, 42, 40],
                [44, 47, 43, 76, 40, 46, 45],
                [30, 33, 31, 27, 66, 35, 34],
            ),
            strict=True,
        )
    ]
    return [
        _arm("zero_shot", "zero_shot", [0, 1, 0, 0, 2, 0, 0], 4.2),
        *single,
        _arm("centralised", "centralised", [88, 87, 85, 83, 86, 80, 74], 130.0),
        _arm(
            "fed_medlora",
            "federated",
            [85, 84, 80, 78, 81, 75, 70],
            151.0,
            best_round=6,
            rounds=_rounds(1, loss=False),
        ),
        _arm(
            "fed_medlora_plus",
            "federated",
            [86, 86, 83, 81, 84, 77, 71],
            163.0,
            best_round=5,
            rounds=_rounds(4, loss=True),
        ),
        *_new_site_arms(),
    ]


def _new_site_arms() -> list[Json]:
    figures = (("local_only", 58, 22.0), ("adapted", 79, 22.0), ("joined", 81, 55.0))
    empty: Json = {"kind": "new_site", "best_round": None, "rounds": [], "summary": {}}
    return [
        {**empty, "name": f"{n}:{NEW}", "seconds": s, "final": {NEW: _scores(NEW, percent)}}
        for n, percent, s in figures
    ]


def _sites() -> list[Json]:
    roles = [*((s, "train") for s in TRAIN), (EXTERNAL, "external"), (NEW, "new_site")]
    return [
        {
            "name": name,
            "role": role,
            "public": True,
            "entities": ["problem", "treatment", "test", "drug"],
            "relations": [] if name == NO_RELATIONS else ["severity", "negation", "dosage"],
            "notes": {"train": 180, "held_out": 20 * (role == "train"), "dev": 40, "test": 40},
            "ceiling": {"ner": 0.998, "re": None if name == NO_RELATIONS else 0.971},
        }
        for name, role in [*roles, ("server", "server")]
    ]


def _comparisons() -> list[Json]:
    best, mean = "best single site", "mean single site"
    cardiology = "single_site:cardiology"
    rows = (
        (best, "ner_strict_f1", "training sites", 0.298, [0.271, 0.322], cardiology),
        (mean, "ner_strict_f1", "training sites", 0.362, [0.34, 0.383], ""),
        ("centralised", "ner_strict_f1", "training sites", -0.018, [-0.031, -0.004], ""),
        ("fed_medlora", "ner_strict_f1", "training sites", 0.024, [-0.003, 0.049], ""),
        (best, "ner_strict_f1", EXTERNAL, 0.22, [0.14, 0.29], cardiology),
        (best, "re_gold_strict_f1", "training sites", 0.31, None, cardiology),
        (best, "problem_strict_f1", "training sites", 0.27, [0.21, 0.33], cardiology),
    )
    keys = ("against", "metric", "where", "difference", "ci95", "note")
    return [{"arm": "fed_medlora_plus", **dict(zip(keys, row, strict=True))} for row in rows]


@pytest.fixture
def results() -> Json:
    return {
        "schema": 1,
        "experiment": "five-hospitals",
        "seed": 7,
        "arms": _arms(),
        "communication": {
            "full_model_bytes": 92_000_000,
            "adapter_bytes": 2_300_000,
            "saving": 0.975,
        },
        "sites": _sites(),
        "comparisons": _comparisons(),
        "environment": {
            "versions": {"python": "3.11.2", "torch": "2.13.0", "fedmedlora": "0.1.0"},
            "machine": {"processor": "x86_64", "cores": 2, "memory_bytes": 8_000_000_000},
            "seconds": 642.0,
        },
    }


def _found(body: str, part: str, type_: str) -> Json:
    start = body.index(part)
    return {"start": start, "end": start + len(part), "type": type_}


def _drawn(site: str, body: str, wanted: Json) -> Json:
    def side(name: str) -> Json:
        spans = wanted[name]
        return {
            "entities": [_found(body, *span) for span in spans["entities"]],
            "links": [
                {"head": _found(body, *head), "tail": _found(body, *tail)}
                for head, tail in spans["links"]
            ],
        }

    return {
        "site": site,
        "note_id": f"{site}-17",
        "arm": "fed_medlora_plus",
        "text": body,
        "gold": side("gold"),
        "predicted": side("predicted"),
    }


@pytest.fixture
def drawn() -> list[Json]:
    pain, aspirin = ("severe chest pain", "problem"), ("aspirin", "drug")
    ecg, fever = ("ECG", "test"), ("fever", "problem")
    severe, chest = ("severe", "severity"), ("chest", "bodyloc")
    first = _drawn(
        "cardiology",
        "HISTORY\nMr Doe, 61, came with severe chest pain radiating to the left arm since two "
        "hours. No fever. ECG normal.\n\nPLAN\naspirin 100 mg once daily; repeat ECG tomorrow. "
        "Discussed percutaneous coronary intervention, which he declined.",
        {
            "gold": {
                "entities": [pain, aspirin, ecg, fever],
                "links": [
                    (pain, severe),
                    (pain, chest),
                    (pain, ("since two hours", "duration")),
                    (fever, ("No", "negation")),
                    (aspirin, ("100 mg", "dosage")),
                    (aspirin, ("once daily", "frequency")),
                ],
            },
            "predicted": {
                "entities": [pain, aspirin, fever, ("coronary intervention", "treatment")],
                "links": [
                    (pain, severe),
                    (fever, ("No", "negation")),
                    (aspirin, ("100 mg", "dosage")),
                    (aspirin, ("daily", "frequency")),
                ],
            },
        },
    )
    mass, lung = ("mass of the left lung", "problem"), ("left lung", "bodyloc")
    second = _drawn(
        "oncology",
        "CT shows a 3 cm mass of the left lung, unchanged. Nausea under cisplatin.",
        {
            "gold": {
                "entities": [("CT", "test"), mass, ("Nausea", "problem"), ("cisplatin", "drug")],
                "links": [
                    (mass, lung),
                    (mass, ("unchanged", "course")),
                    (("cisplatin", "drug"), ("Nausea", "adverse_effect")),
                ],
            },
            "predicted": {
                "entities": [("CT", "test"), mass, ("Nausea", "problem"), ("cisplatin", "drug")],
                "links": [(mass, lung), (mass, ("unchanged", "course"))],
            },
        },
    )
    return [first, second]
