"""All that the pages of a study tell, made of its kept cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fedmedlora.study.conducting import Done, grouped
from fedmedlora.study.lines import Line, lines_of
from fedmedlora.study.published import Beside, published
from fedmedlora.study.schema import Study
from fedmedlora.study.tuning import Tried, tried
from fedmedlora.study.verdicts import Verdict, verdicts


@dataclass(frozen=True, slots=True)
class Findings:
    """What a study came to so far.

    Attributes:
        lines: The rows of each setting; none of one that is trials.
        trials: Of each setting that is trials, what those of each arm came to.
        verdicts: What the study had to show.
        beside: The papers' figures beside its own.
    """

    study: Study
    lines: Mapping[str, Sequence[Line]]
    trials: Mapping[str, Sequence[Tried]] = field(default_factory=dict)
    verdicts: Sequence[Verdict] = ()
    beside: Sequence[Beside] = ()


def findings(study: Study, done: Done) -> Findings:
    """Return what a study came to so far."""
    trials = {setting.tuned_by for setting in study.settings}
    return Findings(
        study,
        {s.name: [] if s.name in trials else lines_of(study, s, done) for s in study.settings},
        {s.name: tried(s, grouped(s, done)) for s in study.settings if s.name in trials},
        verdicts(study, done),
        published(study, done),
    )
