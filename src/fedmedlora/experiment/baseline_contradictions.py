"""What cannot stand together with arms of other models, or that show a model examples."""

from collections.abc import Sequence

from fedmedlora.errors import Fault
from fedmedlora.experiment.baselines import ENDPOINT_ARMS
from fedmedlora.experiment.sending import is_in_the_clear
from fedmedlora.tasks.kind import task_kinds


def nothing_to_show(arms: Sequence[str], task: str, formulation: str) -> list[Fault]:
    """Return that examples would be shown to what reads none."""
    if "few_shot" not in arms or task_kinds()[task].writes(formulation):
        return []
    advice = "a head that labels words reads no examples; or leave few_shot out"
    return [Fault("[model].formulation", formulation, '"markup" or "json" for few_shot', advice)]


def not_extracting(arms: Sequence[str], task: str) -> list[Fault]:
    """Return that arms which extract alone are to do something else."""
    wanting = among(arms, ("bert", *ENDPOINT_ARMS))
    if task == "extract" or not wanting:
        return []
    advice = "these arms label words, or are told in words what to find; leave them out"
    return [Fault("[model].task", f'"{task}"', f'"extract" for {wanting}', advice)]


def nobody_to_ask(arms: Sequence[str], url: str | None, model: str | None) -> list[Fault]:
    """Return what an arm that asks elsewhere lacks."""
    wanting = among(arms, ENDPOINT_ARMS)
    expected = {"url": "the address that is asked", "model": "the name of the model there"}
    out = "or leave these arms out"
    return [
        Fault(f"[endpoint].{key}", f"nothing for {wanting}", expected[key], out)
        for key, value in {"url": url, "model": model}.items()
        if wanting and not value
    ]


def asked_in_the_clear(arms: Sequence[str], url: str | None) -> list[Fault]:
    """Return that notes would be sent where others can read them."""
    if not among(arms, ENDPOINT_ARMS) or not url or not is_in_the_clear(url):
        return []
    found = f'"{url}", to which notes and key would go unencrypted'
    expected = "https, or an address of this machine or in numbers of a private network"
    advice = "put https:// in front, or ask through a tunnel that begins on this machine"
    return [Fault("[endpoint].url", found, expected, advice)]


def among(arms: Sequence[str], names: Sequence[str]) -> str:
    """Return those of some arms that are among others, in words."""
    return ", ".join(arm for arm in arms if arm in names)
