"""Tables of what happened: sites, shares and their reasons, bytes, the environment.

Saving of a message that carries an adapter instead of the model, both in the same number format:

    1 - P_adapter / P_model,    P_adapter = sum over adapted layers of r (d_in + d_out)

Source: LoRA (arXiv 2106.09685), section 4.1: A is (r, d_in), B is (d_out, r).
"""

from collections.abc import Mapping, Sequence

from fedmedlora.reporting import arms
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.figures import bars
from fedmedlora.reporting.markup import Cell, Heading, Html, Rows, join, table, text, words
from fedmedlora.reporting.quantities import (
    UNDEFINED,
    count,
    decimal,
    defined,
    duration,
    percent,
    show,
    size,
)
from fedmedlora.reporting.tables import figure, named

_RANK = 16
_NUM_LAYERS = 32
# q, k, v, o, gate, up, down of Llama-3-8B as (d_in, d_out).
_LAYER = (
    (4096, 4096),
    (4096, 1024),
    (4096, 1024),
    (4096, 4096),
    (4096, 14336),
    (4096, 14336),
    (14336, 4096),
)
LARGE_MODEL_PARAMETERS = 8.03e9
_BYTES_PER_PARAMETER = 2

_ROLES = {
    "train": "trains",
    "external": "external: only scored",
    "new_site": "new: joins later",
    "server": "server's validation notes",
}
_SPLITS = {"train": "train", "held_out": "set aside", "dev": "dev", "test": "test"}


def large_adapter_parameters() -> int:
    """Return how many numbers an adapter of Llama-3-8B holds at rank 16 on all linear layers."""
    return _NUM_LAYERS * sum(_RANK * (d_in + d_out) for d_in, d_out in _LAYER)


_KINDS_OF_TYPES = {
    "entities": "Entity types",
    "relations": "Relation types",
    "heads": "Given as heads alone",
}


def sites_table(results: Json) -> Html:
    """Return who took part, with how many notes, annotating what."""
    sites = results.get("sites") or ()
    every = {
        kind: list(dict.fromkeys(type_ for site in sites for type_ in site.get(kind) or ()))
        for kind in ("entities", "relations", "heads")
    }
    if not every["heads"]:
        del every["heads"]
    headings = [
        Heading("Site", figures=False),
        Heading("Part", figures=False),
        *(Heading(name, "Notes") for name in _SPLITS.values()),
        *(Heading(_KINDS_OF_TYPES[kind], figures=False) for kind in every),
        Heading("Notes public", figures=False),
    ]
    rows = [
        [
            named(site["name"]),
            named(_ROLES.get(site.get("role", ""), UNDEFINED)),
            *(_notes(results, site, split) for split in _SPLITS),
            *(_types(site.get(kind) or (), every[kind]) for kind in every),
            named("yes" if site.get("public") else "no"),
        ]
        for site in sites
    ]
    told = [f"{kind}: {', '.join(types)}" for kind, types in every.items() if types]
    listed = words("p", f"Types that some site annotates. {'; '.join(told).capitalize()}.")
    return join([table("Sites and what they annotate", headings, [Rows(rows)]), listed])


def _notes(results: Json, site: Json, split: str) -> Cell:
    """Return how many notes a split has, and of those that end an arm how many were scored."""
    there = (site.get("notes") or {}).get(split)
    finals = (arm.get("final", {}).get(site["name"]) or {} for arm in results.get("arms", ()))
    scored = max((f.get("notes", 0) for f in finals if f.get("split") == split), default=0)
    is_part = there is not None and 0 < scored < there
    return figure(f"{count(scored)} of {count(there)}" if is_part else count(there))


def _types(types: Sequence[str], every: Sequence[str]) -> Cell:
    """Return which of all sites' types a site annotates, in the fewest words."""
    missing = [type_ for type_ in every if type_ not in types]
    if not types:
        said = UNDEFINED
    elif not missing:
        said = f"all {len(every)}" if len(every) > 1 else every[0]
    elif len(missing) < len(types):
        said = f"all {len(every)} but {', '.join(missing)}"
    else:
        said = ", ".join(types)
    return Cell(show(said), "types")


def ceilings_table(results: Json) -> Html:
    """Return how much of the gold each site's formulation can express at best."""
    headings = [
        Heading("Site", figures=False),
        Heading("entities", "Best reachable recall"),
        Heading("relations", "Best reachable recall"),
        Heading("Gold boundaries inside a word"),
    ]
    rows = []
    for site in results.get("sites") or ():
        if site.get("role") == "server":
            continue
        ceiling = site.get("ceiling") or {}
        rows.append(
            [
                named(site["name"]),
                figure(percent(ceiling.get("ner"))),
                figure(percent(ceiling.get("re"))),
                figure(count(_unaligned(results, site["name"]))),
            ]
        )
    return table("What this run's formulation can express", headings, [Rows(rows)])


def _unaligned(results: Json, site: str) -> float | None:
    found = [
        defined((a.get("final", {}).get(site) or {}).get("unaligned")) for a in results["arms"]
    ]
    return max((value for value in found if value is not None), default=None)


def shares_table(arm: Json) -> Html:
    """Return each site's share in each round, each cell filled by its share."""
    rounds = arm.get("rounds", ())
    sites = sorted({site for r in rounds for site in r.get("shares") or {}})
    headings = [
        Heading("Site", figures=False),
        *(Heading(str(r["round"]), "Share in round") for r in rounds),
    ]
    rows = [
        [named(site), *(_share((r.get("shares") or {}).get(site)) for r in rounds)]
        for site in sites
    ]
    return table(f"{arms.title(arm['name'])}: shares by round", headings, [Rows(rows)])


def _share(value: object) -> Cell:
    part = defined(value)
    style = None if part is None else f"--part:{100 * part:.4g}%"
    return Cell(show(percent(value)), "filled" if style else None, style)


def reasons_table(arm: Json, rounds: Sequence[Json]) -> Html:
    """Return what stood behind an arm's shares in these rounds: size, loss, shift, factors."""
    headings = [
        Heading("Site", figures=False),
        Heading("label tokens", "Size"),
        Heading("factor", "Size"),
        Heading("nats per token", "Loss"),
        Heading("factor", "Loss"),
        Heading("divergence", "Shift"),
        Heading("factor", "Shift"),
        Heading("Share"),
    ]
    best = arm.get("best_round")
    groups = [
        Rows(
            [_reason_row(r, site) for site in sorted(r.get("shares") or {})],
            f"Round {r['round']}{', kept' if r['round'] == best else ''}",
        )
        for r in rounds
    ]
    return table(f"{arms.title(arm['name'])}: reasons for the shares", headings, groups)


def _reason_row(round_: Json, site: str) -> list[Cell]:
    report: Mapping[str, object] = (round_.get("reports") or {}).get(site) or {}
    factors: Mapping[str, object] = (round_.get("factors") or {}).get(site) or {}
    return [
        named(site),
        figure(count(report.get("num_tokens"))),
        figure(decimal(factors.get("size"))),
        figure(decimal(report.get("validation_loss"))),
        figure(decimal(factors.get("loss"))),
        figure(decimal(report.get("shift"))),
        figure(decimal(factors.get("shift"))),
        _share(round_["shares"][site]),
    ]


def message_bars(results: Json) -> Html:
    """Return one message of this run, and of an 8 B base, as bars against the whole model."""
    sent = results.get("communication") or {}
    model, adapter = defined(sent.get("full_model_bytes")), defined(sent.get("adapter_bytes"))
    drawn = []
    if model and adapter is not None:
        drawn.append(
            bars(
                "This run's base: one message",
                [("whole model", 1.0, size(model)), ("adapter", adapter / model, size(adapter))],
            )
        )
    large = LARGE_MODEL_PARAMETERS * _BYTES_PER_PARAMETER
    small = float(large_adapter_parameters() * _BYTES_PER_PARAMETER)
    drawn.append(
        bars(
            "An 8 B base, computed and not run: one message in 16 bits",
            [("whole model", 1.0, size(large)), ("adapter", small / large, size(small))],
        )
    )
    return join(drawn)


def large_saving() -> float:
    """Return what an 8 B base would save in each message, as a part of one."""
    return 1 - large_adapter_parameters() / LARGE_MODEL_PARAMETERS


def environment_table(results: Json) -> Html:
    """Return settings, versions and machine as the run recorded them, nested keys dotted."""
    recorded = {"seed": results.get("seed"), **_flat(results.get("environment") or {})}
    headings = [Heading("What", figures=False), Heading("Recorded", figures=False)]
    rows = [
        [named(key), Cell(_recorded(key, value), class_="recorded")]
        for key, value in recorded.items()
    ]
    return table("Seeds, versions, machine", headings, [Rows(rows)])


def _recorded(key: str, value: object) -> Html:
    if value is None:
        return show(UNDEFINED)
    if isinstance(value, list | tuple):
        return words("code", ", ".join(map(str, value)))
    if key.endswith("seconds"):
        return text(duration(value))
    return text(size(value)) if key.endswith("bytes") else words("code", str(value))


def _flat(values: Mapping[str, object], before: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{before}{key}."))
        else:
            flat[f"{before}{key}"] = value
    return flat
