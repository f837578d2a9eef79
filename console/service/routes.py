"""What is served of help for firms."""

from typing import Final

from wattwarden.alarms.acting.roles import CITY_WIDE, OFFICERS
from wattwarden.alarms.acting.scope import Read
from wattwarden.alarms.service.bodies import OF_FIRMS, Deed
from wattwarden.console.routes import Only, Right, Route
from wattwarden.console.service import documents, guidance, own, requests

_REQUEST: Final = "/assistance/{assistance}"
_DOCUMENT: Final = "/documents/{document}"

ROUTES: Final = (
    Route("GET", "/assistance", requests.show_requests, Read.REQUESTS, "requests"),
    Route("POST", "/assistance", requests.ask, Right("assistance"), "ask_for_help"),
    Route("GET", _REQUEST, requests.show_request, Read.REQUESTS, "request"),
    *(
        Route(
            "POST",
            f"{_REQUEST}/{deed.value}",
            requests.step,
            Right("assistance" if deed in OF_FIRMS else "assistance.serve"),
            f"request_{deed.value}",
        )
        for deed in Deed
    ),
    Route("GET", "/guidance", guidance.show_guidance, Only(OFFICERS | CITY_WIDE), "guidance"),
    Route("POST", "/guidance/training", guidance.enter_training, Right("training"), "training"),
    Route(
        "POST",
        "/guidance/round-table",
        guidance.enter_round_table,
        Right("round_table"),
        "round_table",
    ),
    Route("POST", "/guidance/solution", guidance.enter_solution, Right("solution"), "solution"),
    Route("POST", "/guidance/reminder", guidance.remind, Right("reminder"), "remind"),
    Route(
        "GET", "/enterprises/{enterprise}/help", guidance.show_help, Read.WEAK_POINTS, "firm_help"
    ),
    Route(
        "POST",
        "/reminders/{reminder}/read",
        own.read_reminder,
        Right("reminder_read"),
        "read_reminder",
    ),
    Route("GET", "/documents", documents.show_documents, Read.DOCUMENTS, "documents"),
    Route("GET", "/documents/new", documents.ask_to_publish, Right("document"), "new_document"),
    Route(
        "POST",
        "/documents",
        documents.publish_document,
        Right("document"),
        "publish_document",
        documents.UPLOAD_BYTES,
    ),
    Route("GET", _DOCUMENT, documents.show_document, Read.DOCUMENTS, "document"),
    Route("GET", f"{_DOCUMENT}/text", documents.fetch_text, Read.DOCUMENTS, "document_text"),
    Route(
        "GET",
        f"{_DOCUMENT}/files/{{file}}",
        documents.fetch_paper,
        Read.DOCUMENTS,
        "document_paper",
    ),
    Route(
        "POST",
        f"{_DOCUMENT}/withdraw",
        documents.withdraw_document,
        Right("document"),
        "withdraw_document",
    ),
)
