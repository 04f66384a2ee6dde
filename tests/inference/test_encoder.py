"""The encoder on a tiny random SigLIP: torch against the published model's own outputs, ONNX Runtime against torch."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from inference import catalogue, heatmap, onnx_encoder, zero_shot
from inference.answers import Progress
from inference.errors import Cancelled, ModelRefused, WrongName
from inference.medsiglip import Encoder, Vision
from inference.questions import HeatmapQuestion, Label, LabelSet
from tests.inference.tiny import ENCODER, picture

PHRASES = ["left pleural effusion", "the heart is enlarged", "a"]


def load(folder: Path, runtime: str, **facts: object) -> Encoder:
    entry = catalogue._merge(catalogue.entry(ENCODER), json.loads((folder / "hilum.json").read_text()) | facts)
    return Encoder(folder, entry, "r" * 64, "cpu", 1, runtime)


@pytest.fixture(scope="module")
def encoder(siglip_folder: Path) -> Encoder:
    return load(siglip_folder, "torch")


def squares(count: int) -> list[np.ndarray]:
    return [picture(96, 96, seed).pixels for seed in range(count)]


def test_outputs_equal_the_published_model(encoder: Encoder, siglip_folder: Path) -> None:
    from transformers import SiglipModel

    model = SiglipModel.from_pretrained(siglip_folder).eval()
    pixels = torch.from_numpy(np.stack(squares(3))).permute(0, 3, 1, 2).float() / 127.5 - 1
    ids = torch.from_numpy(encoder.ids(PHRASES))
    with torch.inference_mode():
        out = model(input_ids=ids, pixel_values=pixels)
    assert np.allclose(list(encoder.pictures(squares(3))), out.image_embeds, atol=1e-5)
    assert np.allclose(encoder.texts(PHRASES), out.text_embeds, atol=1e-5)
    logits = encoder.scale * (np.stack(list(encoder.pictures(squares(3)))) @ encoder.texts(PHRASES).T) + encoder.bias
    assert np.allclose(logits, out.logits_per_image, atol=1e-3)
    assert np.allclose(list(encoder.pictures(squares(3), "patches")), out.vision_model_output.last_hidden_state, atol=1e-4)


def test_text_is_padded_to_the_full_length_and_every_phrase_stands_alone(encoder: Encoder) -> None:
    ids = encoder.ids(["a", "left pleural effusion the heart is enlarged " * 9])
    assert ids.shape == (2, 16)
    assert (ids[0, 3:] == 1).all()
    assert np.allclose(encoder.texts(PHRASES)[0], encoder.texts(PHRASES[:1])[0], atol=1e-6)


def test_grid_is_the_pooling_head_on_one_token_alone(encoder: Encoder, siglip_folder: Path) -> None:
    from transformers import SiglipModel

    model = SiglipModel.from_pretrained(siglip_folder).eval()
    pixels = torch.from_numpy(np.stack(squares(1))).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        tokens = model.vision_model(pixels).last_hidden_state
        alone = [torch.nn.functional.normalize(model.vision_model.head(tokens[:, at : at + 1]), dim=-1)[0] for at in (0, 17, 63)]
    grid = next(encoder.pictures(squares(1), "grid"))
    assert np.allclose(grid[[0, 17, 63]], torch.stack(alone), atol=1e-5)


def test_onnx_runtime_equals_torch_for_every_output_and_batch(siglip_folder: Path, encoder: Encoder, home: Path) -> None:
    exported = load(siglip_folder, "onnx")
    assert exported.towers.words.startswith("ONNX Runtime")
    assert exported.steps == ()
    for count in (1, 3, 17):
        for output in ("pooled", "patches", "grid"):
            got = np.stack(list(exported.pictures(squares(count), output)))
            want = np.stack(list(encoder.pictures(squares(count), output)))
            assert np.abs(got - want).max() <= 1e-4 * np.abs(want).max()
    assert np.allclose(exported.texts(PHRASES), encoder.texts(PHRASES), atol=1e-5)
    folder = next((home / "cache" / "onnx").iterdir())
    agreed = json.loads((folder / "check.json").read_text())
    assert agreed.keys() == {"pooled", "patches", "grid", "text"}
    assert all(one["cosine"] >= 0.9999 for one in agreed.values())


def test_the_export_is_made_once_and_a_damaged_one_again(siglip_folder: Path, home: Path) -> None:
    load(siglip_folder, "onnx")
    folder = next((home / "cache" / "onnx").iterdir())
    made = (folder / "vision.onnx").stat().st_mtime_ns
    load(siglip_folder, "onnx")
    assert (folder / "vision.onnx").stat().st_mtime_ns == made
    (folder / "vision.onnx").write_bytes(b"damaged")
    again = load(siglip_folder, "onnx")
    assert again.towers.words.startswith("ONNX Runtime")
    assert (folder / "vision.onnx").stat().st_size > 100_000
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_an_export_that_strays_is_refused(siglip_folder: Path, home: Path) -> None:
    from transformers import SiglipModel

    model = SiglipModel.from_pretrained(siglip_folder).eval()
    onnx_encoder.towers(model, "a" * 64, 96, 16, "cpu", 1)
    folder = next((home / "cache" / "onnx").iterdir())
    towers = onnx_encoder.OnnxTowers(folder, "cpu", 1)
    with torch.no_grad():
        model.vision_model.post_layernorm.weight.mul_(1.01)
        model.vision_model.head.mlp.fc2.bias.add_(0.2)
    with pytest.raises(onnx_encoder.OnnxUnfit, match="strays"):
        onnx_encoder.check(Vision(model), onnx_encoder.Text(model), towers, 96, 16)


def test_where_the_export_fails_torch_answers_and_says_so(siglip_folder: Path, home: Path, encoder: Encoder) -> None:
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "onnx").write_text("a file where a folder should be")
    fallen = load(siglip_folder, "onnx")
    assert fallen.towers.words.startswith("torch")
    assert fallen.steps[0].startswith("torch in place of ONNX Runtime")
    assert np.allclose(list(fallen.pictures(squares(1))), list(encoder.pictures(squares(1))), atol=1e-6)


def test_labels_follow_the_published_protocol(encoder: Encoder) -> None:
    label = Label("x", ("left pleural effusion", "effusion"), ("heart", "the heart is", "unverändert"), 0.9)
    images = np.stack(list(encoder.pictures(squares(1))))
    (score,) = zero_shot.scores(encoder, images, LabelSet("s", "cxr", (label,)))

    def mean(phrases: tuple[str, ...]) -> np.ndarray:
        total = encoder.texts(phrases).astype(np.float64).mean(axis=0)
        return total / np.linalg.norm(total)

    near = [float(images[0].astype(np.float64) @ mean(phrases)) for phrases in (label.present, label.absent)]
    powers = np.exp(encoder.scale * np.array(near))
    assert score.contrast == pytest.approx(near[0] - near[1], abs=1e-5)
    assert score.probability == pytest.approx(powers[0] / powers.sum(), abs=1e-4)
    assert score.published_auc == 0.9


def test_a_choice_is_a_softmax_over_its_labels(encoder: Encoder) -> None:
    labels = tuple(Label(phrase, (phrase,), ()) for phrase in PHRASES)
    images = np.stack(list(encoder.pictures(squares(1))))
    scores = {score.name: score for score in zero_shot.scores(encoder, images, LabelSet("s", "slide", labels, True))}
    powers = np.exp(encoder.scale * (images[0].astype(np.float64) @ encoder.texts(PHRASES).T))
    assert sum(score.probability for score in scores.values()) == pytest.approx(1)
    assert [scores[phrase].probability for phrase in PHRASES] == pytest.approx(powers / powers.sum(), abs=1e-5)


def draw(encoder: Encoder, question: HeatmapQuestion, shown: object) -> heatmap.Layer:
    return heatmap.draw(encoder, question, shown, lambda _: None, threading.Event())[0]  # type: ignore[arg-type]


def test_patch_head_is_a_sigmoid_of_the_heads_own_bias_and_scale(encoder: Encoder) -> None:
    shown = picture(96, 96, 5)
    layer = draw(encoder, HeatmapQuestion(PHRASES[0]), shown)
    assert layer.values.shape == (16, 16)
    for row, column in ((0, 0), (5, 10), (15, 2)):
        # Patches of 12 px, cells of 6: the picture moves by 3 px, so that the middle of a patch lies on the middle of the cell.
        moved = [np.clip(np.arange(96) + (3 if at % 2 else -3), 0, 95) for at in (row, column)]
        grid = next(encoder.pictures([shown.pixels[np.ix_(*moved)]], "grid")).astype(np.float64)
        near = grid[8 * (row // 2) + column // 2] @ encoder.texts(PHRASES[:1])[0]
        assert layer.values[row, column] == pytest.approx(1 / (1 + np.exp(-(9.7 * near - 1.9))), abs=1e-5)
    assert (layer.low, layer.high, layer.unit) == (0.0, 1.0, "probability, not calibrated")


def test_windows_are_crops_scored_alone_and_averaged(encoder: Encoder) -> None:
    shown = picture(240, 240, 6)
    layer = draw(encoder, HeatmapQuestion(PHRASES[0], PHRASES[1], "windows"), shown)
    direction = encoder.texts(PHRASES[:2])
    total, count = np.zeros((24, 24)), np.zeros((24, 24))
    for size, stride in ((12, 3), (8, 2)):
        for row in range(0, 25 - size, stride):
            for column in range(0, 25 - size, stride):
                crop = shown.pixels[row * 10 : (row + size) * 10, column * 10 : (column + size) * 10]
                vector = next(encoder.pictures([encoder.pixels(crop)]))
                total[row : row + size, column : column + size] += vector @ (direction[0] - direction[1])
                count[row : row + size, column : column + size] += 1
    assert np.allclose(layer.values, total / count, atol=1e-5)
    assert layer.unit == "contrast"
    assert layer.high == -layer.low == pytest.approx(4 / encoder.scale)


def test_a_map_covers_the_padded_square_in_pixels_of_the_picture(encoder: Encoder) -> None:
    for method in ("patch-head", "windows", "token-cosine"):
        assert draw(encoder, HeatmapQuestion("a", "b", method), picture(60, 100)).extent == (0, -20, 100, 80)


def test_a_slide_is_read_at_the_trained_resolution(encoder: Encoder) -> None:
    shown = picture(480, 720, 7, modality="slide", mpp=1.0)  # trained at 2 µm/px on 96 px: fields of 192 px
    layer = draw(encoder, HeatmapQuestion("a", "b", "windows"), shown)
    assert layer.values.shape == (10, 15)
    assert layer.extent == (0.0, 0.0, 720.0, 480.0)
    corner = next(encoder.pictures([encoder.pixels(shown.pixels[:192, :192])]))
    texts = encoder.texts(["a", "b"])
    assert layer.values[0, 0] == pytest.approx(float(corner @ (texts[0] - texts[1])), abs=1e-5)
    assert draw(encoder, HeatmapQuestion("a"), shown).values.shape == (20, 30)


def test_occlusion_measures_what_is_lost(siglip_folder: Path) -> None:
    encoder = load(siglip_folder, "torch", heatmap={"method": "occlusion"})
    flat = picture(96, 96).pixels.copy()
    flat[:] = 90
    from inference.questions import Picture

    layer = draw(encoder, HeatmapQuestion("a", "b"), Picture(flat, "cxr"))
    assert np.abs(layer.values).max() < 1e-6, "hiding a part of a flat picture behind its own colour loses nothing"


def test_methods_that_failed_or_do_not_exist_are_refused(encoder: Encoder) -> None:
    with pytest.raises(ModelRefused, match="failed their check"):
        draw(encoder, HeatmapQuestion("a", None, "occlusion"), picture())
    with pytest.raises(WrongName, match="choose one of patch-head"):
        draw(encoder, HeatmapQuestion("a", None, "gradients"), picture())
    assert heatmap.offered(encoder.entry.heatmap) == ("patch-head", "windows", "token-cosine")


def test_windows_can_be_stopped_between_batches(encoder: Encoder) -> None:
    cancel = threading.Event()
    news: list[Progress] = []

    def watch(progress: Progress) -> None:
        news.append(progress)
        if progress.done >= 32:
            cancel.set()

    with pytest.raises(Cancelled):
        heatmap.draw(encoder, HeatmapQuestion("a", "b", "windows"), picture(240, 240), watch, cancel)
    assert news[-1].done < news[-1].total == 106
