"""One site's part: it signs what it hands in, and keeps and countersigns what it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fedmedlora.audit import typed_data
from fedmedlora.audit.documents import digest, signed
from fedmedlora.audit.heads import HeadFile, signed_head
from fedmedlora.audit.identity import Identity
from fedmedlora.audit.manifests import Settings, update_manifest
from fedmedlora.audit.typed_data import Domain
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.site_round import Attestation, Sent


@dataclass(frozen=True, slots=True)
class Signatory:
    """A site that can sign.

    Attributes:
        domain: Of the ledger it is enrolled with; it signs for no other.
        operator: Whose heads it takes, by name.
        settings: What it says of itself in every manifest.
        heads: Where it keeps what it was shown.
    """

    identity: Identity
    domain: Domain
    operator: str
    settings: Settings
    heads: HeadFile

    def attested(self, sent: Sent, plan: LocalPlan) -> Sent:
        """Return what the site sends with its manifest and its consent to have it recorded."""
        document = update_manifest(self.identity.did, sent, plan, self.settings)
        manifest = signed(document, self.identity.document_key)
        run, start = bytes.fromhex(plan.run), bytes.fromhex(sent.start)
        said = typed_data.commit(run, plan.round_index, start, digest(manifest))
        consent = typed_data.sign(said, self.domain, self.identity.chain_key)
        return replace(sent, attestation=Attestation(manifest, consent.hex()))

    def witness(self, heads: Sequence[str]) -> str:
        """Return the last of all heads of the ledger with the site's own signature; all are kept.

        Raises:
            DocumentError: They do not go on from what was shown before, or are not the operator's.
        """
        return signed_head(self.heads.take(heads, self.operator), self.identity.document_key)
