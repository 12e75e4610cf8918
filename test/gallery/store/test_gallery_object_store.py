"""The same gallery by address, in an object store that speaks the protocol of Amazon S3."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from threading import Thread

import pytest
from made_references import new
from object_server import BUCKET, ObjectServer

from damage_perception.gallery.reference import Action, GalleryError
from damage_perception.gallery.store.store import GalleryStore

pytest.importorskip("lancedb", reason="lancedb is not installed: no gallery can be kept")

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


@pytest.fixture(params=["small", "moto"])
def bucket(request, monkeypatch):
    """Address of a bucket on the loopback: of the small server here, and of moto's."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    if request.param == "small":
        server = ObjectServer()
        monkeypatch.setenv("AWS_ENDPOINT", server.endpoint)
        yield f"s3://{BUCKET}"
        server.shutdown()
        server.server_close()
        return
    executable = shutil.which("moto_server")
    if executable is None:
        # Not in requirements/: moto holds python-dateutil below what others need.
        pytest.skip(
            "moto_server is not installed: "
            "uv tool install 'moto[s3]' --with flask --with flask-cors"
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [executable, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    create = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")
    for _ in range(600):
        try:
            urllib.request.urlopen(create).close()
            break
        except OSError:
            time.sleep(0.1)
    monkeypatch.setenv("AWS_ENDPOINT", endpoint)
    yield f"s3://{BUCKET}"
    process.terminate()
    process.wait(20)


def test_a_gallery_in_a_bucket_does_what_one_in_a_folder_does(bucket):
    uri = f"{bucket}/cell 7/gallery"
    with pytest.raises(GalleryError, match=f"there is no gallery at {uri}"):
        GalleryStore.open(uri, create=False)
    store = GalleryStore.open(uri)
    names = store.enroll("tea", "net", new(2), "ann", "").reference_ids
    reader = GalleryStore.open(uri, create=False)
    before = reader.version
    store.change(Action.RETIRE, "tea", names[:1], "ann", "")
    assert reader.version > before
    assert [each.reference_id for each in reader.references()] == [names[1]]
    assert set(reader.views(names)) == set(names)
    reader.undo(None, "bob", "")
    assert len(store.references()) == 2
    retired = store.change(Action.RETIRE, "tea", names[:1], "ann", "")
    assert store.purge(retired.time_ns + 1, "ann").reference_ids == names[:1]
    assert [each.reference_id for each in reader.references()] == [names[1]]


@pytest.mark.slow
def test_writers_at_once_lose_nothing(bucket):
    uri = f"{bucket}/gallery"
    GalleryStore.open(uri)
    done = []

    def enroll(number):
        store = GalleryStore.open(uri)
        for _ in range(5):
            done.append(store.enroll(f"sku {number}", "net", new(), "ann", "").change_id)

    writers = [Thread(target=enroll, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    log = {change.change_id for change in GalleryStore.open(uri).changes()}
    assert len(done) == 15
    assert log == set(done)


def test_a_bucket_that_does_not_exist(bucket):
    with pytest.raises(GalleryError, match="there is no such bucket"):
        GalleryStore.open("s3://elsewhere/gallery")


def test_a_store_that_does_not_answer():
    environment = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT": "http://127.0.0.1:9"}
    code = (
        "from damage_perception.gallery.store.store import GalleryStore\n"
        "try: GalleryStore.open('s3://site/gallery')\n"
        "except ValueError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )
    assert "does not answer: check AWS_ENDPOINT" in run.stdout, run.stderr
