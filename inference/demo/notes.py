"""Writes short records of invented patients, questions about them, and what the record answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CONDITIONS = (
    "diabetes", "hypertension", "asthma", "heart failure", "epilepsy", "gout", "migraine", "atrial fibrillation", "anaemia",
    "hypothyroidism", "psoriasis", "osteoporosis",
)  # fmt: skip
MEDICINES = (
    "metformin", "ramipril", "aspirin", "salbutamol", "atorvastatin", "bisoprolol", "furosemide", "allopurinol", "levothyroxine",
    "apixaban", "omeprazole", "paracetamol", "insulin", "amlodipine", "prednisolone", "warfarin",
)  # fmt: skip
ALLERGENS = ("penicillin", "latex", "sulfonamides", "iodine contrast", "peanuts", "codeine", "amoxicillin", "nickel")
UNSAID = "The record does not say."


@dataclass(frozen=True, slots=True)
class Patient:
    """What a record holds; None where it says nothing of it, an empty tuple where it says that there is none."""

    age: int
    woman: bool
    conditions: tuple[str, ...] | None = None
    medicines: tuple[str, ...] | None = None
    allergies: tuple[str, ...] | None = None
    haemoglobin: str | None = None
    """In g/dL, with one digit after the point."""
    smokes: bool | None = None


def draw_patient(rng: np.random.Generator) -> Patient:
    """Each thing is said four times in five; one of those has no entry."""

    def some(words: tuple[str, ...], most: int) -> tuple[str, ...] | None:
        if rng.random() < 0.2:
            return None
        count = 0 if rng.random() < 0.15 else int(rng.integers(1, most + 1))
        return tuple(words[int(at)] for at in rng.permutation(len(words))[:count])

    return Patient(
        int(rng.integers(18, 96)), bool(rng.random() < 0.5), some(CONDITIONS, 2), some(MEDICINES, 3), some(ALLERGENS, 1),
        f"{rng.uniform(6.0, 17.0):.1f}" if rng.random() < 0.7 else None,
        None if rng.random() < 0.3 else bool(rng.random() < 0.5),
    )  # fmt: skip


def listed(words: tuple[str, ...]) -> str:
    """ "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def lines(patient: Patient) -> dict[str, str]:
    """What the record says, by what it is about; without what it does not mention."""
    found = {}
    for name in ("conditions", "medicines", "allergies"):
        words = getattr(patient, name)
        if words is not None:
            found[name] = f"{name.capitalize()}: {listed(words) if words else 'none'}."
    if patient.haemoglobin is not None:
        found["haemoglobin"] = f"Haemoglobin: {patient.haemoglobin} g/dL."
    if patient.smokes is not None:
        found["smokes"] = "Smokes." if patient.smokes else "Does not smoke."
    return found


def record(patient: Patient, rng: np.random.Generator) -> str:
    """Lines of a note: who it is, then the rest in any order."""
    rest = list(lines(patient).values())
    rng.shuffle(rest)
    return "\n".join([f"{patient.age} year old {'woman' if patient.woman else 'man'}.", *rest])


ASKED = {
    "age": ("How old is the patient?", "What is the patient's age?", "Age?"),
    "conditions": ("Which conditions are known?", "What conditions does the patient have?", "What are the known conditions?"),
    "medicines": ("Which medicines does the patient take?", "What does the patient take?", "List the medicines."),
    "allergies": ("What is the patient allergic to?", "Which allergies are known?", "Any allergies?"),
    "haemoglobin": ("What is the haemoglobin?", "How high is the haemoglobin?", "Haemoglobin?"),
    "smokes": ("Does the patient smoke?", "Is the patient a smoker?"),
}
TAKES = ("Does the patient take {x}?", "Is the patient on {x}?", "Is {x} one of the medicines?")
HAS = ("Does the patient have {x}?", "Is {x} known?")


def question(patient: Patient, rng: np.random.Generator) -> tuple[str, str]:
    """What is asked of the record, and what it answers."""
    kinds = (*ASKED, "takes", "has")
    kind = kinds[rng.integers(len(kinds))]
    if kind in ASKED:
        asked = ASKED[kind][rng.integers(len(ASKED[kind]))]
        return asked, f"{patient.age} years." if kind == "age" else lines(patient).get(kind, UNSAID)
    words, pool, templates = (patient.medicines, MEDICINES, TAKES) if kind == "takes" else (patient.conditions, CONDITIONS, HAS)
    x = words[rng.integers(len(words))] if words and rng.random() < 0.5 else pool[rng.integers(len(pool))]
    asked = templates[rng.integers(len(templates))].format(x=x)
    asked = asked[0].upper() + asked[1:]
    if words is None:
        return asked, UNSAID
    return asked, f"Yes. {x.capitalize()} is named." if x in words else f"No. {x.capitalize()} is not named."
