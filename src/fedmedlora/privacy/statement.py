"""What may be said of privacy, in one true sentence, with the numbers it is made of.

    k units at once:   k epsilon   at   delta (1 + e^epsilon + ... + e^((k-1) epsilon))

Source: group privacy, Dwork and Roth, The Algorithmic Foundations of Differential Privacy (2014),
Theorem 2.2; with delta, Vadhan, The Complexity of Differential Privacy (2017), Lemma 2.2.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fedmedlora.privacy.accounting import Steps, accountant, composed
from fedmedlora.privacy.spending import Payment

OUTSIDE_RECORD = (
    "the number of label tokens (n_k), the number of units in the sampling rate",
    "the counts of frequent tokens behind the shift (D_k)",
    "losses that a site measures on its own notes (L_k)",
    "scores, and with them the choice of the best round and of when to stop",
    "counts of right and wrong finds by the model's confidence, and the calibration made of them",
    "facts of the site: its numbers of notes, what it annotates, the digest of its notes",
    "how long a training takes",
    "how floating-point numbers round",
)
OUTSIDE_SITE = (
    "what the server itself sees and records: each update before the noise, and its norm",
    "the number of label tokens (n_k), the shift (D_k), losses (L_k)",
    "scores, and with them the choice of the best round and of when to stop",
    "counts of right and wrong finds by the model's confidence, and the calibration made of them",
    "which sites took part, and facts of the sites",
    "how floating-point numbers round",
)


def record_statement(
    paid: Sequence[Payment],
    *,
    delta: float,
    clip: float,
    is_private: bool,
    num_units: int,
    most_notes: int | None,
) -> Mapping[str, Any]:
    """Return what may be said of all that was trained on one site's notes so far.

    Args:
        paid: All payments of the site, the latest last.
        is_private: Whether noise and draws came from the operating system.
        num_units: Units that the site trains on.
        most_notes: The most notes of one patient; None where notes name no patient.
    """
    unit = paid[-1].unit
    told = _statement(
        [one.block for one in paid],
        delta=delta,
        clip=clip,
        is_private=is_private,
        unit=unit,
        neighbours=f"add or remove one {unit} of this site",
        outside=OUTSIDE_RECORD,
    )
    group = most_notes if unit == "note" and most_notes and most_notes > 1 else None
    remarks = []
    if group:
        remarks.append(_of_a_group(group, told["epsilon"], delta))
    if delta >= 1 / num_units:
        remarks.append(f"Delta is not below one in {num_units}, the number of units: too large.")
    return _told(told, group=group, remarks=remarks)


def site_statement(
    paid: Sequence[Payment],
    *,
    delta: float,
    clip: float,
    is_private: bool,
    num_sites: int,
    deviation: float,
) -> Mapping[str, Any]:
    """Return what may be said of all that the server made of the sites' updates so far.

    Args:
        paid: All payments of the server, the latest last.
        num_sites: Sites of the federation.
        deviation: Standard deviation of the noise of each value of the sum.
    """
    told = _statement(
        [one.block for one in paid],
        delta=delta,
        clip=clip,
        is_private=is_private,
        unit="site",
        neighbours="one site's updates replaced by zero, shares fixed beforehand",
        outside=OUTSIDE_SITE,
    )
    warning = (
        f"With {num_sites} sites each value of the sum gets noise of standard deviation "
        f"{deviation:.3g}, where a whole update has norm {clip:g} at most."
    )
    return {**_told(told, group=None, remarks=[warning]), "warning": warning}


def _of_a_group(number: int, epsilon: float, delta: float) -> str:
    beside = f"One patient has up to {number} notes here; for all notes of a patient together"
    # The quotient is the sum of e^(i epsilon) over i below the number.
    of_all = math.log(delta) + (number - 1) * epsilon + math.log(number)
    if of_all >= 0:
        return f"{beside} nothing is promised."
    delta = delta * sum(math.exp(one * epsilon) for one in range(number))
    return f"{beside} it is ({number * epsilon:.4g}, {delta:.2g})."


def _statement(
    blocks: Sequence[Steps],
    *,
    delta: float,
    clip: float,
    is_private: bool,
    unit: str,
    neighbours: str,
    outside: Sequence[str],
) -> dict[str, Any]:
    kinds: dict[tuple[float, float], int] = {}
    for block in blocks:
        key = block.noise_multiplier, block.rate
        kinds[key] = kinds.get(key, 0) + block.number
    return {
        "is_private": is_private,
        "epsilon": composed(blocks, delta),
        "delta": delta,
        "unit": unit,
        "neighbours": neighbours,
        "clip": clip,
        "steps": [
            {"noise_multiplier": noise, "rate": rate, "steps": number}
            for (noise, rate), number in kinds.items()
        ],
        "accountant": accountant(),
        "outside": list(outside),
    }


def _told(told: Mapping[str, Any], *, group: int | None, remarks: Sequence[str]) -> dict[str, Any]:
    return {**told, "group": group, "sentence": " ".join([_sentence(told), *remarks])}


def _sentence(told: Mapping[str, Any]) -> str:
    outside = "; ".join(told["outside"])
    if not told["is_private"]:
        return (
            "Not private: noise and draws came from a fixed generator, as in a test; with the "
            f"operating system's they would come to epsilon {told['epsilon']:.4g} at delta "
            f"{told['delta']:g}."
        )
    taken = " and ".join(
        f"{block['steps']} steps with noise {block['noise_multiplier']:g} times the bound "
        f"{told['clip']:g} at sampling rate {block['rate']:.4g}"
        for block in told["steps"]
    )
    return (
        f"({told['epsilon']:.4g}, {told['delta']:g})-differentially private for one "
        f"{told['unit']} (neighbours: {told['neighbours']}), by {taken}, counted by "
        f"{told['accountant']}; outside of this: {outside}."
    )
