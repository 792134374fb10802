from fedmedlora.evaluation.comparisons import compare
from fedmedlora.evaluation.metrics import METRICS
from fedmedlora.tasks.scoring import Counts, NoteCounts, PartCounts
from fedmedlora.tasks.tally import Tally


def test_every_metric_is_compared() -> None:
    counts = PartCounts({"drug": Counts(1, 0, 0)}, Counts(1, 0, 0))
    finals = {arm: {"a": Tally(1, NoteCounts(counts, counts, counts))} for arm in ("x", "y")}

    compared = compare(finals, pairs=[("x", "y")], training_sites=["a"], other_sites=[])

    assert {one["metric"] for one in compared} == set(METRICS)
    assert list(METRICS) == ["ner_strict_f1", "ner_lenient_f1", "re_gold_strict_f1", "re_strict_f1"]


def test_metrics_differ_in_what_they_look_at_and_are_called() -> None:
    looked_at = {(metric.part, metric.matching) for metric in METRICS.values()}
    titles = {metric.title for metric in METRICS.values()}

    assert len(looked_at) == len(titles) == len(METRICS)
