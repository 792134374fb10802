"""What cannot stand beside differential privacy in an experiment."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fedmedlora.errors import Fault
from fedmedlora.experiment.schema import FEDERATED_ARMS, NEW_SITE_ARMS, PERSONAL_ARMS
from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.strategy import Strategy, averaged
from fedmedlora.federation.weighting import Weighting

_Values = Mapping[str, Any]

_ROUNDING = 1e-9
_YARDSTICKS = ("single_site",)
_LIMITS = ("max_notes", "max_sentences", "max_heads")
_WITHOUT_LOSS = "aggregation.loss_temperature", "aggregation.shift_temperature"
PRIVATE_KEYS = tuple(
    f"privacy.{key}"
    for key in ("mode", "unit", "epsilon", "noise_multiplier", "delta", "clip", "shares")
)
"""What of the section must be read without fault before anything is said of it."""


def private_contradictions(values: _Values) -> list[Fault]:
    """Return what does not stand together with what `[privacy]` says.

    Args:
        values: The values read without fault, by dotted key.
    """
    if not values.keys() >= set(PRIVATE_KEYS):
        return []
    mode = values["privacy.mode"]
    faults = _noise(values) if mode != "none" else _nothing_hidden(values)
    if mode == "record":
        faults += [*_methods(values), *_training(values), *_sites(values)]
    if mode == "site":
        faults += [*_rules(values), *_arms_of_one(values), *_shares(values)]
    return [*faults, *_of_another_mode(values), *(_between(values) if mode != "none" else [])]


def _nothing_hidden(values: _Values) -> list[Fault]:
    told = [key for key in ("epsilon", "noise_multiplier") if values[f"privacy.{key}"] is not None]
    return [
        Fault(
            f"[privacy].{key}",
            f'{values[f"privacy.{key}"]:g} beside mode = "none"',
            'mode = "record" or "site"',
            "without it nothing is hidden; or leave the key out",
        )
        for key in told
    ]


def _of_another_mode(values: _Values) -> list[Fault]:
    """Refuse what says something in one mode alone, and promises in another what none keeps."""
    mode, unit, shares = (values[f"privacy.{key}"] for key in ("mode", "unit", "shares"))
    told = {"unit": (f'"{unit}"', "record", unit != "note"), "shares": (shares, "site", shares)}
    return [
        Fault(f"[privacy].{key}", f'{found} beside mode = "{mode}"', f'mode = "{its}"')
        for key, (found, its, is_said) in told.items()
        if is_said and mode != its
    ]


def _noise(values: _Values) -> list[Fault]:
    told = [key for key in ("epsilon", "noise_multiplier") if values[f"privacy.{key}"] is not None]
    if len(told) == 1:
        return []
    found = "both epsilon and noise_multiplier" if told else "neither epsilon nor noise_multiplier"
    return [Fault("[privacy]", found, "one of them, which tells how much noise there is")]


def _methods(values: _Values) -> list[Fault]:
    """Refuse methods whose sites send more than what was trained in private."""
    return [
        Fault(
            "[experiment].arms",
            f'{arm} beside privacy.mode = "record"',
            "methods whose sites send the change of the adapter alone",
            "its sites send or keep a gradient that no noise hides; leave it out",
        )
        for arm in _arms(values, (*FEDERATED_ARMS, *PERSONAL_ARMS))
        if _rule(arm).local.companions or _rule(arm).local.conclude is not None
    ]


def _training(values: _Values) -> list[Fault]:
    reasons = {
        ("training.rounds_per_epoch", 1): "units are drawn at random in every round",
        ("training.gradient_checkpointing", False): "gradients by row need every activation once",
        ("model.quantization", "none"): "gradients by row are not tried in four bits",
        ("model.lora.dropout", 0): "which values a row loses would follow from the rows before it",
        ("aggregation.validation_holdout", 0): "notes that the server is given are hidden by none",
    }
    lora = {"model.lora.dropout": values["model.lora"].dropout} if "model.lora" in values else {}
    told = {**values, **lora}
    return [
        Fault(_dotted(key), f'{told[key]} beside privacy.mode = "record"', f"{expected}", reason)
        for (key, expected), reason in reasons.items()
        if key in told and told[key] != expected
    ]


def _sites(values: _Values) -> list[Fault]:
    """Refuse limits by which one note decides whether another takes part, and own ranks."""
    faults = []
    for index, site in enumerate(values.get("sites", ())):
        if site["role"] not in ("train", "new_site"):
            continue
        for key in (*_LIMITS, "lora_rank"):
            if site[key] is not None:
                advice = (
                    "noise would fill the rows beyond it; leave it out"
                    if key == "lora_rank"
                    else "what one note adds would depend on the others; cut the folder instead"
                )
                found = f'{site[key]} beside privacy.mode = "record"'
                faults.append(Fault(f"[[sites]][{index}].{key}", found, "no limit", advice))
    return faults


def _between(values: _Values) -> list[Fault]:
    """Refuse, between hospitals, arms that train at a site without noise."""
    if values.get("engine.name") != "nvflare":
        return []
    advice = "it trains without noise, which is a yardstick for one machine alone; leave it out"
    found = f'beside privacy.mode = "{values["privacy.mode"]}"'
    return [
        Fault("[experiment].arms", f"{arm} {found}", "arms whose adapters are hidden", advice)
        for arm in _arms(values, _YARDSTICKS)
    ]


def _rules(values: _Values) -> list[Fault]:
    """Refuse rules that are no sum of updates by shares fixed beforehand."""
    temperatures = [values.get(key, 1.0) for key in _WITHOUT_LOSS]
    weighting = Weighting(1.0, *temperatures)
    faults = []
    for arm in _arms(values, FEDERATED_ARMS):
        rule = _rule(arm, weighting)
        wrong = [
            reason
            for reason, holds in (
                ("whose shares follow from losses or shifts", bool(rule.needs)),
                ("which is no sum of the updates", rule.combine is not averaged),
                ("which changes the base", rule.patches_base),
                (
                    "whose sites send more than their change",
                    bool(rule.local.companions) or rule.local.conclude is not None,
                ),
            )
            if holds
        ]
        if wrong:
            found = f'{arm}, {wrong[0]}, beside privacy.mode = "site"'
            advice = "one site would move more than its own part of the sum; take fed_medlora"
            expected = "sums of updates by fixed shares"
            faults.append(Fault("[experiment].arms", found, expected, advice))
    return faults


def _arms_of_one(values: _Values) -> list[Fault]:
    """Refuse arms that begin with a hidden sum and go on with single sites."""
    advice = "the adapter of one site hides nothing of that site; leave it out"
    return [
        Fault(
            "[experiment].arms",
            f'{arm} beside privacy.mode = "site"',
            "arms in which all training sites are summed",
            advice,
        )
        for arm in _arms(values, (*NEW_SITE_ARMS, *PERSONAL_ARMS))
    ]


def _shares(values: _Values) -> list[Fault]:
    shares: Sequence[float] = values["privacy.shares"]
    trained = sum(site["role"] == "train" for site in values.get("sites", ()))
    if not shares or not trained:
        return []
    faults = []
    if len(shares) != trained:
        found, expected = f"{len(shares)} shares", f"one for each of the {trained} sites that train"
        faults.append(Fault("[privacy].shares", found, expected))
    if abs(math.fsum(shares) - 1) > _ROUNDING:
        found = f"shares that sum to {math.fsum(shares):g}"
        faults.append(Fault("[privacy].shares", found, "a sum of 1"))
    return faults


def _arms(values: _Values, among: Sequence[str]) -> list[str]:
    return [arm for arm in values.get("experiment.arms", ()) if arm in among]


def _rule(arm: str, weighting: Weighting | None = None) -> Strategy:
    return strategy_by_name(arm, weighting=weighting or Weighting(1.0, 1.0, 1.0))


def _dotted(key: str) -> str:
    section, _, name = key.rpartition(".")
    return f"[{section}].{name}"
