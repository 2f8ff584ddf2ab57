"""Frames from the network."""

from __future__ import annotations

import functools
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fields_core.errors import SourceError
from fields_core.live.stream import StreamSource
from tests.core.live.films import shown


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(clip: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(clip.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{clip.name}"
        server.shutdown()
        thread.join()


def test_a_stream_is_played_from_its_address(served: str) -> None:
    source = StreamSource(served)
    source.open()
    assert [shown(source.read()) for _ in range(5)] == list(range(5))
    source.close()


def test_a_stream_that_does_not_answer_is_named_without_its_password() -> None:
    with socket.socket() as taken:  # bound but not listening: nobody else answers here either
        taken.bind(("127.0.0.1", 0))
        source = StreamSource(f"http://me:secret@127.0.0.1:{taken.getsockname()[1]}/live", timeout=2.0)
        with pytest.raises(SourceError, match="does not answer") as caught:
            source.open()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "concat:a|b", "ftp://example.org/a.mp4"])
def test_addresses_that_are_no_streams_are_refused(address: str) -> None:
    with pytest.raises(SourceError):
        StreamSource(address)
