"""The types of the guideline: what they mean and which belongs to which.

Source: Fed-MedLoRA (arXiv 2601.22124), annotation scheme: four main entity types, sixteen
modifier types, and the head-modifier matrix of its guideline.
"""

MAIN_TYPES = ("problem", "treatment", "test", "drug")
MODIFIER_TYPES = (
    "bodyloc",
    "condition",
    "course",
    "dosage",
    "duration",
    "form",
    "frequency",
    "labvalue",
    "negation",
    "reference_range",
    "route",
    "severity",
    "strength",
    "subject",
    "temporal",
    "uncertain",
)
CROSS_RELATIONS = ("adverse_effect", "causes", "treats")
ENTITY_TYPES = MAIN_TYPES + MODIFIER_TYPES
RELATION_TYPES = MODIFIER_TYPES + CROSS_RELATIONS

GUIDELINE_MATRIX: dict[str, frozenset[str]] = {
    "problem": frozenset(
        {
            "bodyloc",
            "condition",
            "course",
            "negation",
            "severity",
            "subject",
            "temporal",
            "uncertain",
        }
    ),
    "treatment": frozenset({"negation", "temporal"}),
    "test": frozenset({"labvalue", "negation", "reference_range", "temporal"}),
    "drug": frozenset(
        {
            "dosage",
            "duration",
            "form",
            "frequency",
            "negation",
            "route",
            "strength",
            "temporal",
        }
    ),
}


def in_guideline(head_type: str, relation_type: str) -> bool:
    """Return whether the guideline lets a head of this type carry this modifier."""
    return relation_type in GUIDELINE_MATRIX.get(head_type, frozenset())
