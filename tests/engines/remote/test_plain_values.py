import json

import pytest

from fedmedlora.clinical.notes import Labels
from fedmedlora.engines.remote.plain_values import ToldFacts, facts_from_json, facts_to_json
from fedmedlora.evaluation.cohorts import OwnLora


@pytest.mark.parametrize("heads", [(), ("drug", "problem")])
def test_what_a_site_annotates_and_gives_comes_back(heads: tuple[str, ...]) -> None:
    facts = ToldFacts(
        name="heart",
        role="train",
        labels=Labels(("dosage",), ("dosage",), heads),
        public=False,
        num_notes={"train": 3, "held_out": 0, "dev": 2, "final": 1},
        final_split="test",
        sha256="00" * 32,
        own_lora=OwnLora(4, None),
    )

    assert facts_from_json(json.loads(json.dumps(facts_to_json(facts)))) == facts
