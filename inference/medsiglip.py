"""MedSigLIP: pictures and phrases as vectors in one space. ONNX Runtime does the work where it can, torch otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from inference import device as devices
from inference import ladder, lengths, memory, published
from inference.answers import Progress
from inference.catalogue import Entry
from inference.errors import ModelFailed, ModelRefused, look
from inference.preprocess.padding import pad_square, resize

Floats = NDArray[np.float32]
Output = Literal["pooled", "patches", "grid"]
OUTPUTS: tuple[Output, ...] = ("pooled", "patches", "grid")
BATCH = 16


def quiet(_progress: Progress) -> None:
    """For callers who do not watch."""


class Vision(nn.Module):
    """[B, 3, S, S] → pooled [B, d] normalised · patches [B, p, d] raw · grid [B, p, d] normalised, comparable with text.

    `grid` is the pooling head on each token alone: attention over one token mixes nothing.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.tower = model.vision_model

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = self.tower(pixel_values=pixel_values)
        tokens = out.last_hidden_state
        width = tokens.shape[-1]
        grid = self.tower.head(tokens.reshape(-1, 1, width)).reshape(tokens.shape[0], -1, width)
        return normalize(out.pooler_output, dim=-1), tokens, normalize(grid, dim=-1)


class Text(nn.Module):
    """ids [B, L] padded to the full length → [B, d] normalised. The vector is the last position's, whatever stands there."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.tower = model.text_model

    def forward(self, input_ids: Tensor) -> Tensor:
        return normalize(self.tower(input_ids=input_ids).pooler_output, dim=-1)


class Towers(Protocol):
    """The two towers on one runtime; arrays in, float32 arrays out."""

    words: str

    def vision(self, pixel_values: Floats, outputs: Sequence[Output]) -> list[Floats]: ...
    def text(self, input_ids: NDArray[np.int64]) -> Floats: ...


class TorchTowers:
    """The towers as torch runs them."""

    def __init__(self, model: Any, place: devices.Place) -> None:
        self.words = f"torch, {place.words}"
        self._place = place
        self._vision, self._text = Vision(model).eval(), Text(model).eval()
        self.seeing: nn.Module = model.vision_model

    def vision(self, pixel_values: Floats, outputs: Sequence[Output]) -> list[Floats]:
        with torch.inference_mode():
            found = self._vision(torch.from_numpy(pixel_values).to(self._place.device, self._place.dtype))
        return [found[OUTPUTS.index(name)].float().cpu().numpy() for name in outputs]

    def text(self, input_ids: NDArray[np.int64]) -> Floats:
        with torch.inference_mode():
            return np.asarray(self._text(torch.from_numpy(input_ids).to(self._place.device)).float().cpu().numpy())


class Encoder:
    """A loaded model. Not for two threads at once.

    `scale` and `bias` are the model's own (logit = scale · cosine + bias); `steps` says what had to be changed at load.
    Raises ModelRefused when the folder's weights do not fit its config.
    """

    def __init__(
        self, folder: Path, entry: Entry, revision: str, device: str = "auto", threads: int = 1, runtime: str = "onnx"
    ) -> None:
        chosen = devices.choose(device)
        model = published.load("SiglipModel", folder, torch.float32)
        config = model.config
        self.entry = entry
        self.side = int(config.vision_config.image_size)
        self.grid = self.side // int(config.vision_config.patch_size)
        self.scale = float(model.logit_scale.exp())
        self.bias = float(model.logit_bias)
        self.steps: tuple[str, ...] = ()
        self.device = chosen
        self._length = int(config.text_config.max_position_embeddings)
        self._mean, self._std = _normalisation(folder)
        self._tokenizer = _tokenizer(folder)
        self._batch = BATCH
        self._phrases: dict[str, Floats] = {}
        self.towers = self._towers(model, revision, threads, runtime)

    def pixels(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 (H, W, 3) as the model receives it: padded to a square with zeros, then resized to its side."""
        return resize(pad_square(picture), self.side, self.entry.resize)

    def pictures(
        self,
        squares: Sequence[NDArray[np.uint8]],
        output: Output = "pooled",
        *,
        stage: str = "reading pictures",
        on_progress: Callable[[Progress], None] = quiet,
        cancel: Event | None = None,
    ) -> Iterator[Floats]:
        """One array per square (S, S, 3), in order: [d] for "pooled", [p, d] otherwise. Raises Cancelled, ModelFailed."""
        done = 0
        while done < len(squares):
            look(cancel)
            on_progress(Progress(stage, done, len(squares)))
            part = squares[done : done + self._batch]
            found = ladder.tried(partial(self._seen, part, output))
            if found is None:
                self._halve("picture")
                continue
            yield from self._finite(found)
            done += len(part)

    def texts(self, phrases: Sequence[str]) -> Floats:
        """(n, d) normalised vectors, one per phrase in order; each phrase is read once in the life of the model. Raises
        ModelFailed."""
        new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._phrases]
        while new:
            part = new[: self._batch]
            found = ladder.tried(partial(self._read, part))
            if found is None:
                self._halve("phrase")
                continue
            self._phrases.update(zip(part, self._finite(found), strict=True))
            new = new[len(part) :]
        return np.stack([self._phrases[phrase] for phrase in phrases])

    def must_read(self, phrases: Iterable[str]) -> None:
        """Raises QuestionTooLong for a phrase that `texts` would cut."""
        for phrase in phrases:
            if phrase not in self._phrases:
                lengths.phrase_must_fit(self.entry.id, self._length, phrase, len(self._tokenizer(phrase)["input_ids"]))

    def ids(self, phrases: Sequence[str]) -> NDArray[np.int64]:
        """(n, L) token ids, padded, and cut, to the full length the model was trained with."""
        found = self._tokenizer(list(phrases), padding="max_length", truncation=True, max_length=self._length)
        return np.asarray(found["input_ids"], np.int64)

    @property
    def tower(self) -> nn.Module | None:
        """The vision tower where torch runs it, named as MedGemma's; None where its weights lie in another runtime."""
        return self.towers.seeing if isinstance(self.towers, TorchTowers) else None

    def _finite(self, found: Floats) -> Floats:
        if not np.isfinite(found).all():
            raise ModelFailed(f"{self.entry.title} answered NaN or infinity; check the model's files")
        return found

    def _tensor(self, squares: Sequence[NDArray[np.uint8]]) -> Floats:
        """(n, 3, S, S) float32 as the published processor scales: x / 255, minus mean, over std."""
        unit = np.stack(squares).astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(((unit - self._mean) / self._std).transpose(0, 3, 1, 2))

    def _seen(self, squares: Sequence[NDArray[np.uint8]], output: Output) -> Floats:
        return self.towers.vision(self._tensor(squares), (output,))[0]

    def _read(self, phrases: Sequence[str]) -> Floats:
        return self.towers.text(self.ids(phrases))

    def _halve(self, what: str) -> None:
        """Work in smaller batches from now on. Raises ModelFailed where they are of one already."""
        memory.give_back(self.device.type)
        if self._batch == 1:
            helps = "use the CPU" if self.device.type == "cuda" else "close other programs"
            raise ModelFailed(f"{self.entry.title} needs more memory than is free for one {what}; {helps}")
        self.steps += (f"out of memory: batch {self._batch} → {self._batch // 2}",)
        self._batch //= 2

    def _towers(self, model: Any, revision: str, threads: int, runtime: str) -> Towers:
        if runtime == "onnx":
            from inference import onnx_encoder

            try:
                return onnx_encoder.towers(model, revision, self.side, self._length, self.device.type, threads)
            except onnx_encoder.OnnxUnfit as error:
                self.steps += (f"torch in place of ONNX Runtime: {error}",)
        parameters = sum(weight.numel() for weight in model.parameters())
        place = devices.place(self.device, parameters, "float32" if self.device.type == "cpu" else "auto")
        return TorchTowers(model.to(place.device, place.dtype), place)


def _tokenizer(folder: Path) -> Any:
    """tokenizer.json as it is; the class that its config names may want a library of its own and does nothing else."""
    from transformers import PreTrainedTokenizerFast

    try:
        return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
        ladder.must_be_another(error)
        raise ModelRefused(f"the tokenizer in {folder} could not be read ({error}); get the model again") from error


def _normalisation(folder: Path) -> tuple[Floats, Floats]:
    """Mean and standard deviation per channel from the published processor's config, 0.5 where it is silent."""
    for name in ("processor_config.json", "preprocessor_config.json"):
        if (folder / name).is_file():
            table = json.loads((folder / name).read_text(encoding="utf-8"))
            table = table.get("image_processor", table)
            mean, std = (table.get(key) or [0.5] * 3 for key in ("image_mean", "image_std"))
            return np.asarray(mean, np.float32), np.asarray(std, np.float32)
    return np.full(3, 0.5, np.float32), np.full(3, 0.5, np.float32)
