"""How a language says sentences, names of expressions, shares, numbers, dates and lengths of time, for files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime

from babel.dates import format_date
from babel.numbers import format_decimal

from edge.contract.labels import adjective
from edge.languages.catalogue import ENGLISH, Value, translate
from edge.text import Sentence, printable

NO_BREAK = "\N{NO-BREAK SPACE}"
EXPRESSIONS = {
    "happy": Sentence("happy"), "surprised": Sentence("surprised"), "neutral": Sentence("neutral"),
    "sad": Sentence("sad"), "afraid": Sentence("afraid"), "disgusted": Sentence("disgusted"),
    "angry": Sentence("angry"), "unknown": Sentence("unknown"), "other": Sentence("other"),
}  # fmt: skip
LONGEST_LABEL = 16  # characters


@dataclass(frozen=True)
class Words:
    """All that a report says, in one language.

    Args:
        language: One of `edge.languages.catalogue.available`.
    """

    language: str = ENGLISH

    def translate(self, text: str, **values: Value) -> str:
        """A text, which must be a literal; a number and its sign stay on one line."""
        return translate(text, self.language, **values).replace(" %", f"{NO_BREAK}%")

    def say(self, sentence: Sentence) -> str:
        """A sentence; of its values `expression...` are names of expressions."""
        values = {
            name: self._expression(str(value)) if name.startswith("expression") else value
            for name, value in sentence.values.items()
        }
        return translate(sentence.template, self.language, **values).replace(" %", f"{NO_BREAK}%")

    def label(self, name: str, longest: int = LONGEST_LABEL) -> str:
        """What people read for a label: an adjective, short and printable; a foreign one stays as it is."""
        return printable(self._expression(adjective(name)), longest)

    def _expression(self, word: str) -> str:
        known = EXPRESSIONS.get(word)
        return translate(known.template, self.language) if known else word

    def percent(self, share: float) -> str:
        """A share, 0..1, rounded half up as everywhere; what is there is never called nothing."""
        if 0 < share < 0.005:
            return f"<{NO_BREAK}1{NO_BREAK}%"
        return f"{math.floor(100 * share + 0.5)}{NO_BREAK}%"

    def share_range(self, low: float, high: float) -> str:
        """Two shares, with one sign: 55 to 85 %. Rounded outward: an interval never becomes narrower by being told."""
        first, last = math.floor(100 * low + 1e-9), math.ceil(100 * high - 1e-9)
        return self.translate("{low} to {high} %", low=first, high=last)

    def number(self, value: float, digits: int = 0) -> str:
        """A number with so many digits behind the point."""
        return str(format_decimal(value, "#,##0" + ("." + digits * "0" if digits else ""), locale=self.language))

    def day(self, day: date) -> str:
        """Monday, 16 November 2026."""
        return self._date(day, self.translate("EEEE, d MMMM y"))

    def long_date(self, day: date) -> str:
        """16 November 2026."""
        return self._date(day, self.translate("d MMMM y"))

    def month_day(self, day: date) -> str:
        """16 November."""
        return self._date(day, self.translate("d MMMM"))

    def short_day(self, day: date) -> str:
        """Mon 16 Nov."""
        return self._date(day, self.translate("EEE d MMM"))

    def short_date(self, day: date) -> str:
        """16 Nov."""
        return self._date(day, self.translate("d MMM"))

    def weekday(self, day: date) -> str:
        """Mon."""
        return self._date(day, "ccc")

    def moment(self, moment: datetime) -> str:
        """16 November 2026, 08:00."""
        return f"{self.long_date(moment)}, {moment:%H:%M}"

    def length(self, seconds: float) -> str:
        """A time span."""
        if seconds < 60:
            return f"{seconds:.0f}{NO_BREAK}s"
        minutes = round(seconds / 60)
        if minutes < 60:
            return f"{minutes}{NO_BREAK}min"
        return f"{self.number(minutes // 60)}{NO_BREAK}h {minutes % 60:02}{NO_BREAK}min"

    def _date(self, day: date, pattern: str) -> str:
        return str(format_date(day, pattern, locale=self.language))
