"""Whether a site's update may enter the sum; every refusal has a reason that can be recorded.

A reason names the site, what was found and what was expected, and holds no value of a tensor.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import numpy as np

from fedmedlora.adapters.weights import (
    AdapterWeights,
    differs_in_rank_only,
    lora_rank,
    names_fault,
    shape_fault,
)
from fedmedlora.errors import AdmissionError, ModelError
from fedmedlora.federation.updates import Absence, SiteReport, SiteUpdate


def admit(
    update: SiteUpdate,
    *,
    expected: Mapping[str, AdapterWeights],
    start_digest: str,
    base: str,
    round_index: int,
) -> None:
    """Let an update pass, or raise with the reason.

    Args:
        update: What a site sent.
        expected: By site of the federation, tensors with the names and shapes of what it has to
            send.
        start_digest: sha256 of what the sites received.
        base: sha256 of the base model.
        round_index: The round that is open.

    Raises:
        AdmissionError: The update cannot be used; the message is the reason.
    """
    report = update.report
    if report.site not in expected:
        raise _refusal(
            report,
            "site",
            repr(report.site),
            f"one of {', '.join(sorted(expected))}",
            "enrol it first",
        )
    if report.round_index != round_index:
        advice = "train again from the current global adapter"
        raise _refusal(report, "round", report.round_index, round_index, advice)
    if update.base != base:
        raise _refusal(report, "base model", update.base, base, "install the base model again")
    if update.start != start_digest:
        advice = "train again from the current global adapter"
        raise _refusal(report, "starting adapter", update.start, start_digest, advice)
    _require_numbers(report)
    own = expected[report.site]
    _require_names(update, own)
    for name in sorted(own):
        _require_tensor(update, name, own)


def admit_all(
    updates: Sequence[SiteUpdate],
    *,
    expected: Mapping[str, AdapterWeights],
    start_digest: str,
    base: str,
    round_index: int,
) -> tuple[tuple[SiteUpdate, ...], tuple[Absence, ...]]:
    """Return the updates that may enter the sum, in site-name order, and every refusal.

    Of two updates of one site only the first to arrive is looked at.
    """
    check = partial(
        admit,
        expected=expected,
        start_digest=start_digest,
        base=base,
        round_index=round_index,
    )
    return _sorted_out(updates, check)


def admit_measured(
    updates: Sequence[SiteUpdate],
) -> tuple[tuple[SiteUpdate, ...], tuple[Absence, ...]]:
    """Return admitted updates whose loss, measured since, is one that shares can be made of.

    Finite weights can still be far off; a loss that is not finite is found only here.
    """
    return _sorted_out(updates, lambda update: _require_numbers(update.report))


def _sorted_out(
    updates: Sequence[SiteUpdate], check: Callable[[SiteUpdate], None]
) -> tuple[tuple[SiteUpdate, ...], tuple[Absence, ...]]:
    admitted: list[SiteUpdate] = []
    refusals: list[Absence] = []
    seen: set[str] = set()
    for update in updates:
        site = update.report.site
        try:
            _require_first(update.report, seen)
            check(update)
        except AdmissionError as error:
            refusals.append(Absence(site, str(error)))
        else:
            admitted.append(update)
        seen.add(site)
    by_site = sorted(admitted, key=lambda update: update.report.site)
    return tuple(by_site), tuple(refusals)


def _require_first(report: SiteReport, seen: Collection[str]) -> None:
    if report.site in seen:
        advice = "send one update a round"
        raise _refusal(report, "updates", "a second one", "one a round", advice)


def _require_numbers(report: SiteReport) -> None:
    advice = "look at the training log of the site"
    if type(report.num_tokens) is not int or report.num_tokens <= 0:
        expected = "a whole number above 0"
        raise _refusal(report, "num_tokens", report.num_tokens, expected, advice)
    loss, start_loss, shift = report.validation_loss, report.start_loss, report.shift
    # A cross entropy is never negative; one that is would buy the site any share it likes.
    if loss is not None and not 0 <= loss < math.inf:
        raise _refusal(report, "validation_loss", loss, "a finite number, 0 or more", advice)
    if start_loss is not None and not 0 <= start_loss < math.inf:
        raise _refusal(report, "start_loss", start_loss, "a finite number, 0 or more", advice)
    if shift is not None and not 0 <= shift <= 1:
        raise _refusal(report, "shift", shift, "a number from 0 to 1", advice)


def _rank_note(delta: AdapterWeights, expected: AdapterWeights) -> str:
    """Return a remark for a delta whose every wrong shape is wrong in its LoRA rank alone."""
    shapes = {name: (delta[name].shape, expected[name].shape) for name in sorted(expected)}
    wrong = {name: pair for name, pair in shapes.items() if pair[0] != pair[1]}
    if not all(differs_in_rank_only(name, *pair) for name, pair in wrong.items()):
        return ""
    found = sorted({str(lora_rank(name, pair[0])) for name, pair in wrong.items()})
    wanted = sorted({str(lora_rank(name, pair[1])) for name, pair in wrong.items()})
    return f" (only the LoRA rank differs: found {'/'.join(found)}, expected {'/'.join(wanted)})"


def _require_names(update: SiteUpdate, expected: AdapterWeights) -> None:
    if fault := names_fault(update.delta, expected):
        raise AdmissionError(f"update of {update.report.site}: {fault}")


def _require_tensor(update: SiteUpdate, name: str, expected: AdapterWeights) -> None:
    try:
        tensor = update.delta[name]
    except ModelError as error:
        raise AdmissionError(f"update of {update.report.site}: {error}") from error
    where = f"adapter parameter {name!r}"
    if fault := shape_fault(name, tensor.shape, expected[name].shape):
        raise AdmissionError(
            f"update of {update.report.site}: {fault}{_rank_note(update.delta, expected)}"
        )
    if tensor.dtype != np.float32:
        raise _refusal(update.report, where, tensor.dtype, "float32", "send the delta in float32")
    if num_bad := tensor.size - np.count_nonzero(np.isfinite(tensor)):
        found = f"{num_bad} of {tensor.size} values NaN or infinite"
        advice = "lower the learning rate of the site"
        raise _refusal(update.report, where, found, "finite values", advice)


def _refusal(
    report: SiteReport, where: str, found: object, expected: object, advice: str
) -> AdmissionError:
    return AdmissionError(
        f"update of {report.site}: {where}: found {found}, expected {expected}; {advice}"
    )
