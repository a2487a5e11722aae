"""Forms in, errors out: what was sent is read within bounds, and what goes wrong becomes a page."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from safety.errors import ConfigError, SafetyError
from safety.monitor.desk import Answer, NotAllowed, NotThere, Page
from safety.monitor.guarded import ROOT

MAX_FORM = 512 * 1024  # bytes
MAX_FIELDS = 50

FORM_TOO_OLD = (
    "This form is no longer valid: it was made before you signed in, or before a restart. Go back, reload the"
    " page and send it again. Nothing was changed."
)
_TITLES = {
    400: ("That cannot be asked", "The address holds something this page does not understand."),
    401: ("Sign in", "Sign in to look at the record."),
    403: ("Not allowed", "You may not do that."),
    404: ("Not found", "There is nothing at this address."),
    405: ("Not that way", "This address cannot be used like that."),
    413: ("Too much", "What was sent is too long."),
    503: ("The record cannot be read", "Nothing can be shown from it right now."),
}
_ELSE = ("Something went wrong", "The dashboard could not make this page. Its log says why.")


async def read_form(request: Request) -> dict[str, str]:
    """What a form sent; the last value where a name comes twice. 413 beyond ``MAX_FORM`` bytes."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            raise HTTPException(413)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPException(400) from None
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def attempted(make: Callable[[], Answer]) -> Answer:
    """What ``make`` returns, or the page that says why it could not."""
    try:
        return make()
    except NotThere as error:
        return error_page(404, str(error))
    except NotAllowed as error:
        return error_page(403, str(error))
    except ConfigError as error:
        return error_page(400, str(error))
    except SafetyError as error:
        return error_page(503, str(error))
    except SQLAlchemyError as error:
        return error_page(503, str(getattr(error, "orig", None) or error))


def error_page(status: int, why: str = "") -> Page:
    """The page for an error. ``why`` is said in place of what is usually meant."""
    title, usual = _TITLES.get(status, _ELSE)
    return Page("error.html", title, values={"status": status, "why": why or usual}, status=status)


def back_to(address: str) -> str:
    """``address`` where it is one of the dashboard's own pages, else the first page."""
    ours = address == ROOT or address.startswith((f"{ROOT}/", f"{ROOT}?"))
    return address if ours and "\\" not in address and address.isprintable() else ROOT
