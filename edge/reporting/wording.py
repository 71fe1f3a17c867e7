"""What a report says in words: figures, tables, and what limits their worth. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

from edge import __version__
from edge.contract.shares import ShareRange, front_share
from edge.languages.words import Words
from edge.reporting.cause_words import reason_in_words
from edge.reporting.comparison_sentences import MAY_BE_EQUAL, may_be_equal
from edge.reporting.gaps import WORDS, Gap
from edge.reporting.intervals import interval
from edge.reporting.lesson_report import LONGEST, may_have_changed, report_lesson
from edge.reporting.lesson_sentences import SUREST, limits, two_devices
from edge.reporting.lesson_statistics import LEAST_FACES
from edge.reporting.missing_words import in_part_missing, missing_text
from edge.reporting.period import Period
from edge.reporting.report_data import ReportData
from edge.text import Sentence

ESTIMATE = Sentence(
    "The estimate is corrected for what the classifier is known to confuse. It is the mean over the measurements, "
    "weighted by named faces. Its interval is no narrower than the mean of their 90 % intervals, nor than so few faces "
    "allow: many measurements show the same faces, and the classifier errs in the same way in all of them."
)
COUNTS = Sentence(
    "The shares are plain counts over the faces with an emotion, since most measurements have no estimate. They are "
    "not corrected: a room that is mostly neutral looks sadder in them than it is."
)
OBSERVATION = Sentence(
    "An observation is one face in one analysed frame, not a person: who sits there for an hour is observed thousands "
    "of times. The column “people” is the mean number in a frame."
)
NOTHING = "-"
MOST_GAPS = 60
LEAST_GAP = timedelta(seconds=1)


def period_text(period: Period, words: Words) -> str:
    """The period of a report as its title has it."""
    first, last = period.start.date(), period.last_moment.date()
    if period.end - period.start == timedelta(days=1) and first == last:
        return words.day(first)
    if (period.start.time(), period.end.time()) == (time(), time()):
        return words.translate("{first} to {last}", first=words.month_day(first), last=words.long_date(last))
    if first == last:
        name = f"{period.name}, " if period.name else ""
        begin, end = f"{period.start:%H:%M}", f"{period.end:%H:%M}"
        return f"{name}{words.day(first)}, " + words.translate("{first} to {last}", first=begin, last=end)
    return words.translate("{first} to {last}", first=words.moment(period.start), last=words.moment(period.end))


def made(zone: tzinfo, now: datetime, words: Words) -> str:
    """When a report was made, and by which clock its times are."""
    moment, name = words.moment(now.astimezone(zone)), str(getattr(zone, "key", None) or now.astimezone(zone).tzname())
    when = words.translate("Made on {moment} with edge {version}.", moment=moment, version=__version__)
    where = words.translate("Times are in {zone}.", zone=name)
    return f"{when} {where}"


def story(report: ReportData) -> list[Sentence]:
    """How a lesson was and when it changed, in two or three sentences; none of what is longer than a school day."""
    return report_lesson(report).sentences(report.earlier)


def figures(report: ReportData, words: Words) -> list[tuple[str, str]]:
    """The main figures, each with its name."""
    totals = report.totals
    front = front_share(totals.facing)
    least, most = totals.least, totals.most
    found: list[tuple[str, str | None]] = [
        (words.translate("faces on average"), None if totals.mean is None else words.number(totals.mean, 1)),
        (
            words.translate("fewest to most"),
            None if least is None or most is None else words.translate("{first} to {last}", first=least, last=most),
        ),
        *([(words.translate("turned to the front"), words.percent(front))] if front is not None else []),
        (words.translate("recorded"), words.length(totals.covered)),
        (words.translate("coverage"), words.percent(totals.analysed / totals.recorded) if totals.recorded else None),
        (words.translate("measurements"), words.number(totals.windows)),
        (words.translate("measurements without figures"), words.number(totals.withheld)),
        (words.translate("missing"), missing_text(totals, words)),
        (words.translate("sent late"), words.number(totals.replayed)),
    ]
    return [(name, NOTHING if value is None else value) for name, value in found]


def emotions(report: ReportData, words: Words) -> list[tuple[str, ...]]:
    """Rows of the table: emotion, estimated share, its interval, share of counts, observations, people on average."""
    totals, counted = report.totals, report.totals.shares_by("counts")
    ranges = estimates(report)
    found: list[tuple[str, ...]] = []
    for name in totals.counts:
        each = ranges.get(name)
        found.append(
            (
                words.label(name, 40),
                words.percent(each.share) if each else NOTHING,
                words.share_range(each.low or 0, each.high or 0) if each else NOTHING,
                words.percent(counted[name].share) if name in counted else NOTHING,
                words.number(totals.counts[name]),
                words.number(totals.counts[name] / frames, 2) if (frames := totals.bases[name].frames) else NOTHING,
            )
        )
    return found


def estimates(report: ReportData) -> dict[str, ShareRange]:
    """Estimated shares with the intervals that sentences tell; of what these do not tell, for so many faces."""
    totals, told = report.totals, {}
    if report.period.end - report.period.start <= LONGEST:
        told = report.summary.expressions if report.summary.basis == "estimate" else {}
    found = {}
    for name, each in totals.estimate.items():
        if figure := told.get(name):
            found[name] = ShareRange(figure.value, figure.low, figure.high)
        else:
            base = totals.bases.get(name)
            people = base.named / base.frames if base and base.named and base.frames else LEAST_FACES
            found[name] = ShareRange(each.share, *interval(each, people, people))
    return found


def emotions_head(words: Words) -> tuple[str, ...]:
    """Its columns."""
    return (
        words.translate("emotion"), words.translate("estimate"), words.translate("90 % interval"),
        words.translate("counted"), words.translate("observations"), words.translate("people"),
    )  # fmt: skip


def outages(report: ReportData, words: Words) -> list[tuple[str, ...]]:
    """Rows of the table of times without figures: from, to, how long, why; the longest where there are too many."""
    zone, single = report.period.zone, report.period.single
    longest = sorted(_told_gaps(report), key=lambda gap: gap.start - gap.end)[:MOST_GAPS]
    found = []
    for gap in sorted(longest, key=lambda gap: gap.start):
        first, last = gap.start.astimezone(zone), gap.end.astimezone(zone)
        times = [f"{each:%H:%M:%S}" if single else f"{words.short_day(each)} {each:%H:%M}" for each in (first, last)]
        found.append((*times, words.length((gap.end - gap.start).total_seconds()), reason(gap, words)))
    return found


def _told_gaps(report: ReportData) -> list[Gap]:
    """Those that have a row, where there is room for all."""
    return [gap for gap in report.gaps if gap.missing or gap.end - gap.start >= LEAST_GAP]


def outages_head(words: Words) -> tuple[str, ...]:
    """Its columns."""
    return words.translate("from"), words.translate("to"), words.translate("length"), words.translate("why")


def reason(gap: Gap, words: Words) -> str:
    """Why there are no figures, with what the device said of it."""
    said = words.say(WORDS[gap.kind])
    if gap.kind == "off" and gap.missing:
        return words.translate("{reason}, measurements missing: {n}", reason=said, n=gap.missing)
    if gap.missing:
        return f"{said}: {words.number(gap.missing)}"
    detail = "; ".join(part if isinstance(part, str) else words.say(part) for part in reason_in_words(gap.detail))
    if gap.detail.startswith(WORDS[gap.kind].template):  # "paused by the schedule" says both
        return detail
    return f"{said}: {detail}" if detail else said


def notes(report: ReportData, words: Words) -> list[str]:
    """What limits the worth of the figures."""
    totals = report.totals
    unestimated = totals.emotional - totals.estimated if report.basis == "estimate" else 0
    unseen = sum(window.reason == "unseen" for window in report.windows)
    few = totals.withheld - totals.too_short - unseen
    compared = report.earlier.comparison if report.earlier else None
    gaps = len(_told_gaps(report))
    unnamed = words.percent(totals.unknown / max(1, totals.unknown + totals.named))
    found = [
        (report.basis == "estimate", ESTIMATE),
        (
            unestimated,
            Sentence(
                "Measurements without an estimate, which are not in these shares: {n} of {all}.",
                {"n": unestimated, "all": totals.emotional},
            ),
        ),
        (report.basis == "counts", COUNTS),
        (report.basis, OBSERVATION),
        (may_have_changed(report) and not report.goes_on, SUREST),
        (report.period.end - report.period.start <= LONGEST and may_be_equal(compared), MAY_BE_EQUAL),
        (
            totals.headcounts < totals.windows and totals.headcounts,
            Sentence("Measurements in which expressions were not measured: {n}.", {"n": totals.headcounts}),
        ),
        (few, Sentence("Measurements with too few people, whose figures are withheld: {n}.", {"n": few})),
        (
            totals.too_short,
            Sentence("Measurements that were too short, whose figures are withheld: {n}.", {"n": totals.too_short}),
        ),
        (
            totals.emotions_withheld,
            Sentence(
                "Measurements with figures, of which only the expressions are withheld, as too few people were near "
                "enough or turned to the front: {n}.",
                {"n": totals.emotions_withheld},
            ),
        ),
        (totals.unknown and report.basis, Sentence("{share} of the faces have no named emotion.", {"share": unnamed})),
        (
            totals.missing,
            Sentence("Measurements that are not here, lost or still to come: {n}.", {"n": totals.missing}),
        ),
        *((True, each) for each in in_part_missing(totals, report.period.zone, words.moment)),
        (
            totals.replayed,
            Sentence("Measurements that came late, after an outage, and are complete: {n}.", {"n": totals.replayed}),
        ),
        # Of what is shorter the first sentence says so.
        (
            totals.mixed and report.period.end - report.period.start > LONGEST,
            two_devices(report.device, totals.overlapping),
        ),
        *((True, each) for each in limits(totals, report.round_to)),
        (
            gaps > MOST_GAPS,
            Sentence(
                "The table shows the {n} longest of {all} times without figures.",
                {"n": MOST_GAPS, "all": gaps},
            ),
        ),
    ]
    return [words.say(text) for holds, text in found if holds]


def outage_summary(report: ReportData, words: Words) -> str:
    """How much time had no figures for which reason, in one line."""
    sums: dict[str, float] = {}
    for gap in report.gaps:
        if gap.kind not in ("nothing", "unrecorded"):
            sums[gap.kind] = sums.get(gap.kind, 0.0) + (gap.end - gap.start).total_seconds()
    return ", ".join(
        f"{words.say(WORDS[kind])} {words.length(seconds)}"
        for kind, seconds in sorted(sums.items(), key=lambda x: -x[1])
    )
