"""What can stand in an experiment: sections, keys, types, rules, and the only place of defaults.

Where it runs and with whose notes stands in `places`; models that arms are measured against bring
their own sections, in `baselines`.
"""

from dataclasses import dataclass, field, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fedmedlora.adapters.wire import codecs
from fedmedlora.experiment.baselines import BASELINE_ARMS, Bert, Endpoint, FewShot
from fedmedlora.experiment.places import NAME, EngineChoice, SiteEntry
from fedmedlora.experiment.privacy import Privacy
from fedmedlora.experiment.protections import Audit
from fedmedlora.federation.clipping import Limits
from fedmedlora.federation.strategies import methods
from fedmedlora.federation.weighting import Weighting
from fedmedlora.ranges import Rule, above, at_least, at_most, below
from fedmedlora.sites import SiteRole
from fedmedlora.tasks.kind import task_kinds

FEDERATED_ARMS = tuple(name for name, method in methods().items() if not method.goes_on)
PERSONAL_ARMS = tuple(name for name, method in methods().items() if method.goes_on)
NEW_SITE_ARMS = ("local_only", "adapted", "joined")
ARM_NAMES = (
    "zero_shot",
    "single_site",
    "centralised",
    *FEDERATED_ARMS,
    *PERSONAL_ARMS,
    *BASELINE_ARMS,
    *NEW_SITE_ARMS,
)

FormulationName = Literal["markup", "json", "tagging"]
Split = Literal["test", "dev"]

_Count = Annotated[int, at_least(1)]
_EACH_ONCE = Rule(
    "with at least one item and none twice", lambda items: 0 < len(items) == len(set(items))
)


# Which methods, tasks and codecs there are, and what each can be told, their own files say; so the
# reader of an experiment knows it, and no type checker.
if TYPE_CHECKING:
    ArmName = str
    CodecName = str
    TaskName = str
    Methods = Any
else:
    ArmName = Literal[ARM_NAMES]
    CodecName = Literal[tuple(codecs())]
    TaskName = Literal[tuple(task_kinds())]
    _keys = [
        (name, one.settings, field(default_factory=one.settings)) for name, one in methods().items()
    ]
    Methods = make_dataclass("Methods", _keys, frozen=True, slots=True, kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """The low-rank adapter that is trained on the base model.

    Attributes:
        rank: Of the product B·A that is added to a layer.
        alpha: The product counts alpha / rank times.
        dropout: Share of what goes into an adapter that is left out at each step of training.
        target_modules: Names of the layers that get an adapter; "all-linear" is every linear one.
    """

    rank: _Count = 16
    alpha: _Count = 64
    dropout: Annotated[float, at_least(0), below(1)] = 0.0
    target_modules: Literal["all-linear"] | Annotated[tuple[str, ...], _EACH_ONCE] = "all-linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The base model and the form in which it answers.

    Attributes:
        base: "bundled", "minilm", a hub name, or a folder; a folder begins with "." or "/", and one
            that begins with "." is looked for beside the experiment's file.
        task: What is learnt: "extract" finds entities and relations in a note; "answer" and
            "summarise" are written, and take notes that have questions or summaries beside them.
        formulation: Of extraction: "tagging" puts a head on the base that labels each word,
            "markup" has it write the text again with marks, "json" has it list what it found.
        answer_loss: Of what writes: over the ids the grammar leaves to choose from, or over all.
        mark_weight: In training, how often a mark (a B or an I in tagging) counts where what marks
            nothing counts once.
        dtype: Of the frozen base and of products; "auto" is bfloat16 where the machine has it in
            hardware, so that runs on unlike machines may differ in more than the last bits.
        quantization: "4bit" keeps the frozen layers in four bits, with the extra `quantization`.
        window_tokens: Longest stretch of a note the model reads at once; of a task that reads a
            note as one, what is beyond it is not read.
        answer_tokens: Longest free answer, in tokens; of tasks that write one.
    """

    base: str
    task: TaskName = "extract"
    formulation: FormulationName = "tagging"
    answer_loss: Literal["choices", "full"] = "choices"
    mark_weight: Annotated[float, above(0)] = 3.0
    dtype: Literal["auto", "float32", "bfloat16"] = "float32"
    quantization: Literal["none", "4bit"] = "none"
    window_tokens: Annotated[int, at_least(8)] = 128
    answer_tokens: Annotated[int, at_least(2)] = 128
    lora: Lora = field(default_factory=Lora)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a site trains in one round.

    Attributes:
        epochs: Passes over what a round takes of the site's notes.
        rounds_per_epoch: Rounds among which the notes are dealt out: 1 takes all in every round, 2
            one half in odd rounds and the other in even ones, so that sites average twice as often.
        batch_size: Examples a step.
        min_steps: Steps of a round's pass at least, down to one example a step: a site with few
            notes takes smaller batches.
        learning_rate: Of the LoRA factors B, at its peak.
        rate_ratio: How many times as fast B learns as A.
        head_learning_rate: Of the tagging head; None is the same as `learning_rate`.
        warmup: Share of all steps in which the learning rate rises.
        weight_decay: AdamW's, on all that is trained.
        max_gradient_norm: Gradients are scaled down to this L2 norm.
        gradient_checkpointing: Activations are computed again on the way back: less memory, a third
            more time, the same gradients.
        num_threads: Threads of one process; another number may change the last bits of a result.
    """

    epochs: _Count = 1
    rounds_per_epoch: _Count = 1
    batch_size: _Count = 16
    min_steps: _Count = 1
    learning_rate: Annotated[float, above(0)] = 1e-3
    rate_ratio: Annotated[float, above(0)] = 1.0
    head_learning_rate: Annotated[float, above(0)] | None = None
    warmup: Annotated[float, at_least(0), below(1)] = 0.05
    weight_decay: Annotated[float, at_least(0)] = 0.0
    max_gradient_norm: Annotated[float, above(0)] = 1.0
    gradient_checkpointing: bool = False
    num_threads: _Count = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """How the sites' shares come about.

    Attributes:
        sees: What the server is shown: each site's update, or nothing but their sum, which needs
            the extra `blind`.
        audit_rate: Where it sees the sum, in so many rounds of all one site, drawn, shows its
            update.
        validation: Who scores the sites' adapters: the server on its own notes, the others, or each
            site its own, on a copy of the server's notes.
        validation_holdout: Share of each training site's notes set aside for the server.
        validation_sentences: Of the server's folder, or of each site's notes set aside, so many
            sentences are scored at most, in whole notes; the others stay unused.
        validation_heads: At most so many heads are scored a folder or site.
        size_exponent: 0 counts every site alike, 1 every label token alike.
        loss_temperature: How much a loss counts, per nat; 0 does not look at it.
        shift_temperature: How much a shift counts; 0 does not look at it.
        max_share: No site gets more than this part of the sum.
    """

    sees: Literal["updates", "sum"] = "updates"
    audit_rate: Annotated[float, at_least(0), at_most(1)] = 0.0
    validation: Literal["server", "peers", "own"] = "server"
    validation_holdout: Annotated[float, at_least(0), below(0.5)] = 0.0
    validation_sentences: _Count | None = None
    validation_heads: _Count | None = None
    size_exponent: Annotated[float, at_least(0)] = 0.5
    loss_temperature: Annotated[float, at_least(0)] = 1.0
    shift_temperature: Annotated[float, at_least(0)] = 1.0
    max_share: Annotated[float, above(0), at_most(1)] = 1.0

    def weighting(self) -> Weighting:
        """Return what of this decides on shares."""
        return Weighting(
            size_exponent=self.size_exponent,
            loss_temperature=self.loss_temperature,
            shift_temperature=self.shift_temperature,
            max_share=self.max_share,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How far a site's update may move the model before it is scaled down.

    Attributes:
        norm_factor: So many times the median norm of the arm's rounds before, or of this round
            where that is larger, so many times at most.
        largest_rms: Root mean square of an update's values at most, in every round; in the first
            there is nothing else to compare with. The demo's are 0.01 to 0.06.
    """

    norm_factor: Annotated[float, at_least(1)] = 3.0
    largest_rms: Annotated[float, above(0)] = 1.0

    def limits(self) -> Limits:
        """Return what of this decides on updates."""
        return Limits(self.norm_factor, self.largest_rms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Communication:
    """What travels between the server and the sites, and how it is written.

    Attributes:
        codec: Of updates and of what the server sends; what a codec loses is made good later.
    """

    codec: CodecName = "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How much is scored, and how often the bootstrap draws.

    Attributes:
        round_notes: Dev notes a site scored after each round.
        final_split: Which notes are scored at the end; "dev" leaves the test notes unread, for
            screening. A site without test notes is scored on dev notes whatever stands here.
        final_notes: At most so many notes a site scored at the end.
        replicates: Bootstrap draws behind each interval.
        drawn_notes: Notes of public sites that the report shows.
        calibration_notes: Dev notes a training site reads once more at the end, at most, with the
            arm that stands for the run, to learn how often it is right that is so sure; 0 leaves
            finds without confidence.
    """

    round_notes: _Count = 8
    final_split: Split = "test"
    final_notes: _Count = 100
    replicates: _Count = 1000
    drawn_notes: Annotated[int, at_least(0)] = 3
    calibration_notes: Annotated[int, at_least(0)] = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Everything a run is told; what has no table of its own stands in `[experiment]`.

    Attributes:
        name: What results and report call it.
        rounds: Of the arms that train from the start, at most.
        arms: What runs side by side.
        seed: What all that is drawn at random follows from.
        patience: Rounds without a better score before an arm stops.
        quorum: Fewest sites with a usable update for a round to count.
        new_site_rounds: Rounds in which a new site trains alone or joins.
        personal_rounds: Rounds in which each site goes on alone from the federation's best adapter.
        methods: What the methods are told, each its own numbers under its name.
    """

    name: Annotated[str, NAME]
    rounds: _Count
    arms: Annotated[tuple[ArmName, ...], _EACH_ONCE]
    seed: Annotated[int, at_least(0)] = 0
    patience: _Count = 2
    quorum: _Count = 1
    new_site_rounds: _Count = 2
    personal_rounds: _Count = 1
    model: Model
    training: Training
    aggregation: Aggregation
    admission: Admission
    methods: Methods
    communication: Communication
    privacy: Privacy
    few_shot: FewShot
    bert: Bert
    endpoint: Endpoint
    evaluation: Evaluation
    engine: EngineChoice
    audit: Audit
    sites: tuple[SiteEntry, ...]

    def sites_of(self, role: SiteRole) -> tuple[SiteEntry, ...]:
        """Return the sites that play a part, in the file's order."""
        return tuple(site for site in self.sites if site.role == role)

    def sites_elsewhere(self) -> tuple[str, ...]:
        """Return the names of the sites that are asked, in the file's order; none of one machine's.

        The server's own notes are no site's.
        """
        if self.engine.name == "local":
            return ()
        return tuple(site.name or "" for site in self.sites if site.role != "server")
