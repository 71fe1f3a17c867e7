"""What a technician asks of the server: how the machines of all rooms are, and which version runs how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edge.errors import EdgeError
from edge.reporting.machine_report import versions
from edge.web.dashboard.past import NO_STORE, sentence_of
from edge.web.packed import Packed, PackedResponse, pack_json
from edge.web.visitors import visitor_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from edge.web.dashboard.questions import Questions
    from edge.web.dashboard.school import School

KEPT = 1.0  # seconds that an answer is kept while no message comes: it tells how long ago something was


def machine_routes(school: School, questions: Questions) -> list[BaseRoute]:
    """The routes.

    Args:
        school: What is known of the rooms.
        questions: Where answers are written out.
    """

    async def machines(request: Request) -> Response:
        visitor = visitor_of(request)

        def shown() -> Callable[[], Packed]:
            # Looked at here, where messages are taken; written out there.
            reports = [each for each in school.machines() if visitor.may_see_machines(each.name)]
            return lambda: pack_json(
                {
                    "rooms": [each.as_json() for each in reports],
                    "versions": [each._asdict() for each in versions(reports)],
                }
            )

        key = ("machines", visitor.role, visitor.rooms)
        try:
            answer = await questions.ask(request, shown, key, KEPT, school.changes)
        except EdgeError as error:
            return sentence_of(error)
        return PackedResponse(request, answer, NO_STORE)

    return [Route("/api/machines", machines)]
