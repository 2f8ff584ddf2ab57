"""A web server on the loopback interface that knows ranges, as object stores do."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Web:
    """A running server, and what it was asked for."""

    address: str = ""
    knows_ranges: bool = True
    busy: int = 0
    """So many requests are turned away first."""
    served: list[tuple[str, int]] = field(default_factory=list)
    """(file, bytes) of every answer."""

    @property
    def total(self) -> int:
        return sum(size for _, size in self.served)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Web]:
    """Serve the files of a folder."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = folder / self.path.lstrip("/")
            if web.busy:
                web.busy -= 1
                return self.answer(503, b"")
            if not path.is_file():
                return self.answer(404, b"")
            content = path.read_bytes()
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if web.knows_ranges else None
            if wanted:
                content = content[int(wanted[1]) : int(wanted[2]) + 1 if wanted[2] else None]
            web.served.append((path.name, len(content)))
            return self.answer(206 if wanted else 200, content)

        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    web.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
