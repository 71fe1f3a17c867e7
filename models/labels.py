"""The seven classes, in FER2013 order, and how the ten FERPlus vote columns map onto them."""

LABELS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

# FERPlus columns: neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, not-a-face.
FERPLUS_COLUMNS: tuple[int, ...] = (4, 5, 6, 1, 3, 2, 0)
FERPLUS_NOT_A_FACE = 9

# The two sets of logits of every network here, by the labels they were trained on: also the names of a file's outputs.
HEADS: tuple[str, ...] = ("ferplus", "fer2013")
