"""A text that must not be shown: passwords, access tokens, signing keys."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

HIDDEN = "***"

_log = logging.getLogger(__name__)


class Secret:
    """Holds a text and gives it away only when asked by `reveal()`.

    Printing, formatting, logging or comparing with a plain string never shows what is inside. Whoever
    uses a secret asks for it at each use and keeps no copy: a `FileSecret` changes while the process runs.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one call that needs it."""
        return self._text

    def __str__(self) -> str:
        return HIDDEN

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    def __format__(self, format_spec: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.reveal()

    def __hash__(self) -> int:
        return hash((Secret, self._text))


class FileSecret(Secret):
    """A secret that a file holds, read again whenever the file has changed.

    Each use costs one look at the file's status, a few microseconds. A `required` secret whose file is
    away or empty for a moment stays what it was; an optional one is empty for as long as its file is.
    Line ends at the end of the file do not belong to the secret.
    """

    __slots__ = ("_path", "_required", "_seen")

    def __init__(self, path: Path, *, required: bool = True) -> None:
        """Raise OSError or UnicodeDecodeError when the file cannot be read, ValueError when it is empty.

        Only if the secret is required: an optional one may appear later.
        """
        super().__init__("")
        self._path = path
        self._required = required
        self._seen: tuple[int, int, int] | None = None
        if required:
            self._seen = self._stamp()
            self._text = self._read()
            if not self._text:
                raise ValueError("the file is empty")

    def reveal(self) -> str:
        """Return what the file holds now."""
        stamp = None
        with contextlib.suppress(OSError):
            stamp = self._stamp()
        if stamp != self._seen:
            self._take(stamp)
        return self._text

    def __hash__(self) -> int:
        return hash((FileSecret, self._path))

    def _take(self, stamp: tuple[int, int, int] | None) -> None:
        text = ""
        if stamp is not None:
            try:
                text = self._read()
            except (OSError, UnicodeDecodeError):
                return
        self._seen = stamp
        if text or not self._required:
            self._text = text
            _log.info("secret.reread path=%s", self._path)
        else:
            _log.warning("secret.missing path=%s", self._path)

    def _stamp(self) -> tuple[int, int, int]:
        status = self._path.stat()
        return (status.st_ino, status.st_mtime_ns, status.st_size)

    def _read(self) -> str:
        return self._path.read_text(encoding="utf-8").rstrip("\r\n")
