"""Why a site does not count in a round, as short codes that do not change with the wording.

They stand beside the sentence in records, results and the report, for whoever counts or filters.
One more reason is one more line here.
"""

from typing import Literal

ReasonCode = Literal[
    "absent",  # nothing usable came, for reasons of the site's own: failed, late, out of reach
    "unreadable",  # what came is no update: a broken file, or another format
    "too_large",  # more bytes, tensors or values than any update of the round can have
    "unknown_site",  # of a site that takes no part
    "wrong_round",  # of another round than the one that is open
    "wrong_base",  # trained on another base model
    "wrong_start",  # trained from another adapter than the one that was sent
    "second_update",  # the site has handed in for this round already
    "bad_number",  # a number of the report that cannot be
    "too_many_tokens",  # more label tokens than the site enrolled with
    "wrong_names",  # other tensors than those of the round
    "wrong_shape",  # a tensor of another shape or rank
    "wrong_dtype",  # a tensor that is not float32
    "not_finite",  # a value is NaN or infinite
    "failed_audit",  # what a site showed of a blind round is not what it told
    "unsigned",  # nothing is signed where it must be
    "unreadable_manifest",  # what is signed is no document of its kind
    "wrong_payload_type",  # an envelope of something else
    "wrong_manifest_type",  # a signed document of another kind
    "wrong_signer",  # somebody else signed it
    "wrong_signature",  # changed after it was signed, or signed with another key
    "wrong_run",  # signed for another run or arm
    "altered_update",  # other bytes than those that were signed
    "altered_report",  # other numbers than those that were signed
    "revoked_site",  # of keys that were revoked
    "replayed",  # recorded before, with something else
    "refused_by_ledger",  # for a reason that only the ledger has
    "wrong_head",  # a ledger that does not go on from what the site was shown
]
