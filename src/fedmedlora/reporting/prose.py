"""The sentences of the report that do not change from run to run, or hardly."""

GLOSSARY = (
    ("Mean", "Every training site counts alike; a site without a defined score is skipped."),
    ("Lowest, harmonic mean", "How the weakest sites fare; the harmonic mean is drawn to them."),
    ("Std. dev.", "Standard deviation over the training sites: how unequal they are served."),
    ("Zero-shot", "Nothing trained. A model that never learnt the task finds next to nothing."),
    (
        "Few-shot",
        "Nothing trained; the model sees some of a site's notes with their answers first.",
    ),
    ("Endpoint", "A model elsewhere is asked, told in words what to find; nothing is trained."),
    ("BERT", "A small model with a head; all its weights are trained at the sites and averaged."),
    ("Alone", "One site trains on its own notes, as many passes as the federation may make."),
    ("Centralised", "All notes in one place, as many passes: what sharing notes would give."),
    ("Fed-MedLoRA", "Adapters averaged by how many label tokens each site trained on."),
    ("Fed-MedLoRA+", "Shares also look at each adapter's loss and how unusual a site's text is."),
    ("External", "A site that took no part in training or in any choice."),
    ("–", "Undefined or not evaluated: for example relations where a site annotates none."),
)
SHARES = (
    "After each round the sites' adapters are averaged. A site's share grows with the tokens it "
    "trained on and shrinks with its adapter's loss on validation notes and with the distance of "
    "its text from that of the others. A share is the product of the three factors, divided by "
    "the sum over sites, before any cap; in plain Fed-MedLoRA only size counts."
)
NEW_SITE = (
    "Local only trains on the site's own notes from the bare base. Adapted does the same from the "
    "federation's adapter, with the same number of gradient steps. Joined takes part in further "
    "federated rounds."
)
ON_DEV = "Scored on dev notes, for want of test notes or to leave these unread: {sites}."
CEILINGS = (
    "Some gold cannot be written in the form the model answers in, such as one of two nested "
    "spans of one type, or a tail outside its head's window. It still counts as missed. So no "
    "model could recall more than this:"
)
LARGE_MODEL = (
    "Computed, not run: with Llama-3-8B as base (8.03 billion parameters) and LoRA of rank 16 on "
    "all linear layers, an adapter holds {adapter:,} numbers, the sum of r · (d_in + d_out) over "
    "the layers (LoRA, arXiv 2106.09685, section 4.1), and a message is {saving} smaller than "
    "the model in the same number format."
)
LEAVES_A_SITE = (
    "Adapters and counts leave the site: the change of its adapter in each round, how many label "
    "tokens it trained on, its losses, how often frequent words of a public text occur, and sums "
    "of right and wrong finds over its notes, for one arm also by how sure the model was of them."
)
REHEARSAL = (
    "This run was a rehearsal: one machine read the notes of all sites. Between hospitals it would "
    "be so:"
)
BETWEEN_HOSPITALS = (
    "This run went between hospitals: each site read its own notes, and sent what follows."
)
LEFT = (
    "Left for good while it ran: {sites}. What was handed in before stays in the adapter; where "
    "arms are compared, such a site counts in none."
)
MACHINE = "Settings of its own, for its machine, had {site}: {settings}."
STAYS_AT_A_SITE = "In the federated arms no note and no annotation leaves its site."
SET_ASIDE = (
    "The exception: {notes} notes of training sites were set aside, before any arm, as the "
    "server's validation notes."
)
CENTRALISED = (
    "The centralised arm is a yardstick and not federated: it reads all training notes in one "
    "place."
)
ASKED = (
    "The text of notes was sent to {endpoint}: every window that was read, and those that were "
    "shown. The cost is in the currency of the prices in the experiment; what was asked before a "
    "run was killed is not counted."
)
SENT_AWAY = "The text of notes went to {endpoint}: the arms that ask an endpoint send what is read."
DRAWN = "Notes drawn on this page are of sites marked public."
NOT_PRIVATE = (
    "There is no differential privacy and no secure aggregation here: the server sees each "
    "site's adapter."
)
NO_SECURE_SUM = (
    "There is no secure aggregation here: the server sees each site's update, with whatever noise "
    "the section on differential privacy tells."
)
SHARED_KEY = (
    "The server saw the sum of the updates alone. Together with any one site it could have seen "
    "each of them, for all sites share one key; and a sum over few sites tells much of each."
)
PRIVATE_RECORDS = (
    "Each site trained with noise, so that what it sent hides each single one of its units, from "
    "the server too. Epsilon tells how well: at 1 an attacker who knew all others would hardly "
    "learn whether this one was there, at 8 the promise is weak, and beyond 20 next to nothing."
)
PRIVATE_SITES = (
    "The server added noise to the sum of the sites' updates, so that the global adapter hides "
    "each single site from whoever has it. The server itself saw every update. With few sites "
    "either the noise drowns what they learnt, or epsilon promises little."
)
YARDSTICKS = (
    "Trained without noise, for comparison on this machine, and hiding nothing: {arms}. Their "
    "adapters lie in the run's folder too."
)
LEAKS = (
    "Adapters can leak training data to whoever holds them. Treat them, and this run's folder, as "
    "you treat the notes."
)
ATTACKED = (
    "More than a guess is a leak: a guess has an AUC of 0.5, a rate (TPR) of 0.01, about the bits "
    "from before training, and no more recall than noise or public text; and these being simple "
    "attacks, one that fails proves nothing."
)
NOT_ATTACKED = (
    "Not measured: fedmedlora audit leakage RUN does so, where the notes are on this machine."
)
MATRIX = (
    "Each row is one model, each column the notes it is scored on. A framed cell is a site's own."
)
INTERVALS = (
    "Intervals come from drawing the notes of each site anew, the same draws for both arms. "
    "Where zero lies inside, the difference may be chance."
)
CONFIDENCE = (
    "With each find comes a confidence: how likely it is right, its type and both its ends (of a "
    "relation, both its entities). Of finds at 90 % nine in ten should be right; on the straight "
    "line it is just so. Above it the model is more often right than it says, below less often. "
    "Each training site counted on dev notes how often it was right; from the sum of the "
    "counts follows the calibrated confidence, and extraction writes that one."
)
CONFIDENCE_ERROR = (
    "{kind}: what the model says itself is off by {raw} points of 100 on the mean, what was "
    "calibrated by {calibrated} (expected calibration error, ECE, over {num_bins} bins; {found} "
    "finds in the {splits} notes of the training sites; counted before on dev notes of {sites})."
)
NOT_HELD_OUT = (
    "Where these are dev notes they had a part in the calibration, which flatters the second "
    "figure."
)
LOST = {
    "unknown_type": "of a type that was not asked for",
    "no_text": "around no word",
    "never_closed": "with no end",
    "not_in_text": "of words that are not in the text read",
    "repeated": "a second time",
    "refused": "answers that were refused",
    "cut_off": "answers that were cut off",
    "too_long": "questions that were more than the model reads at once",
    "unreadable": "answers that hold no list",
    "no_answer": "questions that got no answer",
    "not_read": "texts of which the end was not read",
}
NOBODY_ABSENT = "None: every site's update counted in every round."
NOTHING_LOST = (
    "Nothing was lost: what an answer announced stands in its note, which was read whole."
)
BESIDE = (
    "Not of this run: measured once with version {version} on {system}, kept with the package. The "
    "same experiment but for {settings}."
)
