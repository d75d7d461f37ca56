"""Response: what became of one request."""

from __future__ import annotations

import typing

if typing.TYPE_CHECKING:
    from . import _core
    from ._errors import Error


class Response:
    """What became of one request.

    A failed one has an `error`, and a status of 400 or above is a failure too; `raise_for_status` raises it.
    """

    __slots__ = ("_headers", "_record")

    _record: _core.Record
    _headers: dict[str, str] | None

    @classmethod
    def _of(cls, record: _core.Record) -> Response:
        made = cls.__new__(cls)
        made._record = record
        made._headers = None
        return made

    @property
    def index(self) -> int:
        """Position of the request, from 0."""
        return self._record.index

    @property
    def url(self) -> str:
        """The URL that was asked for."""
        return self._record.url

    @property
    def id(self) -> str:
        """The caller's own name for the request."""
        return self._record.id

    @property
    def final_url(self) -> str:
        """The page that answered, after redirects."""
        return self._record.final_url

    @property
    def status(self) -> int:
        """The status of the response; 0 where there was none."""
        return self._record.status

    status_code = status

    @property
    def ok(self) -> bool:
        """Whether there is a response, with a status below 400."""
        return self._record.ok

    @property
    def error(self) -> Error | None:
        """What went wrong; `error.kind` is what a caller can act on."""
        return self._record.error

    @property
    def elapsed(self) -> float:
        """Seconds that it took, redirects included."""
        return self._record.elapsed

    @property
    def attempts(self) -> int:
        """Requests that were sent, redirects included."""
        return self._record.attempts

    @property
    def bytes(self) -> int:
        """Size of the body, kept or not."""
        return self._record.bytes

    @property
    def file(self) -> str:
        """The file that has the body, where it was saved to one; else empty."""
        return self._record.file

    @property
    def body(self) -> memoryview:
        """The body, without a copy."""
        return self._record.body

    @property
    def content(self) -> typing.Any:
        """The body as bytes."""
        return self._record.content

    @property
    def raw_headers(self) -> list[tuple[str, str]]:
        """The fields of the header, as they came."""
        return self._record.raw_headers

    @property
    def headers(self) -> dict[str, str]:
        """The fields by their names in lower case; the values of one that came several times are joined with ', '."""
        if self._headers is None:
            made: dict[str, str] = {}
            for name, value in self._record.raw_headers:
                name = name.lower()
                made[name] = f"{made[name]}, {value}" if name in made else value
            self._headers = made
        return self._headers

    @property
    def encoding(self) -> str:
        """The charset that the response names; else utf-8."""
        for part in self._record.header("content-type").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "charset":
                return value.strip().strip("\"'") or "utf-8"
        return "utf-8"

    @property
    def text(self) -> str:
        """The body as text. What its charset does not have is replaced."""
        try:
            return str(self._record.body, self.encoding, "replace")
        except LookupError:  # a charset that Python does not know
            return str(self._record.body, "utf-8", "replace")

    def json(self) -> typing.Any:
        """The body, read as JSON."""
        import json

        return json.loads(self.content)

    def raise_for_status(self) -> Response:
        """Raises the error, where there is one."""
        error = self._record.error
        if error is not None:
            raise error
        return self

    def __repr__(self) -> str:
        return f"<Response [{self.status or self._record.error_kind}] {self.url}>"
