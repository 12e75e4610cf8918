"""An object store on this machine that is there and answers late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

GALLERY: Final = "s3://chaos/gallery"
_ERROR: Final = b"<Error><Code>NoSuchBucket</Code><Message>there is none</Message></Error>"


@contextmanager
def late_store(answers_s: float) -> Iterator[dict[str, str]]:
    """A store that says after ``answers_s`` that it has no bucket; what names it to a process."""
    closing = threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if closing.wait(answers_s):
                return
            self.send_response(404)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(_ERROR)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(_ERROR)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, format: str, *values: object) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *request: object) -> None:
            """Who asked has gone."""

    with Server(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {
                "AWS_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
                "AWS_ALLOW_HTTP": "true",
                "AWS_ACCESS_KEY_ID": "chaos",
                "AWS_SECRET_ACCESS_KEY": "chaos",
                "AWS_REGION": "us-east-1",
                "NO_PROXY": "127.0.0.1",
            }
        finally:
            closing.set()
            server.shutdown()
