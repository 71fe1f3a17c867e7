"""Find faces: YuNet (Wu et al. 2023, doi:10.1007/s11633-023-1423-y) as int8 TFLite, decoded here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.model_files.cards import FaceCard, face_card_path, read_card
from edge.vision.tflite import Model, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self

NMS_IOU = 0.3  # measured on the classroom pictures: 0.45 lets doubles in and finds no more faces


class Detections(NamedTuple):
    """Faces of one frame, best first; all float32, in pixels of the frame.

    Attributes:
        boxes: (n, 4) as x, y, width, height.
        scores: (n,) 0..1.
        landmarks: (n, 5, 2) as x, y of the eye on the left of the picture, the eye on the right, the nose, and the left
            and right corner of the mouth; may lie outside the frame. None from a detector that finds none.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32] | None = None

    def first(self, most: int) -> Detections:
        """The best `most` of them."""
        return self.only(slice(most))

    def only(self, chosen: slice | NDArray[np.bool_]) -> Detections:
        """Some of them: those where `chosen`, (n,), is true."""
        landmarks = None if self.landmarks is None else self.landmarks[chosen]
        return Detections(self.boxes[chosen], self.scores[chosen], landmarks)


NOBODY = Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty((0, 5, 2), np.float32))


@dataclass(frozen=True)
class _Head:
    """One stride of the network, with everything about its grid that never changes."""

    stride: int
    cls: Tensor
    obj: Tensor
    bbox: Tensor
    kps: Tensor
    cls_table: NDArray[np.float32]
    obj_table: NDArray[np.float32]
    bbox_table: NDArray[np.float32]
    kps_table: NDArray[np.float32]
    corners: NDArray[np.float32]  # (cells, 2): column and row
    least_obj: int  # the lowest int8 of obj with which a cell can still reach the score threshold


class FaceDetector:
    """Finds every face in a frame.

    Args:
        card: The model's card.
        model: The model, loaded.

    Raises:
        ModelError: The model does not fit its card.
    """

    def __init__(self, card: FaceCard, model: Model) -> None:
        self.card = card
        self._model = model
        if not np.array_equal(model.input_table(), np.arange(-128, 128)):
            raise ModelError(f"{card.file} has another input scale than 1", "make it with python -m models.yunet")
        self._heads = [self._head(stride) for stride in card.strides]

    @classmethod
    def load(cls, detect_width: int = 1280, threads: int = 1) -> Self:
        """Load a shipped model.

        Args:
            detect_width: 640, 1280 or 1920: the frame is scaled to fit this many pixels across.
            threads: CPU threads.

        Raises:
            ModelError: It cannot be used.
        """
        cv2.setNumThreads(threads)  # else each resize would wake every core
        path = face_card_path(detect_width)
        card = read_card(path, FaceCard)
        return cls(card, Model(path, card, threads))

    def _head(self, stride: int) -> _Head:
        rows, columns = self.card.input.height // stride, self.card.input.width // stride
        names = self.card.outputs
        try:
            cls, obj, bbox, kps = (
                self._model.output(names[f"{kind}_{stride}"], (1, rows * columns, width))
                for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
            )
        except KeyError as error:
            raise ModelError(f"the card of {self.card.file} has no output {error}", "make it again") from None
        grid = np.meshgrid(np.arange(columns), np.arange(rows))
        corners = np.stack(grid, axis=-1).reshape(-1, 2).astype(np.float32)
        rising = np.arange(-128, 128, dtype=np.int8).view(np.uint8)
        enough = obj.table()[rising] * cls.table().max() >= self.card.score_threshold**2
        least_obj = 128 - int(enough.sum())
        tables = (cls.table(), obj.table(), bbox.table(), kps.table())
        return _Head(stride, cls, obj, bbox, kps, *tables, corners, least_obj)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces of a frame.

        Args:
            image: (height, width, 3) uint8 BGR, at least 1x1.

        Returns:
            Boxes cut to the frame, best score first; possibly none.
        """
        scale = self._fill_input(image)
        self._model.invoke()
        parts = [part for head in self._heads if len((part := self._decode(head)).scores)]
        if not parts:
            return NOBODY
        boxes = np.concatenate([part.boxes for part in parts])
        scores = np.concatenate([part.scores for part in parts])
        landmarks = np.concatenate([part.landmarks for part in parts if part.landmarks is not None])
        # OpenCV reads lists in half the time that it needs for arrays.
        best = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), self.card.score_threshold, NMS_IOU)
        kept = np.asarray(best, np.intp).ravel()
        size = image.shape[1], image.shape[0]
        boxes, landmarks = (np.asarray(each[kept] / scale, np.float32) for each in (boxes, landmarks))
        return _inside(boxes, scores[kept], landmarks, *size)

    def run_bare(self) -> None:
        """Run the model on what lies in its tensor, and nothing else: the least that a frame can cost."""
        self._model.invoke()

    def reset(self) -> None:
        """Keep nothing of the last frame."""
        self._model.reset()

    def _fill_input(self, image: NDArray[np.uint8]) -> float:
        """Scale the frame into the top left of the input tensor; returns the factor."""
        view = self._model.input_view()[0].view(np.uint8)
        height, width = view.shape[:2]
        scale = min(width / image.shape[1], height / image.shape[0])
        columns = max(1, min(width, round(image.shape[1] * scale)))
        rows = max(1, min(height, round(image.shape[0] * scale)))
        picture = view[:rows, :columns]
        if (rows, columns) != image.shape[:2]:
            shrink = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
            cv2.resize(image, (columns, rows), dst=picture, interpolation=shrink)
            image = picture
        # uint8 level minus 128 as int8 is the same bits with the highest one flipped: one pass, no float.
        np.bitwise_xor(image, 128, out=picture)
        view[rows:] = 0x80
        view[:rows, columns:] = 0x80
        return float(scale)

    def _decode(self, head: _Head) -> Detections:
        """What one stride sees, the same face many times over; in pixels of the input tensor."""
        cls = self._model.output_view(head.cls).reshape(-1)
        obj = self._model.output_view(head.obj).reshape(-1)
        # Nearly every cell is ruled out by comparing whole numbers; only the others are worth a look into the tables.
        cells = np.flatnonzero(obj >= head.least_obj)
        if not len(cells):
            return NOBODY
        product = head.cls_table[cls[cells].view(np.uint8)] * head.obj_table[obj[cells].view(np.uint8)]
        enough = product >= self.card.score_threshold**2
        cells, product = cells[enough], product[enough]
        bbox = head.bbox_table[self._model.output_view(head.bbox)[0, cells].view(np.uint8)]
        size = np.exp(bbox[:, 2:]) * head.stride
        corner = (head.corners[cells] + bbox[:, :2]) * head.stride - size / 2
        kps = head.kps_table[self._model.output_view(head.kps)[0, cells].view(np.uint8)].reshape(-1, 5, 2)
        landmarks = (head.corners[cells, None] + kps) * head.stride
        return Detections(np.concatenate([corner, size], axis=1), np.sqrt(product), landmarks)


def _inside(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], landmarks: NDArray[np.float32], width: int, height: int
) -> Detections:
    """Boxes cut to the frame; those with nothing left are dropped."""
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    corners[:, 0::2] = corners[:, 0::2].clip(0, width)
    corners[:, 1::2] = corners[:, 1::2].clip(0, height)
    size = corners[:, 2:] - corners[:, :2]
    some = (size >= 1).all(axis=1)
    cut = np.concatenate([corners[:, :2], size], axis=1)[some]
    return Detections(*(part.astype(np.float32) for part in (cut, scores[some], landmarks[some])))
