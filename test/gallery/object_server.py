"""As much of the S3 protocol as a gallery needs, on the loopback and in memory.

Signatures are not looked at. PUT with If-None-Match is atomic, as in Amazon S3: on it rests that
two processes never commit the same version.
"""

import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

BUCKET = "site"
DATE = "2025-01-01T00:00:00.000Z"


class ObjectServer(ThreadingHTTPServer):
    """objects: the content of each by its path."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = Lock()
        self.objects = {}
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def asked(self):
        """Bucket, key, query and body of the request."""
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        query = {k: v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
        return bucket, key, query, self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        headers.setdefault("Content-Length", len(body))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fault(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def do_GET(self):
        bucket, key, query, _ = self.asked()
        if bucket != BUCKET:
            return self.fault(404, "NoSuchBucket")
        if not key:
            return self.answer(200, self.listing(query))
        data = self.server.objects.get(key)
        if data is None:
            return self.fault(404, "NoSuchKey")
        facts = {"ETag": etag(data), "Last_Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}
        wanted = self.headers.get("Range")
        if self.command == "HEAD" or not wanted:
            return self.answer(200, data, **facts, Content_Length=len(data))
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        begin = int(first) if first else max(0, len(data) - int(last))
        end = min(len(data), int(last) + 1 if first and last else len(data))
        where = f"bytes {begin}-{end - 1}/{len(data)}"
        return self.answer(206, data[begin:end], **facts, Content_Range=where)

    do_HEAD = do_GET

    def do_PUT(self):
        _, key, _, body = self.asked()
        with self.server.lock:
            if self.headers.get("If-None-Match") == "*" and key in self.server.objects:
                return self.fault(412, "PreconditionFailed")
            self.server.objects[key] = body
        return self.answer(200, ETag=etag(body))

    def do_POST(self):
        _, _, query, body = self.asked()
        if "delete" not in query:
            return self.fault(501, "NotImplemented")
        for element in ElementTree.fromstring(body).iter():
            if element.tag.endswith("Key"):
                self.server.objects.pop(element.text, None)
        return self.answer(200, b"<DeleteResult></DeleteResult>")

    def do_DELETE(self):
        _, key, _, _ = self.asked()
        self.server.objects.pop(key, None)
        return self.answer(204)

    def listing(self, query):
        prefix, after = query.get("prefix", ""), query.get("start-after", "")
        limit, delimiter = int(query.get("max-keys", 1000)), query.get("delimiter")
        after = max(after, query.get("continuation-token", ""))
        files, folders, last = [], [], ""
        for key in sorted(k for k in self.server.objects if k.startswith(prefix) and k > after):
            if len(files) + len(folders) == limit:
                break
            head, found, _ = key[len(prefix) :].partition(delimiter or "\0")
            if found:
                if prefix + head + found not in folders:
                    folders.append(prefix + head + found)
            else:
                files.append(key)
            last = key
        else:
            last = ""
        more = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if last else ""
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{DATE}</LastModified>"
            f"<ETag>{etag(self.server.objects[key])}</ETag>"
            f"<Size>{len(self.server.objects[key])}</Size></Contents>"
            for key in files
        )
        common = "".join(
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders
        )
        return (
            f"<ListBucketResult><Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{len(files) + len(folders)}</KeyCount><MaxKeys>{limit}</MaxKeys>"
            f"<IsTruncated>{'true' if last else 'false'}</IsTruncated>{more}{contents}{common}"
            "</ListBucketResult>"
        ).encode()


def etag(data):
    return f'"{hashlib.md5(data).hexdigest()}"'
