"""The calibration file beside an emotion model: how sure and how wrong it is, as measured on held-out pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.errors import ModelError
from edge.files.bounded_read import read_json
from edge.files.numbers import AS_MEANT, Number, Whole
from edge.model_files.cards import EmotionCard

MAX_CALIBRATION_BYTES = 1_000_000
REMEDY = "recreate it with python -m models.calibrate, or remove it"
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), AS_MEANT]
LEAST = 1e-5  # of a share that has pictures: below it the estimate runs out of digits
Count = Annotated[int, Field(ge=0, le=10**12), AS_MEANT]


class OutputCalibration(BaseModel):
    """What is known about one set of k labels.

    Attributes:
        labels: As in the card, in the same order; all that follows is in this order.
        temperature: What the logits were divided by for `posteriors`. The card has the same one, unless a person
            has changed it there.
        pictures: How many held-out pictures were used.
        priors: (k) share of each true class among them; none is 0, nor so small that nothing can be divided by it.
        confusion: (k, k) pictures, row = truth, column = the label with the largest logit.
        bias: (k) what is added to the logarithm of each probability at this temperature, before the row is made to
            sum to 1 again, so that all labels together are predicted as often as they are true.
        posteriors: (k, k) mean probability of each label (column) over the pictures of each true class (row), without
            the bias.
        confidence: (k, 2) mean and variance of the largest probability over the pictures of each true class; a room's
            faces that are far less sure are not like these pictures. Empty in files of version 0.1.0.
        thresholds: By label, the least probability with which a strong word is used; see `edge.vision.naming`. Empty in
            files of version 0.1.0.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    labels: tuple[str, ...] = Field(min_length=2, max_length=64)
    temperature: Number = Field(gt=0, le=100)
    pictures: Whole = Field(ge=1)
    priors: tuple[Annotated[Share, Field(gt=LEAST)], ...]
    confusion: tuple[tuple[Count, ...], ...]
    bias: tuple[Annotated[Number, Field(ge=-20, le=20)], ...]
    posteriors: tuple[tuple[Share, ...], ...]
    confidence: tuple[tuple[Share, Share], ...] = ()
    thresholds: dict[str, Share] = {}

    @model_validator(mode="after")
    def _fits(self) -> OutputCalibration:
        size = len(self.labels)
        for name, rows in (("confusion", self.confusion), ("posteriors", self.posteriors)):
            if [len(row) for row in rows] != [size] * size:
                raise ValueError(f"{name} must be {size} by {size}, as there are {size} labels")
        if len(self.priors) != size or not all(_is_one(sum(row)) for row in (self.priors, *self.posteriors)):
            raise ValueError(f"priors and each row of posteriors must be {size} shares that sum to 1")
        if self.confidence and len(self.confidence) != size:
            raise ValueError(f"confidence must be {size} pairs, as there are {size} labels")
        if not self.thresholds.keys() <= set(self.labels):
            raise ValueError("thresholds must be of these labels")
        if len(self.bias) != size:
            raise ValueError(f"bias must be {size} numbers, as there are {size} labels")
        if not all(map(sum, self.confusion)) or sum(map(sum, self.confusion)) != self.pictures:
            raise ValueError("confusion must have pictures of every class, as many in all as `pictures` says")
        return self


class Calibration(BaseModel):
    """A calibration file.

    Attributes:
        sha256: Of the model file it was measured with.
        outputs: By the card's name of each output.
        left_out: Outputs that could not be measured, and why.
    """

    # The file also says what people want to know (data, command, runtime): other keys are allowed.
    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    outputs: dict[str, OutputCalibration]
    left_out: dict[str, Annotated[str, Field(max_length=1000)]] = {}  # `info` says it


def calibration_path(card: Path) -> Path:
    """Where the calibration file of a card lies: emotions.json -> emotions.calibration.json."""
    return card.with_name(f"{card.stem}.calibration.json")


def read_calibration(path: Path, card: EmotionCard) -> Calibration | None:
    """Read the calibration file beside a card.

    Args:
        path: The card's own path.
        card: Its content.

    Returns:
        The content, or None when there is no such file.

    Raises:
        ModelError: It cannot be read, is not a calibration file, or was measured with another model.
    """
    file = calibration_path(path)
    try:
        calibration = Calibration.model_validate(read_json(file, MAX_CALIBRATION_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"calibration {file} cannot be read", error.strerror or str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ModelError(f"calibration {file}: {key}: {first['msg']}", REMEDY) from None
    except (ValueError, RecursionError):
        raise ModelError(f"calibration {file} is not JSON", REMEDY) from None
    if calibration.sha256 != card.sha256:
        raise ModelError(
            f"calibration {file} was measured with another model: sha256 {calibration.sha256[:12]}..., "
            f"the card says {card.sha256[:12]}...",
            REMEDY,
        )
    for name, output in calibration.outputs.items():
        if name not in card.outputs or output.labels != card.outputs[name].labels:
            raise ModelError(f"calibration {file}: output {name!r} and its labels are not those of the card", REMEDY)
    return calibration


def find_calibration(path: Path, card: EmotionCard, output: str) -> tuple[OutputCalibration | None, str]:
    """The calibration of one output, or why there is none: nothing here keeps the daemon from counting.

    Args:
        path: The card's own path.
        card: Its content.
        output: Its output that is read.

    Returns:
        The calibration, or None; and a sentence for people, without the folder of the file.
    """
    name = calibration_path(path).name
    try:
        calibration = read_calibration(path, card)
    except ModelError as error:
        return None, f"none: {error}".replace(str(calibration_path(path)), name)
    if calibration is None:
        return None, f"none: there is no {name} beside the model; python -m models.calibrate makes one"
    found = calibration.outputs.get(output)
    if found is None:
        return None, f"none: {name} leaves {output} out: {calibration.left_out.get(output, 'not measured')}"
    if not math.isclose(found.temperature, card.outputs[output].temperature, rel_tol=0.02):
        return None, f"none: {name} was made for temperature {found.temperature}, the card says otherwise; {REMEDY}"
    return found, f"from {name}, {output}, {found.pictures} pictures"


def _is_one(total: float) -> bool:
    return math.isclose(total, 1, abs_tol=1e-3)
