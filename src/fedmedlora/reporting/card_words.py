"""The sentences and the code of a model card that do not change from run to run."""

from fedmedlora.reporting import prose

INTRODUCTION = (
    "It learnt one task on clinical notes: {task}. It was made with Fed-MedLoRA, "
    "with which hospitals train one model together: adapters travel, notes do not."
)
NO_RUN = (
    "Not known here: this folder was exported from an adapter whose run is not at hand. Ask "
    "whoever has the run."
)
BETWEEN = "Each hospital read its own notes."
REHEARSAL = "It was a rehearsal: one machine read the notes of all sites."
NO_SCORES = "Not known here. Measure it: `fedmedlora evaluate`, on notes of yours."
SCORES = (
    "The last three lines are over the sites that trained. Intervals come from drawing the notes "
    "of a site anew. Other notes give other figures."
)
ON_DEV = "Scored on dev notes, for want of test notes: {sites}."
NO_PRIVACY_KNOWN = "Whether it was trained with noise is not known here: suppose that it was not."
TRAINED_OPENLY = "It was trained without noise, as a yardstick beside others that were private."
LEAKS = prose.LEAKS.replace("them, and this run's folder,", "it")
UNSIGNED = "Nothing: no ledger was kept of the run."
SIGNED = (
    "Updates were signed and rounds sealed. The last head of the ledger is block {block} of chain "
    "{chain_id}, hash `{hash}`, contract `{contract}`, run `{run}`. `fedmedlora audit verify RUN` "
    "checks the run against it."
)
USE = (
    "For research, and for trying on notes of yours whether it does what you need. All that it "
    "says must be checked by somebody who can tell."
)
NOT_FOR = (
    "It is **not for clinical use** without validation on notes of the place where it is to be "
    "used. It misses things and makes some up. Sites call their notes public, or not; whether "
    "they were invented, the record does not say: scores on invented or openly licensed notes "
    "tell little of real ones."
)
BASE_LICENCES = {
    "bundled": "Apache-2.0, as Fed-MedLoRA; what its text asks for stands in SOURCES.md beside it.",
    "minilm": "Apache-2.0 (sentence-transformers, all-MiniLM-L6-v2).",
}
BASE_LICENCE_UNKNOWN = "unknown here; look at the base's own card."
LICENCES = (
    "- The code that made this: Apache-2.0.\n"
    "- What was learnt from the sites' notes: unknown; whoever answers for the notes decides, and "
    "says so here."
)
TAGS = (
    "`fedmedlora extract` cuts notes into windows, asks for what belongs to each finding, and puts "
    "spans together; it reads the PEFT form. In plain transformers a word is tagged at its first "
    "token, and each type has a channel of its own, three logits wide: outside, begins, goes on. A "
    "pipeline that takes the largest of all logits would be wrong."
)
WRITES = (
    "`fedmedlora extract` asks it as it was trained to be asked, allows it nothing but the note's "
    "own words and marks, and gives offsets; it reads the PEFT form. In plain transformers it "
    "writes freely."
)
ANSWERS = (
    "Fed-MedLoRA asks it as it was trained to be asked, and where there are options allows it "
    "nothing else; `fedmedlora evaluate` reads the PEFT form. In plain transformers it writes "
    "freely. What is written freely can hold words of the notes it learnt from."
)
OWN_BASE = (
    "from fedmedlora.training.base_models import find_base_model\n\n"
    'base = find_base_model("{name}").folder'
)
NAMED_BASE = 'base = "{name}"  # of the hub, or the folder where it lies here'

_DECODE = """words = tokenizer("Started furosemide 40 mg for dyspnoea.", return_tensors="pt")
with torch.inference_mode():
    logits = model(input_ids=words.input_ids, attention_mask=words.attention_mask).logits[0]
types = <types>
tags = logits.view(len(logits), len(types), 3).argmax(dim=-1)  # 0 outside, 1 begins, 2 goes on
"""
_WRITE = """words = tokenizer("Started furosemide 40 mg for dyspnoea.", return_tensors="pt")
with torch.inference_mode():
    logits = model(input_ids=words.input_ids, attention_mask=words.attention_mask).logits[0]
"""
PEFT_TAGGER = f"""import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

<base>
adapter = "."  # this folder
config = AutoConfig.from_pretrained(base, num_labels=3 * len(<types>))
config.is_causal = False  # a decoder looks both ways here
plain = AutoModelForTokenClassification.from_pretrained(base, config=config, dtype=torch.float32)
model = PeftModel.from_pretrained(plain, adapter).eval()
tokenizer = AutoTokenizer.from_pretrained(base)
{_DECODE}"""
MERGED_TAGGER = f"""import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

folder = "."  # this folder
model = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.<dtype>).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
{_DECODE}"""
PEFT_WRITER = f"""import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

<base>
adapter = "."  # this folder
plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
model = PeftModel.from_pretrained(plain, adapter).eval()
tokenizer = AutoTokenizer.from_pretrained(base)
{_WRITE}"""
MERGED_WRITER = f"""import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."  # this folder
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.<dtype>).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
{_WRITE}"""
