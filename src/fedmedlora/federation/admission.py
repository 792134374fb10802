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
from fedmedlora.reason_codes import ReasonCode

_MOST_TOKENS = 2**53
"""Up to here every whole number is a float64, in which shares are worked out."""
_MOST_TOLD = 200
"""Letters of what was found in a message."""


def admit(
    update: SiteUpdate,
    *,
    expected: Mapping[str, AdapterWeights],
    start_digest: str,
    base: str,
    round_index: int,
    most_tokens: Mapping[str, int] | None = None,
) -> None:
    """Let an update pass, or raise with the reason.

    Args:
        update: What a site sent.
        expected: By site of the federation, tensors with the names and shapes of what it has to
            send.
        start_digest: sha256 of what the sites received.
        base: sha256 of the base model.
        round_index: The round that is open.
        most_tokens: By site, the label tokens that it enrolled with; None asks nobody.

    Raises:
        AdmissionError: The update cannot be used; the message is the reason.
    """
    report = update.report
    if report.site not in expected:
        among, advice = f"one of {', '.join(sorted(expected))}", "enrol it first"
        raise _refusal(report, "unknown_site", "site", repr(report.site), among, advice)
    again = "train again from the current global adapter"
    if report.round_index != round_index:
        raise _refusal(report, "wrong_round", "round", report.round_index, round_index, again)
    if update.base != base:
        advice = "install the base model again"
        raise _refusal(report, "wrong_base", "base model", update.base, base, advice)
    if update.start != start_digest:
        found = update.start
        raise _refusal(report, "wrong_start", "starting adapter", found, start_digest, again)
    _require_numbers(report)
    if most_tokens is not None:
        _require_enrolled(report, most_tokens)
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
    most_tokens: Mapping[str, int] | None = None,
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
        most_tokens=most_tokens,
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
            refusals.append(Absence(site, str(error), error.code))
        else:
            admitted.append(update)
        seen.add(site)
    by_site = sorted(admitted, key=lambda update: update.report.site)
    return tuple(by_site), tuple(refusals)


def _require_first(report: SiteReport, seen: Collection[str]) -> None:
    if report.site in seen:
        advice = "send one update a round"
        raise _refusal(report, "second_update", "updates", "a second one", "one a round", advice)


def _require_enrolled(report: SiteReport, most_tokens: Mapping[str, int]) -> None:
    most = most_tokens.get(report.site, 0)
    if report.num_tokens > most:
        expected, advice = f"{most} at most, as it enrolled", "enrol the site's new notes first"
        raise _refusal(report, "too_many_tokens", "num_tokens", report.num_tokens, expected, advice)


def _require_numbers(report: SiteReport) -> None:
    refused = partial(_refusal, report, "bad_number", advice="look at the training log of the site")
    if type(report.num_tokens) is not int or not 0 < report.num_tokens <= _MOST_TOKENS:
        raise refused("num_tokens", report.num_tokens, "a whole number above 0")
    loss, start_loss, shift = report.validation_loss, report.start_loss, report.shift
    # A cross entropy is never negative; one that is would buy the site any share it likes.
    if loss is not None and not 0 <= loss < math.inf:
        raise refused("validation_loss", loss, "a finite number, 0 or more")
    if start_loss is not None and not 0 <= start_loss < math.inf:
        raise refused("start_loss", start_loss, "a finite number, 0 or more")
    if shift is not None and not 0 <= shift <= 1:
        raise refused("shift", shift, "a number from 0 to 1")


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
        raise AdmissionError(f"update of {update.report.site}: {fault}", code="wrong_names")


def _require_tensor(update: SiteUpdate, name: str, expected: AdapterWeights) -> None:
    try:
        tensor = update.delta[name]
    except ModelError as error:
        reason = f"update of {update.report.site}: {error}"
        raise AdmissionError(reason, code=error.code) from error
    where = f"adapter parameter {name!r}"
    if fault := shape_fault(name, tensor.shape, expected[name].shape):
        raise AdmissionError(
            f"update of {update.report.site}: {fault}{_rank_note(update.delta, expected)}",
            code="wrong_shape",
        )
    if tensor.dtype != np.float32:
        advice = "send the delta in float32"
        raise _refusal(update.report, "wrong_dtype", where, tensor.dtype, "float32", advice)
    if num_bad := tensor.size - np.count_nonzero(np.isfinite(tensor)):
        found = f"{num_bad} of {tensor.size} values NaN or infinite"
        advice = "lower the learning rate of the site"
        raise _refusal(update.report, "not_finite", where, found, "finite values", advice)


def _refusal(
    report: SiteReport, code: ReasonCode, where: str, found: object, expected: object, advice: str
) -> AdmissionError:
    # What a site says of itself is of any length.
    told = f"{found}"[:_MOST_TOLD]
    return AdmissionError(
        f"update of {report.site}: {where}: found {told}, expected {expected}; {advice}", code=code
    )
