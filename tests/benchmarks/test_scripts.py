"""Benchmarks measure on demand only; here, that each can be run and compares like with like."""

import importlib.util
import json
import sys
import tomllib
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from contest.llama_shapes import write_llama
from contest.plain_trainer import labels_of
from contest.sentences import instruction, sentence_examples
from contest.turns import of_another, take_turns
from fedmedlora.evaluation.calibration import NUM_BINS, middles
from fedmedlora.tasks.tagging import IGNORED, TaggingExample
from fedmedlora.training.base_models import find_base_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

SCRIPTS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))


def script(name: str) -> ModuleType:
    return imported(next(file for file in SCRIPTS if file.stem == name))


def imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.stem)
def test_every_script_says_what_it_measures(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = imported(file)
    monkeypatch.setattr(sys, "argv", [file.name, "--help"])

    with pytest.raises(SystemExit) as stopped:
        module.main()

    assert stopped.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"usage: {file.name}")
    assert str(module.__doc__).partition("\n")[0] in said


def test_the_trainer_learns_the_same_tags_as_one_label_a_token() -> None:
    # Channels 0 and 1; O, B, I are 0, 1, 2.
    targets = np.array([[0, 0], [1, 0], [2, 1], [IGNORED, 2], [IGNORED, IGNORED]])

    labels = labels_of(TaggingExample((7,) * 5, targets))

    # B of channel 0 is 1, I of it 2; of channel 1 they are 3 and 4; the first channel goes first.
    assert labels == [0, 1, 2, 4, IGNORED]


def test_the_rival_gets_the_same_ids_and_its_loss_looks_at_the_answer_alone() -> None:
    module = script("markup_training_speed")
    example = sentence_examples(1, prompt_tokens=400)[0]

    row = module._row(example)

    before = len(example.instruction) + len(example.question)
    assert len(example.instruction) == 400
    assert row["input_ids"] == [*example.instruction, *example.question, *example.completion]
    assert row["labels"] == [-100] * before + [*example.completion]


@pytest.mark.parametrize("num_tokens", [1, 30, 400, 1000])
def test_an_instruction_is_as_long_as_is_asked_for(num_tokens: int) -> None:
    tokenizer = HuggingFaceTokenizer(find_base_model("bundled").folder)

    assert len(instruction(num_tokens, tokenizer)) == num_tokens


def test_a_loss_of_other_work_is_a_fault() -> None:
    module = script("markup_training_speed")
    same = {"loss": [8.0, 7.0], "steps": 3}
    other = {"loss": [8.001, 8.1], "steps": 2}

    assert list(module._faults({module.OURS: same, "rival": same}, "float32")) == []
    faults = list(module._faults({module.OURS: same, "rival": other}, "float32"))
    assert [fault.partition(": ")[2][:14] for fault in faults] == [
        "found a loss 1",
        "the loss did n",
        "found 2 steps,",
    ]


def test_a_shape_reads_and_writes_what_generate_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script("extraction_speed")
    words = "x --shape 1m --notes 1 --rounds 0 --turns 1 --threads 1 --prompt-tokens 9"
    out = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", [*words.split(), "--out", str(out)])

    assert module.main() == 0

    figures = json.loads(out.read_text("utf-8"))
    assert set(figures["same"].values()) == {figures["answers"]}
    assert f"| {module.CONSTRAINED} |" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_shape(tmp_path: Path) -> None:
    files = [tmp_path / name / "model.safetensors" for name in ("a", "b", "c")]
    for file, seed in zip(files, (0, 0, 1), strict=True):
        write_llama(file.parent, "1m", seed=seed)

    first, again, other = (file.read_bytes() for file in files)
    assert first == again != other


def test_turns_go_back_and_forth() -> None:
    order: list[str] = []

    def passed(name: str) -> float:
        order.append(name)
        return float(len(order))

    seconds = take_turns({name: partial(passed, name) for name in "ab"}, 3)

    assert "".join(order) == "abbaab"
    assert seconds == {"a": [1.0, 4.0, 5.0], "b": [2.0, 3.0, 6.0]}


def test_a_contestant_elsewhere_is_asked_line_by_line() -> None:
    echo = "import sys\nfor line in sys.stdin: print(len(line.strip()), flush=True)"

    with of_another([sys.executable, "-c", echo]) as ask:
        assert [ask("pass"), ask("ready")] == [4, 5]


def test_tables_go_where_the_page_names_them() -> None:
    module = script("speed_page")
    page = "a\n<!-- x -->\nold\n<!-- end -->\nb\n<!-- y -->\nold\n<!-- end -->\n"

    found = module.refreshed(page, {"x": "| new |\n"})

    assert found == page.replace("old", "| new |", 1)
    assert module.places(page) == ["x", "y"]


def test_the_page_has_a_place_for_each_table_of_make_bench() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "results" / "speed.md").read_text("utf-8")
    makefile = (root / "Makefile").read_text("utf-8").replace("\\\n", " ")
    (named,) = [line for line in makefile.splitlines() if line.startswith("BENCHES := ")]

    assert sorted(script("speed_page").places(page)) == sorted(named.split()[2:])


@pytest.mark.parametrize(
    ("rival", "held_back"),
    [
        ("trl", set()),
        # Ours is what dp-accounting 0.6 allows.
        ("nvflare", {"attrs"}),
        # flwr 1.41 forbids ours.
        (
            "flower",
            {
                "attrs",
                "fastapi",
                "packaging",
                "protobuf",
                "rich",
                "starlette",
                "typer",
                "uvicorn",
            },
        ),
    ],
)
def test_a_rivals_environment_has_our_versions(rival: str, held_back: set[str]) -> None:
    root = Path(__file__).parents[2]
    ours, theirs = (
        dict(line.split("==") for line in file.read_text("utf-8").split() if "==" in line)
        for file in (root / "constraints.txt", root / "benchmarks" / "contest" / f"{rival}.txt")
    )

    shared = ours.keys() & theirs.keys()
    assert {"torch", "transformers", "peft"} <= shared
    assert {name for name in shared if theirs[name] != ours[name]} == held_back


def test_every_part_of_the_profile_is_a_function_there_is() -> None:
    module = script("demo_profile")

    names = [name for part in module.PARTS for name in (*part.functions, *part.less)]

    for name in names:
        file, line, function = module._code(name)
        assert Path(file).read_text("utf-8").splitlines()[line - 1 :]
        assert name.endswith(function)


def test_a_variant_of_the_demo_differs_in_what_was_named() -> None:
    module = script("variants")
    demo = module.demo()
    both = ["model.base=bundled,minilm", "training.head_learning_rate=", "sites.max_heads=60"]

    bundled, minilm = module.combinations(both)
    found = tomllib.loads(module.changed(demo, bundled, 3, ["fed_medlora"]))

    assert minilm[0] == ("model.base", "minilm")
    assert found["model"] == {**demo["model"], "base": "bundled"}
    assert {**found["training"], "head_learning_rate": 1e-2} == demo["training"]
    assert found["experiment"] == {**demo["experiment"], "seed": 3, "arms": ["fed_medlora"]}
    heads = [site.get("max_heads") for site in found["sites"] if "role" not in site]
    assert heads == [60] * 5
    assert found["sites"][5:] == demo["sites"][5:]


def test_what_is_kept_of_a_run_is_its_table_and_what_differs() -> None:
    def run(rounds: int) -> dict[str, object]:
        strict = {"f1": 0.123456, "tp": 1}
        arm = {
            "name": "fed_medlora",
            "kind": "federated",
            "seconds": 1.0,
            "best_round": 2,
            "summary": {"ner_strict_f1": {"mean": 0.98765}},
            "rounds": [{"bytes_up": {"near": 2}, "bytes_down": {}}] * 3,
            "final": {"far": {"ner": {"strict": strict}, "re": None}},
        }
        settings = {"experiment.rounds": rounds, "model.base": "bundled"}
        return {
            "environment": {
                "settings": settings,
                "versions": {"fedmedlora": "1.2"},
                "cores": 2,
                "machine": "m",
            },
            "sites": [{"name": "near", "role": "train"}, {"name": "far", "role": "external"}],
            "arms": [arm, {**arm, "kind": "new_site"}],
        }

    kept = script("beside").beside(run(4), run(9), "title")

    assert kept["settings"] == {"experiment.rounds": 4}
    assert [arm["summary"] for arm in kept["arms"]] == [{"ner_strict_f1": {"mean": 0.9877}}]
    assert kept["arms"][0]["final"] == {"far": {"ner": {"strict": {"f1": 0.1235}}}}
    assert kept["arms"][0]["rounds"] == [{"bytes_up": {"all": 6}}]
    assert kept["sites"] == [{"name": "far", "role": "external"}]


def test_a_logistic_curve_leaves_alone_what_is_right_already() -> None:
    raw = middles(NUM_BINS)
    rows = np.stack([np.full(NUM_BINS, 10**6), np.rint(raw * 10**6)], axis=1).astype(np.int64)

    # One more of either kind, in 64 million.
    assert script("calibration").platt(rows) == pytest.approx(raw, abs=1e-4)
