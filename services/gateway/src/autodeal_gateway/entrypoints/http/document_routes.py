"""The platform's API document, and a page to read it that needs nothing from elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

REVALIDATED: Final = "public, max-age=60, must-revalidate"
_NOT_MODIFIED: Final = 304

PAGE_SECURITY: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""The page runs its own script and talks to its own gateway; nothing else is needed or allowed."""


@dataclass(frozen=True)
class Document:
    """A file that is the same for everybody and as long as the process lives."""

    content: bytes
    media_type: str

    @property
    def etag(self) -> str:
        """Return a name for exactly this content."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


def read_document(path: str, media_type: str) -> Document:
    """Read a file of this package, given by its path in it."""
    return Document(files("autodeal_gateway").joinpath(path).read_bytes(), media_type)


def document_routes() -> list[HTTPRouteHandler]:
    """Return the routes of the document and of the page."""
    folder = "entrypoints/http/page"
    return [
        _route("/openapi.json", read_document("openapi.json", "application/json")),
        _route("/docs", read_document(f"{folder}/page.html", "text/html")),
        _route("/docs/page.css", read_document(f"{folder}/page.css", "text/css")),
        _route("/docs/page.js", read_document(f"{folder}/page.js", "text/javascript")),
    ]


def _route(path: str, document: Document) -> HTTPRouteHandler:
    headers = {"etag": document.etag, "cache-control": REVALIDATED, **PAGE_SECURITY}

    @get(path, include_in_schema=False)
    async def show(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return the file, or 304 to who has it already."""
        known = request.headers.get("if-none-match", "")
        if known == "*" or document.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
            return Response(b"", status_code=_NOT_MODIFIED, headers=headers, media_type=document.media_type)
        return Response(document.content, headers=headers, media_type=document.media_type)

    return show
