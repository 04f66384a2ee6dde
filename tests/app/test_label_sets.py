"""Label sets of the program and of the reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import label_sets
from app.label_sets import LabelSetError
from inference.errors import OutsideTraining


def test_every_set_of_the_program_can_be_used() -> None:
    assert label_sets.names()
    for name in label_sets.names():
        found = label_sets.load(name)
        assert found.labels
        assert len({label.name for label in found.labels}) == len(found.labels)


def test_the_published_chest_set_carries_the_published_auc() -> None:
    """arXiv 2507.05201, table of MedSigLIP zero-shot results on the CheXpert test set: 13 labels, mean 0.844."""
    found = label_sets.load("medsiglip-cxr")
    known = {label.name.lower(): label.published_auc for label in found.labels}
    assert len(known) == 13
    assert known["pneumothorax"] == 0.862
    values = [auc for auc in known.values() if auc is not None]
    assert sum(values) / len(values) == pytest.approx(0.844, abs=0.001)


def test_the_demonstration_sets_go_with_its_encoder_alone() -> None:
    assert all(name.startswith("demo-") for name in label_sets.fitting("cxr", "demo-encoder"))
    assert not any(name.startswith("demo-") for name in label_sets.fitting("cxr", "medsiglip-448"))
    with pytest.raises(OutsideTraining, match="demo-encoder was not made for pictures of the kind mr"):
        label_sets.suited("demo-encoder", "mr")
    with pytest.raises(LabelSetError, match="no label set for medsiglip-448"):
        label_sets.suited("medsiglip-448", "photo")


def test_a_file_of_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name="mine"\nmodality="cxr"\n[[labels]]\nname="a"\npresent=["a"]\nabsent=["no a"]\n')
    assert label_sets.load(str(path)).labels[0].absent == ("no a",)


@pytest.mark.parametrize(
    "text", ["name=", 'name="x"\nmodality="cxr"\n', 'name="x"\nmodality="cxr"\n[[labels]]\nname="a"\npresent="a"\n',
             'name="x"\nmodality="cxr"\n[[labels]]\nname="a"\npresent=["a"]\n']
)  # fmt: skip
def test_a_bad_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(LabelSetError, match=r"bad\.toml"):
        label_sets.load(str(path))


def test_unknown_and_unreadable() -> None:
    with pytest.raises(LabelSetError, match="choose one of"):
        label_sets.load("nothing")
    with pytest.raises(LabelSetError, match="cannot be read"):
        label_sets.load("/nowhere/x.toml")


def test_the_set_named_for_the_kind_of_picture_is_the_default() -> None:
    assert label_sets.fitting("slide", "medsiglip-448")[0] == "medsiglip-slide"
    assert label_sets.suited("medsiglip-448", "cxr").name == "medsiglip-cxr"
