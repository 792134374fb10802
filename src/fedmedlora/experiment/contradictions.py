"""Settings that are each fine but cannot stand together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fedmedlora.errors import Fault
from fedmedlora.experiment.baseline_contradictions import (
    among,
    asked_in_the_clear,
    nobody_to_ask,
    not_extracting,
    nothing_to_show,
)
from fedmedlora.experiment.baselines import BASELINE_ARMS
from fedmedlora.experiment.blind_rules import (
    audit_of_nothing,
    coded_sum,
    copies_unpinned,
    hidden_by_none,
    not_a_sum,
    scored_by_others,
)
from fedmedlora.experiment.private_contradictions import private_contradictions
from fedmedlora.experiment.protections import kept_for_nobody
from fedmedlora.experiment.schema import FEDERATED_ARMS, NEW_SITE_ARMS, PERSONAL_ARMS, Lora
from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.strategy import Strategy
from fedmedlora.federation.weighting import Weighting

_Sites = Sequence[Mapping[str, Any]]
_OWN = tuple(f"methods.{arm}" for arm in FEDERATED_ARMS)


def contradictions(values: Mapping[str, Any], *, name: str) -> tuple[Fault, ...]:
    """Return what does not stand together; a check is left out where a value it needs is faulty.

    Args:
        values: The values read without fault, by dotted key; `sites` holds a mapping a site.
        name: What the file is called in errors.
    """
    checks: Mapping[Callable[..., list[Fault]], tuple[str, ...]] = {
        _no_train_site: ("sites",),
        _site_nowhere: ("engine.name", "sites"),
        _not_between_hospitals: (
            "engine.name",
            "experiment.arms",
            "aggregation.validation_holdout",
        ),
        _site_twice: ("sites",),
        _several_servers: ("sites",),
        _quorum_too_high: ("experiment.quorum", "sites"),
        _quorum_too_low: ("experiment.arms", "experiment.quorum", *_OWN),
        _no_new_site: ("experiment.arms", "sites"),
        _nothing_to_join: ("experiment.arms",),
        _pass_left_half: (
            "experiment.arms",
            "experiment.rounds",
            "experiment.new_site_rounds",
            "experiment.personal_rounds",
            "training.rounds_per_epoch",
        ),
        _share_too_small: ("aggregation.max_share", "experiment.quorum", "sites"),
        _no_validation_notes: (
            "experiment.arms",
            "aggregation.validation",
            "aggregation.validation_holdout",
            "sites",
        ),
        _validation_notes_twice: ("aggregation.validation_holdout", "sites"),
        _rank_too_large: ("model.lora", "sites"),
        _own_lora_misfit: ("experiment.arms", "sites"),
        nothing_to_show: ("experiment.arms", "model.task", "model.formulation"),
        not_extracting: ("experiment.arms", "model.task"),
        _patched_in_four_bits: ("experiment.arms", "model.quantization"),
        nobody_to_ask: ("experiment.arms", "endpoint.url", "endpoint.model"),
        kept_for_nobody: ("audit.ledger", "audit.keep_updates"),
        asked_in_the_clear: ("experiment.arms", "endpoint.url"),
        not_a_sum: ("experiment.arms", "aggregation.sees"),
        scored_by_others: ("experiment.arms", "aggregation.sees", "aggregation.validation"),
        copies_unpinned: (
            "engine.name",
            "aggregation.validation",
            "aggregation.validation_holdout",
            "sites",
        ),
        hidden_by_none: ("aggregation.sees", "privacy.mode"),
        coded_sum: ("aggregation.sees", "communication.codec"),
        audit_of_nothing: ("aggregation.sees", "aggregation.audit_rate"),
    }
    faults = [
        fault
        for check, needs in checks.items()
        for fault in (check(*map(values.get, needs)) if values.keys() >= set(needs) else ())
    ]
    return tuple(
        Fault(f"{name}: {fault.where}", fault.found, fault.expected, fault.advice)
        for fault in [*faults, *private_contradictions(values)]
    )


def _no_train_site(sites: _Sites) -> list[Fault]:
    if _count(sites, "train"):
        return []
    expected = 'one with role = "train"; add a [[sites]] with its path'
    return [Fault("[[sites]]", "no site that trains", expected)]


def _site_nowhere(engine: str, sites: _Sites) -> list[Fault]:
    faults = []
    for index, site in enumerate(sites):
        key = "name" if engine == "nvflare" and site["role"] != "server" else "path"
        if site[key] is None:
            expected = {"name": "what the site is called", "path": "the site's folder"}[key]
            faults.append(Fault(f"[[sites]][{index}].{key}", "nothing", expected))
    return faults


def _not_between_hospitals(engine: str, arms: Sequence[str], holdout: float) -> list[Fault]:
    """Refuse what would need the notes of several hospitals in one place."""
    if engine == "local":
        return []
    advice = 'leave it out, or set engine.name = "local" where one machine may hold all notes'
    expected = "what runs where each hospital's notes are"
    elsewhere = {"centralised", *BASELINE_ARMS}
    faults = [
        Fault("[experiment].arms", repr(arm), expected, advice) for arm in arms if arm in elsewhere
    ]
    if holdout:
        advice = 'give the server notes of its own, role = "server", or validation = "peers"'
        where = "[aggregation].validation_holdout"
        faults.append(Fault(where, f"{holdout}", "0, as the server gets no site's notes", advice))
    return faults


def _site_twice(sites: _Sites) -> list[Fault]:
    faults = []
    for key, what in (("path", "folder"), ("name", "name")):
        first: dict[Any, int] = {}
        for index, site in enumerate(sites):
            before = index if site[key] is None else first.setdefault(site[key], index)
            if before != index:
                found = f"the {what} of [[sites]][{before}] again"
                faults.append(Fault(f"[[sites]][{index}].{key}", found, f"each {what} once"))
    return faults


def _several_servers(sites: _Sites) -> list[Fault]:
    count = _count(sites, "server")
    if count <= 1:
        return []
    found = f'{count} sites with role = "server"'
    return [Fault("[[sites]]", found, "one at most", "put the server's notes in one folder")]


def _quorum_too_high(quorum: int, sites: _Sites) -> list[Fault]:
    count = _count(sites, "train")
    if quorum <= count or not count:
        return []
    expected = f"at most the number of sites that train, {count}"
    return [Fault("[experiment].quorum", str(quorum), expected)]


def _quorum_too_low(arms: Sequence[str], quorum: int, *own: object) -> list[Fault]:
    told = dict(zip(FEDERATED_ARMS, own, strict=True))
    fewest = {arm: _rule(arm, told[arm]).fewest_sites for arm in FEDERATED_ARMS if arm in arms}
    advice = "a round may have as few sites as the quorum; or lower its num_attackers"
    return [
        Fault("[experiment].quorum", str(quorum), f"at least {count} for {arm}", advice)
        for arm, count in fewest.items()
        if quorum < count
    ]


def _no_new_site(arms: Sequence[str], sites: _Sites) -> list[Fault]:
    wanting = among(arms, NEW_SITE_ARMS)
    if not wanting or _count(sites, "new_site"):
        return []
    advice = 'add a [[sites]] with role = "new_site" or leave these arms out'
    found = f"{wanting} without a new site"
    return [Fault("[experiment].arms", found, "a new site for these arms", advice)]


def _nothing_to_join(arms: Sequence[str]) -> list[Fault]:
    wanting = among(arms, ("adapted", "joined", *PERSONAL_ARMS))
    if not wanting or among(arms, FEDERATED_ARMS):
        return []
    expected = f"one of {', '.join(FEDERATED_ARMS)} beside it"
    found = f"{wanting} without a federated arm"
    return [Fault("[experiment].arms", found, expected, "they start from its adapter")]


def _pass_left_half(
    arms: Sequence[str],
    rounds: int,
    new_site_rounds: int,
    personal_rounds: int,
    rounds_per_epoch: int,
) -> list[Fault]:
    counts = {"rounds": rounds}
    if among(arms, PERSONAL_ARMS):
        counts["personal_rounds"] = personal_rounds
    if among(arms, NEW_SITE_ARMS):
        counts["new_site_rounds"] = new_site_rounds
    expected = f"a multiple of training.rounds_per_epoch, {rounds_per_epoch}"
    advice = "else some notes are read more often than others"
    return [
        Fault(f"[experiment].{key}", str(count), expected, advice)
        for key, count in counts.items()
        if count % rounds_per_epoch
    ]


def _share_too_small(max_share: float, quorum: int, sites: _Sites) -> list[Fault]:
    fewest = min(quorum, _count(sites, "train"))
    if not fewest or max_share >= 1 / fewest:
        return []
    expected = f"at least 1/{fewest}"
    advice = f"a round may have {fewest} of the sites, whose shares must sum to 1; or raise quorum"
    return [Fault("[aggregation].max_share", str(max_share), expected, advice)]


def _no_validation_notes(
    arms: Sequence[str], validation: str, holdout: float, sites: _Sites
) -> list[Fault]:
    wanting = among(arms, [arm for arm in FEDERATED_ARMS if "validation_loss" in _rule(arm).needs])
    if not wanting or validation == "peers" or holdout > 0 or _count(sites, "server"):
        return []
    found = f'"{validation}" for {wanting}, but no notes at the server'
    expected = "notes to score the sites' adapters on"
    advice = 'add a [[sites]] with role = "server", or set validation_holdout, or use "peers"'
    return [Fault("[aggregation].validation", found, expected, advice)]


def _validation_notes_twice(holdout: float, sites: _Sites) -> list[Fault]:
    if holdout == 0 or not _count(sites, "server"):
        return []
    found = f'{holdout} beside a site with role = "server"'
    expected = "one source of the server's notes"
    return [Fault("[aggregation].validation_holdout", found, expected, "leave one of them out")]


def _rank_too_large(lora: Lora, sites: _Sites) -> list[Fault]:
    expected = f"at most that of the model, {lora.rank}"
    return [
        Fault(f"[[sites]][{index}].lora_rank", str(site["lora_rank"]), expected)
        for index, site in enumerate(sites)
        if (site["lora_rank"] or 0) > lora.rank
    ]


def _own_lora_misfit(arms: Sequence[str], sites: _Sites) -> list[Fault]:
    rules = {arm: _rule(arm) for arm in FEDERATED_ARMS}
    misfits = [arm for arm, rule in rules.items() if rule.local.companions or rule.one_rank]
    wanting = among(arms, misfits)
    own = [i for i, site in enumerate(sites) if site["lora_rank"] or site["lora_alpha"]]
    if not wanting or not own:
        return []
    expected = f"one rank and alpha at all sites of {wanting}"
    advice = "what its sites send has no meaning under another; leave one out"
    return [Fault(f"[[sites]][{i}].lora_rank", "a form of its own", expected, advice) for i in own]


def _patched_in_four_bits(arms: Sequence[str], quantization: str) -> list[Fault]:
    wanting = among(arms, [arm for arm in FEDERATED_ARMS if _rule(arm).patches_base])
    if not wanting or quantization == "none":
        return []
    advice = "they change the base's own weights, which four bits cannot hold"
    return [Fault("[model].quantization", quantization, f'"none" for {wanting}', advice)]


def _rule(arm: str, own: object = None) -> Strategy:
    return strategy_by_name(arm, own, weighting=Weighting(1.0, 1.0, 1.0))


def _count(sites: _Sites, role: str) -> int:
    return sum(site["role"] == role for site in sites)
