"""How good a float network is on labelled faces, while it is being trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from models.data import Faces
from models.networks import to_input


@dataclass
class Score:
    """Accuracy in 0..1 of the two heads: FER2013 label, and unique FERPlus majority among the seven (NaN if none)."""

    fer2013: float
    ferplus: float

    @property
    def mean(self) -> float:
        """The figure that picks the best epoch: of the FER2013 head alone where the data have no votes."""
        return self.fer2013 if math.isnan(self.ferplus) else (self.fer2013 + self.ferplus) / 2


@torch.no_grad()
def validate(network: nn.Module, faces: Faces, device: torch.device) -> Score:
    """Score a float network on labelled faces."""
    network.eval()
    ferplus, fer2013 = [], []
    for part in np.array_split(faces.images, max(1, len(faces) // 256)):
        plus, plain = network(to_input(torch.from_numpy(part).to(device)))
        ferplus.append(plus.argmax(1).cpu().numpy())
        fer2013.append(plain.argmax(1).cpu().numpy())
    known = faces.majority >= 0
    right = (np.concatenate(ferplus) == faces.majority)[known]
    return Score(
        float((np.concatenate(fer2013) == faces.label).mean()), float(right.mean()) if len(right) else math.nan
    )
