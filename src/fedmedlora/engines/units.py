"""The units that private training hides: notes, or the patients that notes say they are of."""

from collections import Counter
from collections.abc import Sequence

from fedmedlora.clinical.notes import Note
from fedmedlora.errors import TrainingError
from fedmedlora.federation.private_plan import Unit, Units
from fedmedlora.tasks.task import ExampleT


def in_units(
    notes: Sequence[Note], examples: Sequence[Sequence[ExampleT]], unit: Unit
) -> Units[ExampleT]:
    """Return the examples of notes by the unit that they belong to.

    Raises:
        TrainingError: The unit is the patient, and a note does not say whose it is.
    """
    of_patient = Counter(note.patient for note in notes if note.patient is not None)
    most = max(of_patient.values(), default=None)
    if unit == "note":
        return Units([list(one) for one in examples], most)
    together: dict[str, list[ExampleT]] = {}
    for note, own in zip(notes, examples, strict=True):
        if note.patient is None:
            raise TrainingError(
                f"training in private: found {len(notes) - of_patient.total()} notes without "
                'patient, expected the key "patient" in every note, or privacy.unit = "note"'
            )
        together.setdefault(note.patient, []).extend(own)
    return Units(list(together.values()), most)
