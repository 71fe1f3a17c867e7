"""The rule that tells faces turned to the front from those turned away: its numbers, and how they came about."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.errors import ModelError
from edge.files.bounded_read import read_file
from edge.files.numbers import FiniteNumber
from edge.model_files.cards import SHIPPED

FEATURES = ("offset", "ratio", "nose", "score")
"""What the rule weighs; `edge.vision.head_pose.measure` says what each is."""

MAX_BYTES = 1_000_000
REMEDY = "restore the file (git checkout models/), or make it again with python -m models.fit_head_pose"


class PoseRule(BaseModel):
    """A logistic regression: a face is turned to the front if its weighted sum exceeds the threshold.

    Attributes:
        name: For people.
        weights: One for each of `FEATURES`.
        bias: Added to the weighted sum; at 0 a face of the pictures that it was fitted on is as likely front as away.
        threshold: Logits above which a face counts as front.
        sha256: Of the file, filled in by `read_pose_rule`.
    """

    # The file also says what people want to know (data, figures, command): other keys are allowed.
    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w.+-]+$")
    task: Literal["pose"]
    weights: dict[str, FiniteNumber]
    bias: FiniteNumber
    threshold: FiniteNumber
    sha256: str = Field("0" * 64, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _complete(self) -> PoseRule:
        if set(self.weights) != set(FEATURES):
            raise ValueError(f"weights must be of {', '.join(FEATURES)}")
        return self

    @property
    def identity(self) -> str:
        """`name@` and the first 12 digits of the file's sha256, as windows carry it."""
        return f"{self.name}@{self.sha256[:12]}"


def pose_rule_path() -> Path:
    """The shipped rule."""
    return SHIPPED / "head-pose.json"


def read_pose_rule(path: Path) -> PoseRule:
    """Read and check a rule.

    Args:
        path: The JSON file.

    Raises:
        ModelError: No such file, not JSON, or not such a rule; names the key.
    """
    try:
        content = read_file(path, MAX_BYTES)
        return PoseRule.model_validate(json.loads(content) | {"sha256": hashlib.sha256(content).hexdigest()})
    except OSError as error:
        raise ModelError(f"pose rule {path} cannot be read ({error.strerror or error})", REMEDY) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "weights"
        raise ModelError(f"pose rule {path}: {key}: {first['msg']}", REMEDY) from None
    except (ValueError, TypeError, RecursionError):
        raise ModelError(f"pose rule {path} is not a JSON object", REMEDY) from None
