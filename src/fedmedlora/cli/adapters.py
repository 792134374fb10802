"""Adapters: evaluate, adapt, export."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fedmedlora.adapters.weights import AdapterWeights, add
from fedmedlora.cli.answers import answer
from fedmedlora.cli.cards import card_of
from fedmedlora.clinical.notes import SiteNotes
from fedmedlora.engines.exporting import export_merged, export_peft, merged_dtype
from fedmedlora.engines.sources import Source, open_source
from fedmedlora.errors import Fault, InputError, TrainingError
from fedmedlora.evaluation.calibration import UNCALIBRATED
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.evaluation.intervals import f1_intervals
from fedmedlora.experiment.cohorts import cohort, task_faults
from fedmedlora.experiment.places import SiteEntry
from fedmedlora.experiment.schema import Evaluation
from fedmedlora.experiment.spool import site_seed
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine, Participant, Scope
from fedmedlora.formats.site_folder import read_site
from fedmedlora.reporting.absences import lost_in_words
from fedmedlora.tasks.counts import MATCHINGS, site_scores
from fedmedlora.tasks.kind import TaskKind, task_kinds
from fedmedlora.training.settings import Dtype
from fedmedlora.training.vllm_limits import vllm_remarks


def evaluate(options: argparse.Namespace) -> int:
    """Print an adapter's scores on a site's notes."""
    source = open_source(options.source, arm=options.arm)
    # Who only scores needs no training notes.
    needed = {"dev", options.split} - {"test"}
    notes = read_site(options.data, required=sorted(needed))
    _require_task(source, notes, options.data)
    site = cohort(SiteEntry(path=options.data, role="external"), notes)
    split = "final" if options.split == "test" else options.split
    engine = source.engine({site.name: site})
    kind = task_kinds()[source.model.task]
    scores = _scores(engine, source.adapter, site, split, kind, limit=options.max_notes)
    answer(options, {"origin": source.origin, **scores}, [source.origin, *_lines(scores, kind)])
    return 0


def adapt(options: argparse.Namespace) -> int:
    """Train on at a new site, alone, from an adapter; print scores before and after."""
    _require_free(options.out)
    source = open_source(options.source, arm=options.arm)
    entry = SiteEntry(path=options.data, role="new_site", max_notes=options.max_notes)
    notes = read_site(options.data)
    _require_task(source, notes, options.data)
    site = cohort(entry, notes)
    engine = source.engine({site.name: site})
    kind = task_kinds()[source.model.task]
    before = _scores(engine, source.adapter, site, "final", kind)
    trained = {"notes": len(site.train), "rounds": options.rounds}
    told = f"after training (notes: {trained['notes']}, rounds: {trained['rounds']})"
    adapter = _adapted(engine, source, site.name, options.rounds)
    # What the run came to, and how sure the adapter was, says nothing of what it is now.
    further = replace(
        source,
        adapter=adapter,
        origin=f"{source.origin}, {told}",
        arm=None,
        calibration=UNCALIBRATED,
    )
    export_peft(further, options.out, card=card_of(further, form="peft", dtype="float32"))
    after = _scores(engine, adapter, site, "final", kind)
    place = str(options.out)
    lines = [source.origin, "before", *_lines(before, kind), told, *_lines(after, kind), place]
    document = {
        "origin": source.origin,
        "before": before,
        "trained": trained,
        "after": after,
        "adapter": place,
    }
    answer(options, document, lines)
    return 0


def export(options: argparse.Namespace) -> int:
    """Write an adapter as a folder that peft loads, or its base with the adapter in it."""
    return _EXPORTS[options.to](options, open_source(options.source, arm=options.arm))


def _export_peft(options: argparse.Namespace, source: Source) -> int:
    dtype: Dtype = options.dtype or "float32"
    card = card_of(source, form="peft", dtype=dtype)
    remarks = vllm_remarks(export_peft(source, options.out, card=card, dtype=dtype))
    place = str(options.out)
    if not options.json:
        sys.stderr.writelines(f"{remark}\n" for remark in remarks)
    told = {"origin": source.origin, "adapter": place, "vllm": remarks}
    answer(options, told, [source.origin, place])
    return 0


def _export_merged(options: argparse.Namespace, source: Source) -> int:
    dtype = merged_dtype(source, options.dtype)
    card = card_of(source, form="merged", dtype=dtype)
    export_merged(source, options.out, card=card, dtype=dtype)
    place = str(options.out)
    told = {"origin": source.origin, "model": place, "dtype": dtype}
    answer(options, told, [source.origin, place])
    return 0


_EXPORTS = {"peft": _export_peft, "merged": _export_merged}


def _require_free(folder: Path) -> None:
    """Refuse a folder that could not take the adapter before anything is trained."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        advice = "name another --out"
        raise InputError([Fault(str(folder), "a folder in use", "a new or empty one", advice)])


def _require_task(source: Source, notes: SiteNotes, folder: Path) -> None:
    """Refuse notes that do not have what the adapter's task needs."""
    if faults := task_faults(source.model.task, notes, folder):
        raise InputError(faults)


def _adapted(engine: Engine, source: Source, site: str, rounds: int) -> AdapterWeights:
    adapter = source.adapter
    for round_index in range(1, rounds + 1):
        plan = LocalPlan(site_seed(source.seed, site, round_index), round_index, rounds)
        for outcome in engine.train([Participant(site, (site,))], adapter, {site: plan}):
            if outcome.sent is None:
                raise TrainingError(f"{site}: {outcome.reason}")
            adapter = add(adapter, outcome.sent.delta)
    return adapter


def _scores(
    engine: Engine,
    adapter: AdapterWeights,
    site: Cohort,
    split: str,
    kind: TaskKind,
    *,
    limit: int | None = None,
) -> dict[str, Any]:
    limit = limit or len(site.notes(split))
    scope = Scope(split, kind.parts, limit, replicates=Evaluation().replicates)
    ((_, tally),) = engine.evaluate(adapter, [site.name], scope)
    return site_scores(
        tally.total,
        num_notes=tally.num_notes,
        split=site.final_split if split == "final" else split,
        parts=kind.parts,
        scored=kind.scored(kind.parts, site.labels),
        intervals=f1_intervals(tally, kind.parts),
    )


def _lines(scores: dict[str, Any], kind: TaskKind) -> Iterator[str]:
    """Yield the scores of a site as a table."""
    yield f"{scores['notes']} notes of {scores['split']}"
    if scores["lost"]:
        yield lost_in_words(scores["lost"])
    if not kind.typed:
        # Of a mean over notes precision and recall are the same.
        for metric in kind.metrics.values():
            figures = (scores[metric.part] or {}).get(metric.matching)
            if figures:
                yield f"{metric.title:14}{_shown(figures['f1'])}{_interval(figures)}"
        return
    for part in kind.parts:
        for matching in MATCHINGS:
            if matching not in (scores[part] or {}):
                continue
            figures = scores[part][matching]
            cells = [f"{name} {_shown(figures[name])}" for name in ("precision", "recall", "f1")]
            yield f"{part:8}{matching:9}{'  '.join(cells)}{_interval(figures)}"


def _interval(figures: dict[str, Any]) -> str:
    return "" if figures["ci95"] is None else " [{:.3f}, {:.3f}]".format(*figures["ci95"])


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
