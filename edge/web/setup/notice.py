"""The notice to hang beside the camera: a page to print, with the facts of this room, and blanks for all the rest."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from babel import Locale
from babel.lists import format_list

from edge.config.schema import Config, PauseTime
from edge.languages import catalogue
from edge.languages.catalogue import ENGLISH, Value
from edge.timing.schedule import DAYS

STYLE = """
  @page { size: A4; margin: 11mm 18mm; }
  body { font: 10.6pt/1.3 "Liberation Sans", Arial, Helvetica, sans-serif; color: #111; background: #fff;
    margin: 0 auto; max-width: 180mm; padding: 2mm; }
  h1 { font-size: 24pt; line-height: 1.1; margin: 0 0 2mm; }
  .lead { font-size: 13pt; margin: 0 0 3mm; }
  h2 { font-size: 12pt; margin: 3.2mm 0 1mm; }
  p { margin: 0 0 1.2mm; }
  ul { margin: 0; padding-left: 6mm; }
  li { margin: 0 0 0.9mm; }
  .two { display: grid; grid-template-columns: 1fr 1fr; gap: 0 9mm; }
  .who { border: 1.5pt solid #111; border-radius: 2mm; padding: 3mm 5mm; margin-top: 5mm; }
  .who, .two > div { break-inside: avoid; }
  .fill { background: #eee; border-bottom: 0.8pt dashed #555; padding: 0 1mm; }
  .hint { background: #fff3d6; padding: 2mm 4mm; margin-bottom: 4mm; }
  .choice { list-style: none; padding: 0; }
  .choice label { display: flex; gap: 2mm; align-items: baseline; background: #eee; padding: 0.6mm 1mm; }
  .choice input { flex: none; margin: 0; }
  @media print {
    .hint, .choice:has(:checked) li:not(:has(:checked)), .choice :checked { display: none; }
    .choice:has(:checked) { list-style: disc; padding-left: 6mm; }
    .choice label:has(:checked) { display: inline; background: none; padding: 0; }
  }
  svg { float: right; width: 25mm; margin: 0 0 3mm 6mm; }
  small { display: block; margin-top: 3mm; font-size: 9.5pt; color: #444; }
"""
BLANK = '<span class="fill" role="textbox" contenteditable="true" aria-label="{name}">[{name}]</span>'
CAMERA = """<svg viewBox="0 0 64 64" aria-hidden="true">
  <rect x="4" y="16" width="42" height="32" rx="5" fill="none" stroke="#111" stroke-width="4"/>
  <path d="M46 28 60 20v24l-14-8z" fill="#111"/>
  <circle cx="25" cy="32" r="8" fill="none" stroke="#111" stroke-width="4"/>
</svg>"""


def notice(config: Config, language: str = ENGLISH) -> str:
    """The page, complete with its style: nothing is loaded.

    Args:
        config: The room's configuration. What it leaves open is a marked blank to fill in by hand.
        language: A tag, or a list of them; English where there is none of these.

    Returns:
        HTML; everything from the configuration is escaped.
    """
    language = catalogue.choose(language)

    def translate(text: str, **html: Value) -> str:
        """A text as HTML; what is put in is HTML already."""
        return catalogue.fill(escape(catalogue.translate(text, language)), language, html)

    def blank(given: str, name: str) -> str:
        """What the configuration says, or a blank with its name."""
        return f"<b>{escape(given)}</b>" if given.strip() else BLANK.format(name=name)

    emotions, facing = config.mode == "emotions", config.mode == "facing"
    lead = (
        translate(
            "It counts how many faces look happy, neutral, sad and so on, and sends numbers about the whole room."
        )
        if emotions
        else translate(
            "It counts faces, and how many of them are turned to the front. It sends numbers about the room."
        )
        if facing
        else translate("It counts faces, and sends how many there are.")
    )
    finds = (
        translate("It finds faces, judges which are turned to the camera, and guesses the expression of each of those.")
        if emotions
        else translate("It finds faces, and judges which are turned to the camera.")
        if facing
        else translate("It finds faces and counts them. It looks at no expressions.")
    )
    pauses = [_pause(each, language) for each in config.privacy.schedule]
    closed = (
        translate("The camera is closed at these times: {times}.", times=_tag("b", "; ".join(pauses)))
        if pauses
        else translate("The camera has no times at which it is closed by itself.")
    )
    evidence = (
        translate(
            "Its numbers must not be used to grade, judge or discipline anyone: an expression is weak evidence of "
            "a feeling, and the guess is often wrong."
        )
        if emotions
        else translate("Its numbers must not be used to grade, judge or discipline anyone.")
    )
    law = (
        translate(
            "In the European Union, inferring the emotions of people in schools and at work is forbidden, except "
            "for medical or safety reasons (AI Act, Article 5(1)(f)). If you think that this camera breaks the "
            "rule, tell the persons above or the authority."
        )
        if emotions
        else translate("If you think that this camera breaks a rule, tell the persons above or the authority.")
    )
    masked = (
        [translate("It does not see what is masked: these parts of the picture are black before it looks.")]
        if config.camera.masks
        else []
    )
    # Before the sentences that hold them: a text within the brackets of another is not found by those who translate.
    how = blank("", translate("the switch beside the door, or ask the teacher"))
    purpose, date = blank("", translate("purpose")), blank("", translate("date"))
    basis = blank(config.deployment.legal_basis, translate("legal basis"))
    seats, authority = blank("", translate("seats")), blank("", translate("the data protection authority"))
    whom, time = blank("", translate("who sees them")), blank("", translate("time"))
    body = [
        _tag(
            "p class=hint",
            translate(
                "Fill in the grey parts by clicking on them, choose one of the two lines with a circle, then print "
                "this page. Only the line that you chose is printed, or both where you chose none."
            ),
        ),
        CAMERA,
        _tag("h1", translate("A camera counts faces in this room")),
        _tag("p class=lead", lead, " ", translate("It stores no pictures and does not know who anyone is.")),
        "<div class=two><div>",
        _tag("h2", translate("What it does")),
        _points(
            finds,
            translate("Every {seconds} seconds it sends totals.", seconds=config.window.seconds),
            translate(
                "With fewer than {people} people in view it sends no such numbers.", people=config.privacy.min_faces
            ),
        ),
        "</div><div>",
        _tag("h2", translate("What it does not do")),
        _points(
            translate("It stores and sends no picture, video or sound."),
            translate("It recognises nobody, and compares nobody with anybody else."),
            evidence,
            *masked,
        ),
        "</div></div>",
        _tag("h2", translate("When it is off")),
        _tag(
            "p",
            closed,
            " ",
            translate(
                "The person in charge of the room can close it at any time: {how}. You may ask for this without giving "
                "a reason.",
                how=how,
            ),
        ),
        _tag("h2", translate("Your choice and your rights")),
        _points(
            translate(
                "Purpose: {purpose}. It runs until {date}. Legal basis: {basis}.",
                purpose=purpose,
                date=date,
                basis=basis,
            ),
            translate("Seats outside the view of the camera: {seats}.", seats=seats),
            translate(
                "You may ask which of your data are processed, and for their correction, deletion or restriction. You "
                "may complain to {authority}.",
                authority=authority,
            ),
            translate(
                "The numbers are sent to {whom} and are deleted after {time}.",
                whom=whom,
                time=time,
            ),
        ),
        # The legal basis is free text, so only whoever fills in the notice knows which of the two holds.
        _choice(
            translate(
                "The legal basis is consent. Taking part is voluntary: you, or your parents, may refuse or withdraw "
                "consent at any time, without any disadvantage."
            ),
            translate(
                "The legal basis is not consent, so nobody is asked for it. For reasons of your own situation you may "
                "object, where the law gives this right."
            ),
        ),
        "<div class=who>",
        _tag(
            "p",
            _tag("b", translate("Responsible:")),
            " ",
            blank(config.deployment.responsible, translate("name, office, phone, e-mail")),
        ),
        _tag("p", _tag("b", translate("Data protection officer:")), " ", blank("", translate("name, e-mail"))),
        _tag(
            "p",
            translate(
                "Details, and how to check them yourself: docs/privacy.md of the project “edge”. This device is called "
                "{name}.",
                name=_tag("b", escape(config.device.name)),
            ),
        ),
        "</div>",
        _tag("p", _tag("small", law)),
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        _tag("title", translate("This room counts faces")),
        _tag("style", STYLE),
    )
    parts = [
        f'<!doctype html>\n<html lang="{language}">\n<head>',
        *head,
        "</head>\n<body>",
        *body,
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _tag(opening: str, *parts: str) -> str:
    return f"<{opening}>{''.join(parts)}</{opening.partition(' ')[0]}>"


def _points(*lines: str) -> str:
    return _tag("ul", *(_tag("li", line) for line in lines))


def _choice(*lines: str) -> str:
    """Lines of which one holds, and is printed alone once it is chosen; all are printed, with a circle each, before."""
    circle = '<label><input type="radio" name="choice">'
    return _tag("ul class=choice", *(_tag("li", f"{circle}<span>{line}</span></label>") for line in lines))


def _pause(pause: PauseTime, language: str) -> str:
    """A line of the schedule in words; safe as HTML, as it is made of names of days and times only."""
    if len(set(pause.days)) == len(DAYS):
        days = catalogue.translate("every day", language)
    else:
        names = Locale.parse(language, sep="-").days["format"]["abbreviated"]
        days = format_list([names[index] for index in _indices(pause.days)], locale=language.replace("-", "_"))
    if pause.begin == pause.end:
        return catalogue.translate("{days} from {from}, for 24 hours", language, days=days, **{"from": pause.begin})
    return catalogue.translate("{days} {from} to {to}", language, days=days, to=pause.end, **{"from": pause.begin})


def _indices(days: Sequence[str]) -> list[int]:
    return [index for index, name in enumerate(DAYS) if name in days]
