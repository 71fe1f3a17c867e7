"""What a page asks about lessons: the rooms and lessons of a day, and one lesson in sentences and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from edge.web.dashboard.past import Past


def lesson_routes(past: Past | None) -> list[BaseRoute]:
    """The routes; none without a recording."""
    del past
    return []
