"""What cannot stand together in a study, whatever its cells are."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from fedmedlora.errors import Fault
from fedmedlora.experiment.baselines import PROMPTED_ARMS
from fedmedlora.experiment.config import ARM_NAMES
from fedmedlora.experiment.toml_values import did_you_mean, show
from fedmedlora.study.schema import TOGETHER, Setting, leading

_UNTRAINED = {"zero_shot", *PROMPTED_ARMS}
"""Arms that nothing can be tried on."""


def contradictions(settings: Sequence[Setting | None], where: str) -> Iterator[Fault]:
    """Yield what is wrong between settings, and between what one setting says.

    Args:
        settings: In the order of the file; None for one with faults of its own.
        where: What comes before `[[settings]]`.
    """
    names = Counter(setting.name for setting in settings if setting)
    for index, setting in enumerate(settings):
        if setting is None:
            continue
        place = f"{where}[[settings]][{index}]"
        if names[setting.name] > 1:
            yield Fault(f"{place}.name", show(setting.name), "a name of its own")
        yield from _within(setting, place)
        # The trials may be in the setting that has faults.
        if setting.tuned_by is not None and all(settings):
            yield from _tuning_faults(setting, [one for one in settings if one], place)


def no_arm(found: str, where: str) -> Fault:
    """Return the fault of a name that no arm has."""
    return Fault(where, show(found), "the name of an arm", did_you_mean(found, ARM_NAMES))


def _within(setting: Setting, where: str) -> Iterator[Fault]:
    arms = [arm for group in setting.arms for arm in group.split(TOGETHER)]
    yield from (no_arm(arm, f"{where}.arms") for arm in arms if arm not in ARM_NAMES)
    yield from _twice(arms, f"{where}.arms", "each arm in one cell of a seed")
    yield from _twice(
        [one.name for one in setting.variants], f"{where}.variants", "a name for each"
    )
    for index, variant in enumerate(setting.variants):
        if strange := [arm for arm in variant.arms if arm not in setting.arms]:
            expected = f"some of {', '.join(setting.arms)}"
            yield Fault(f"{where}.variants[{index}].arms", show(strange[0]), expected)
    if setting.screening and len(setting.seeds) > 1:
        yield Fault(f"{where}.seeds", show(list(setting.seeds)), "one, as it is a screening")


def _twice(names: Iterable[str], where: str, expected: str) -> Iterator[Fault]:
    for name, times in Counter(names).items():
        if times > 1:
            yield Fault(where, f"{show(name)} {times} times", expected)


def _tuning_faults(setting: Setting, settings: Sequence[Setting], where: str) -> Iterator[Fault]:
    trials = next((one for one in settings if one.name == setting.tuned_by), None)
    if trials is None or trials is setting or trials.tuned_by:
        expected = "the name of another setting, not tuned itself"
        yield Fault(f"{where}.tuned_by", show(setting.tuned_by), expected)
        return
    counts = {
        arm: _num_trials(trials, arm) for arm in map(leading, setting.arms) if arm not in _UNTRAINED
    }
    if len(set(counts.values())) > 1 or 0 in counts.values():
        told = ", ".join(f"{arm} {count}" for arm, count in counts.items())
        expected = "as many for each arm; what is tried more often is favoured"
        yield Fault(f"{where}.tuned_by", f"trials: {told}", expected)


def _num_trials(trials: Setting, arm: str) -> int:
    groups = [group for group in trials.arms if leading(group) == arm]
    return sum(
        not variant.arms or group in variant.arms for group in groups for variant in trials.variants
    )
