"""What a technician asks of the server: how the machines of all rooms are, and which version runs how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from edge.reporting.machine_report import versions
from edge.web.dashboard.past import NO_STORE
from edge.web.shared import COMPRESSED
from edge.web.visitors import visitor_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from edge.web.dashboard.school import School


def machine_routes(school: School) -> list[BaseRoute]:
    """The routes; `school` is what is known of the rooms."""

    async def machines(request: Request) -> Response:
        visitor = visitor_of(request)
        shown = [each for each in school.machines() if visitor.may_see_machines(each.name)]
        answer = {
            "rooms": [each.as_json() for each in shown],
            "versions": [each._asdict() for each in versions(shown)],
        }
        return JSONResponse(answer, headers=NO_STORE)

    return [Route("/api/machines", machines, middleware=COMPRESSED)]
