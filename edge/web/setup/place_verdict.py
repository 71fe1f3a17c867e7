"""From the figures of a calibration to sentences: what the camera will and will not tell. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.config.schema import VisionConfig
from edge.model_files.benchmark import FACES, FRONT_KEPT, RIGHT, WRONG_STRONG, Proportion, Range
from edge.text import Sentence

if TYPE_CHECKING:
    from edge.config.schema import Config

WORTH_A_WORD = 0.05  # share of the faces, or of the seconds
TOO_MANY_MISSED = 0.25  # share of the people: then it is no count of them

SOURCE = Sentence(
    "Measured here: means of each second of half a minute, with the lowest and the highest. Expected errors: measured "
    "on pictures of other rooms, with 95 % intervals (models/README.md); faces of one picture are alike, so the truth "
    "may lie outside them."
)


@dataclass(frozen=True)
class Figures:
    """What half a minute has shown; shares 0 to 1, each with its lowest and highest second, None where there is none.

    Args:
        seconds: In how many seconds there was a picture.
        enough: Whether these are enough to say anything.
        people: Faces in the count area.
        judged: Those of them whose direction is known.
        named: Those of them that are turned to the front, large enough and in good light.
        large: Share of the faces that are large enough.
        lit: Share in good light.
        inside: Share of all faces seen that are in the count area.
        front: Share of the judged that are turned to the front.
        sharp: Share of the seconds that are about as sharp as the sharpest.
        missed: Share of the people whose faces are not found, by the sizes of those that are.
    """

    seconds: int
    enough: bool
    people: Range | None
    judged: Range | None
    named: Range | None
    large: Range | None
    lit: Range | None
    inside: Range | None
    front: Range | None
    sharp: float | None
    missed: Range | None


def few(people: Range | None, least: int) -> bool:
    """Whether figures about these are withheld, as in a window: few on average, or in a second that shows somebody."""
    return people is None or people.mean < least or 0 < people.low < least


def verdict(figures: Figures, config: Config) -> dict[str, Any]:
    """What a page shows of a calibration: figures, expected errors and sentences. What is withheld is null."""
    least = config.privacy.min_faces
    withheld = few(figures.people, least)
    result: dict[str, Any] = {
        "seconds": figures.seconds,
        "withheld": "few_people" if withheld else None,
        "people": None,
        "shares": None,
        "sharp": _rounded(figures.sharp),
        "expected": None,
        "will": [],
        "will_not": [],
        "source": SOURCE.as_json(),
    }
    if not figures.enough:
        blind = Sentence(
            "The camera gave pictures in {seconds} seconds only, which is too few to judge by.",
            {"seconds": figures.seconds},
        )
        return {**result, "withheld": "short", "sharp": None, "will_not": [blind.as_json()]}
    if withheld:
        alone = Sentence(
            "Fewer than {least} people were seen, so there are no figures, as in every window (privacy.min_faces). "
            "Repeat this with a class in the room.",
            {"least": least},
        )
        return {**result, "will_not": [alone.as_json()]}
    facing = "pose" in config.needed_models
    near = facing and not few(figures.judged, least)
    will, will_not = _count(figures)
    if facing:
        _facing(figures, config, will, will_not)
    if "emotions" in config.needed_models:
        _emotions(figures, config, will, will_not)
    shares = {
        "large": _as_json(figures.large),
        "lit": _as_json(figures.lit),
        "inside": _as_json(figures.inside),
        "front": _as_json(figures.front) if near else None,
    }
    return {
        **result,
        "people": _as_json(figures.people),
        "shares": shares,
        "expected": _expected(figures, config),
        "will": [sentence.as_json() for sentence in will],
        "will_not": [sentence.as_json() for sentence in will_not],
    }


def _count(figures: Figures) -> tuple[list[Sentence], list[Sentence]]:
    will, will_not = [], []
    if figures.people is not None:
        will.append(
            Sentence(
                "How many faces: about {people} here, between {low} and {high} from second to second.",
                {
                    "people": round(figures.people.mean),
                    "low": round(figures.people.low),
                    "high": round(figures.people.high),
                },
            )
        )
    if figures.missed is not None and figures.missed.mean > TOO_MANY_MISSED:
        will_not.append(
            Sentence(
                "How many people there are: of faces as small as here, {share} % are not found ({low} to {high} %).",
                _percent(figures.missed),
            )
        )
    elif figures.missed is not None:
        will.append(
            Sentence(
                "How many people there are, but for about {share} % whose faces are not found ({low} to {high} %).",
                _percent(figures.missed),
            )
        )
    if _rest(figures.inside):
        will_not.append(
            Sentence(
                "Anything about faces outside the count area: {share} % of those in the picture.",
                {"share": _rest(figures.inside)},
            )
        )
    if figures.sharp is not None and 1 - figures.sharp >= WORTH_A_WORD:
        will_not.append(
            Sentence(
                "The same at all times: in {share} % of the seconds the picture was less sharp. Is the camera fixed?",
                {"share": round(100 * (1 - figures.sharp))},
            )
        )
    return will, will_not


def _facing(figures: Figures, config: Config, will: list[Sentence], will_not: list[Sentence]) -> None:
    least = config.privacy.min_faces
    if few(figures.judged, least) or figures.front is None:
        will_not.append(
            Sentence(
                "How many faces are turned to the front: fewer than {least} are {limit} px high or more.",
                {"least": least, "limit": config.vision.min_face_px},
            )
        )
        return
    will.append(
        Sentence(
            "How many faces are turned to the front: {share} % here, between {low} and {high} %. "
            "Of those who are, about {lost} % are taken for turned away ({lost_low} to {lost_high} %).",
            {
                **_percent(figures.front),
                "lost": round(100 * (1 - FRONT_KEPT.share)),
                "lost_low": round(100 * (1 - FRONT_KEPT.high)),
                "lost_high": round(100 * (1 - FRONT_KEPT.low)),
            },
        )
    )


def _emotions(figures: Figures, config: Config, will: list[Sentence], will_not: list[Sentence]) -> None:
    least = config.privacy.min_faces
    if figures.named is None or few(figures.named, least):
        will_not.append(
            Sentence(
                "Expressions: fewer than {least} faces at a time are large enough, well lit and turned to the front.",
                {"least": least},
            )
        )
    elif _as_measured(config.vision):
        will.append(
            Sentence(
                "The expressions of about {faces} faces at a time. Of those that people call neutral or happy, "
                "{right} % were named rightly ({low} to {high} %).",
                {
                    "faces": round(figures.named.mean),
                    "right": round(100 * RIGHT.share),
                    "low": round(100 * RIGHT.low),
                    "high": round(100 * RIGHT.high),
                },
            )
        )
    else:
        will.append(
            Sentence(
                "The expressions of about {faces} faces at a time; how rightly, was not measured with these settings.",
                {"faces": round(figures.named.mean)},
            )
        )
    if _rest(figures.large):
        will_not.append(
            Sentence(
                "Expressions of the back rows: {share} % of the faces are less than {limit} px high.",
                {"share": _rest(figures.large), "limit": config.vision.min_face_px},
            )
        )
    if _rest(figures.lit):
        will_not.append(
            Sentence(
                "Expressions in poor light: {share} % of the faces are too dark or too bright.",
                {"share": _rest(figures.lit)},
            )
        )
    will_not.append(
        Sentence(
            "How often somebody is angry, disgusted, afraid, sad or surprised: such faces were too rare in the "
            "benchmark to know how many are found."
        )
    )
    will_not.append(Sentence("What anybody feels, or whether they pay attention: a face does not show that."))


def _rest(share: Range | None) -> int:
    """Percent that are missing from a share; 0 where they are not worth a word."""
    return round(100 * (1 - share.mean)) if share is not None and 1 - share.mean >= WORTH_A_WORD else 0


def _expected(figures: Figures, config: Config) -> dict[str, Any]:
    real = FACES[config.vision.detect_width]
    found: dict[str, Any] = {
        "missed": _as_json(figures.missed),
        "no_face": _complement(real),
        "lost_front": _complement(FRONT_KEPT) if "pose" in config.needed_models else None,
        "right": None,
        "wrong_strong": None,
    }
    if "emotions" in config.needed_models and _as_measured(config.vision):
        found |= {name: _as_json(_spread(of)) for name, of in (("right", RIGHT), ("wrong_strong", WRONG_STRONG))}
    return found


def _as_measured(vision: VisionConfig) -> bool:
    """Whether emotions are named as they were in the benchmark."""
    usual = VisionConfig()
    keys = ("pose", "min_confidence", "emotions_model", "emotions_output")
    return all(getattr(vision, key) == getattr(usual, key) for key in keys)


def _spread(of: Proportion) -> Range:
    return Range(of.share, of.low, of.high)


def _complement(of: Proportion) -> dict[str, float] | None:
    return _as_json(Range(1 - of.share, 1 - of.high, 1 - of.low))


def _as_json(each: Range | None) -> dict[str, float] | None:
    return None if each is None else {name: round(value, 3) for name, value in each._asdict().items()}


def _percent(each: Range) -> dict[str, int]:
    return {"share": round(100 * each.mean), "low": round(100 * each.low), "high": round(100 * each.high)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
