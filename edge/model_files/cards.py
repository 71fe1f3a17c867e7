"""The card beside every model file: what it is, what goes in, what comes out, and its sha256."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from edge.contract.labels import MAX_LABEL, MAX_LABELS, MAX_LABELS_BYTES, UNKNOWN, fit_a_window
from edge.errors import ModelError
from edge.files.bounded_read import read_json
from edge.files.numbers import AS_MEANT, FiniteNumber, Number, Whole
from edge.files.presence import is_there
from edge.files.shipped import shipped

MAX_CARD_BYTES = 1_000_000
READABLE = "give the path of the .json beside the model, where this user may read it (a service sees no home folder)"
SHIPPED = shipped("models")


class _Part(BaseModel):
    # Cards also carry what only people read (licence, figures, commands): other keys are allowed.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Input(_Part):
    """What the model is fed: `range` is what grey or colour 0 and 255 become; grey may be wanted on three channels."""

    width: Whole = Field(ge=8, le=4096)
    height: Whole = Field(ge=8, le=4096)
    channels: Annotated[Literal[1, 3], AS_MEANT]
    colour: Literal["grey", "BGR"]
    range: tuple[FiniteNumber, FiniteNumber]


class Crop(_Part):
    """Which square around a detected face the model was trained on.

    Its side is `scale` times the longer side of the box; its centre lies `down` times the box height
    below the middle of the box. Heads that are tilted by `upright_from` degrees or more are cut out upright, along the
    line of their eyes; without it, none are.
    """

    scale: Number = Field(1.0, ge=0.5, le=3)
    down: Number = Field(0.0, ge=-0.5, le=0.5)
    upright_from: Number | None = Field(None, ge=0, le=180)


class Card(_Part):
    """What all cards have."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w.+-]+$")
    file: str = Field(pattern=r"^[\w.+-]+$")  # a plain name: the file lies beside its card
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    input: Input

    @property
    def identity(self) -> str:
        """`name@` and the first 12 digits of the sha256, as windows carry it."""
        return f"{self.name}@{self.sha256[:12]}"


class FaceCard(Card):
    """A face detector. `outputs` names the tensor of each head: cls_8, obj_8, bbox_8, ..."""

    task: Literal["faces"]
    decoder: Literal["yunet"]
    strides: tuple[Whole, ...] = Field(min_length=1)
    outputs: dict[str, str]
    score_threshold: Number = Field(0.6, gt=0, lt=1)


class EmotionOutput(_Part):
    """One set of labels: its tensor's name, what that holds, and the temperature that calibrates it.

    `probabilities` are for a model that ends in a softmax: their logarithms are its logits.
    """

    tensor: str
    kind: Literal["logits", "probabilities"] = "logits"
    labels: tuple[str, ...] = Field(min_length=2, max_length=MAX_LABELS - 1)
    temperature: Number = Field(1.0, ge=0.01, le=100)

    @field_validator("labels")
    @classmethod
    def _fit(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        together = {*labels, UNKNOWN}
        if len(together) <= len(labels):
            raise ValueError(f"must be different, and none may be {UNKNOWN!r}")
        if not fit_a_window(together):
            raise ValueError(
                f"must be printable, of {MAX_LABEL} bytes at most each, and with {UNKNOWN!r} of {MAX_LABELS_BYTES:,}"
            )
        return labels


class EmotionCard(Card):
    """An emotion classifier with one or more sets of labels."""

    task: Literal["emotions"]
    outputs: dict[str, EmotionOutput] = Field(min_length=1)
    crop: Crop = Crop()

    def output(self, name: str) -> EmotionOutput:
        """One set of labels by name. Raises ModelError."""
        if name not in self.outputs:
            raise ModelError(
                f"vision.emotions_output: model {self.name} has no output {name!r}",
                f"it has {', '.join(self.outputs)}",
            )
        return self.outputs[name]


def face_card_path(detect_width: int) -> Path:
    """The card of the shipped detector that works at this width."""
    found = sorted(SHIPPED.glob(f"faces-{detect_width}x*.json"))
    if not found:
        raise ModelError(f"{SHIPPED} has no face detector {detect_width} px wide", "install edge again")
    return found[0]


def emotion_card_path(name: str) -> Path:
    """A card by name in the folder of shipped models, else by path.

    The name of a shipped one, as the default is, means that: others may write into the current folder. A file there
    that is called the same is `./emotions.json`.
    """
    card = SHIPPED / name
    if is_there(card) and ("/" not in name or not is_there(name)):
        return card
    return Path(name) if "/" in name or is_there(name) else card


CardT = TypeVar("CardT", bound=Card)


def read_card(path: Path, kind: type[CardT]) -> CardT:
    """Read and check a card.

    Args:
        path: The JSON file.
        kind: FaceCard or EmotionCard.

    Raises:
        ModelError: No such file, not JSON, or not a card of this kind; names the key.
    """
    try:
        return kind.model_validate(read_json(path, MAX_CARD_BYTES))
    except FileNotFoundError:
        raise ModelError(f"model card {path} does not exist", "give the path of the .json beside the model") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelError(f"model card {path} cannot be read ({reason})", READABLE) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ModelError(f"model card {path}: {key}: {first['msg']}", "see models/README.md for its keys") from None
    except (ValueError, RecursionError):
        raise ModelError(f"model card {path} is not JSON", "give the path of the .json beside the model") from None
