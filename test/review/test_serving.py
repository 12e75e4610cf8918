"""Where the page is served: to this machine, by TLS to others, and to nobody who listens in."""

import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")

import httpx
import typer
from typer.testing import CliRunner

from damage_perception.cli.grouped import grouped
from damage_perception.cli.review import COMMANDS
from damage_perception.records.item_record import RecordError
from damage_perception.review.serving import Listening, read_token, serve
from damage_perception.review.sharing import Shared

COMMAND = """
import sys, typer
from damage_perception.cli.grouped import grouped
from damage_perception.cli.review import review
app = typer.Typer()
app.command()(grouped(review))
app(sys.argv[1:])
"""
RUN = CliRunner()
PEM = Path("a.pem")
GOOD_TOKEN = "abcdefghijklmnopqrstuv"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine_needs_no_tls(host):
    assert not Listening(host).secure


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "", "cell-7", "fe80::1"])
def test_other_machines_need_tls(host):
    with pytest.raises(RecordError, match="--tls-cert"):
        Listening(host)
    assert Listening(host, certificate=PEM, key=PEM).secure


@pytest.mark.parametrize("given", [{"certificate": PEM}, {"key": PEM}])
def test_a_certificate_needs_its_key(given):
    with pytest.raises(RecordError, match="needs both"):
        Listening(**given)


def test_the_page_answers_to_its_own_names_only():
    hosts = Listening("127.0.0.1", host_names=("cell-7.example",)).hosts
    assert set(hosts) == {"cell-7.example", "127.0.0.1", "localhost", "::1", "[::1]"}
    everywhere = Listening("0.0.0.0", certificate=PEM, key=PEM)
    assert socket.gethostname() in everywhere.hosts and "*" not in everywhere.hosts


def test_the_address_is_one_that_people_can_open():
    tls = {"certificate": PEM, "key": PEM}
    assert Listening().address(8087) == "http://127.0.0.1:8087/login"
    assert Listening("::1").address(1) == "http://[::1]:1/login"
    named = Listening("0.0.0.0", host_names=("cell-7.example",), **tls)
    assert named.address(443) == "https://cell-7.example:443/login"
    assert Listening("0.0.0.0", **tls).address(1) == f"https://{socket.gethostname()}:1/login"


def test_a_long_token_is_taken(tmp_path):
    (tmp_path / "token").write_text(f"{GOOD_TOKEN}\n")
    assert read_token(tmp_path / "token") == GOOD_TOKEN


@pytest.mark.parametrize("token", ["", "short", GOOD_TOKEN[:-1], "a b" * 20, "ü" * 40])
def test_a_token_that_could_be_guessed_is_refused(tmp_path, token):
    (tmp_path / "token").write_text(token, encoding="utf-8")
    with pytest.raises(RecordError, match="at least 22 letters"):
        read_token(tmp_path / "token")


@pytest.mark.parametrize("content", [None, b"\xff" * 40])
def test_a_token_file_that_cannot_be_read_is_said(tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(RecordError, match=r"token file .*token cannot be read"):
        read_token(tmp_path / "token")


def test_a_port_that_is_taken_is_said(pages):
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(RecordError, match="name another one with --port"),
    ):
        serve(pages, Listening(port=other.getsockname()[1]), GOOD_TOKEN)


def test_a_certificate_that_is_none_is_said(pages, tmp_path):
    (tmp_path / "a.pem").write_text("no certificate")
    for name in ("a.pem", "missing.pem"):
        where = Listening(certificate=tmp_path / name, key=tmp_path / name)
        with pytest.raises(RecordError, match=f"certificate .*{name} with key"):
            serve(pages, where, GOOD_TOKEN)


def started(arguments):
    """A process of the command, and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    found = re.match(r"open (https?://\S+)", line)
    assert found, line + process.communicate(timeout=30)[1]
    return process, found[1]


def test_the_command_serves_the_page_until_it_is_stopped(store):
    process, address = started([store.folder, "--port", "0"])
    try:
        token = re.fullmatch(r"http://127\.0\.0\.1:\d+/login\?token=([\w-]{43})", address)[1]
        with httpx.Client(base_url=address.partition("/login")[0]) as browser:
            assert f'value="{token}"' in browser.get(address).text
            form = {"token": token, "name": "Anna"}
            page = browser.post("/login", data=form, follow_redirects=True)
            assert page.status_code == 200 and "All items are judged" in page.text
            assert "server" not in page.headers
            large = (b"x" * size for size in (1 << 23, 1))
            assert browser.post("/login", content=large).status_code == 413
            assert browser.get("/login", headers={"Host": "evil.example"}).status_code == 400
    finally:
        process.send_signal(signal.SIGTERM)
        said, complaints = process.communicate(timeout=30)
    assert token not in said + complaints
    assert process.returncode in (0, -signal.SIGTERM)


def test_others_are_served_by_tls(store, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    certificate, key, token = (tmp_path / name for name in ("cert.pem", "key.pem", "token"))
    token.write_text(GOOD_TOKEN)
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key} -out {certificate}"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*make.split(), *names], check=True, capture_output=True)
    tls = ["--tls-cert", certificate, "--tls-key", key, "--token-file", token]
    arguments = [store.folder, "--host", "0.0.0.0", "--port", 0, "--host-name", "localhost", *tls]
    process, address = started(arguments)
    try:
        assert re.fullmatch(r"https://localhost:\d+/login", address)  # the token is in the file
        trust = ssl.create_default_context(cafile=certificate)
        form = {"token": GOOD_TOKEN, "name": "Anna"}
        answer = httpx.post(address, data=form, verify=trust)
        cookies = answer.headers.get_list("set-cookie")
        assert answer.status_code == 303 and all("secure" in one.lower() for one in cookies)
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def command():
    app = typer.Typer()
    for one in COMMANDS:
        app.command()(grouped(one))
    return app


def test_the_command_refuses_what_others_could_listen_in_on(command, store):
    done = RUN.invoke(command, [str(store.folder), "--host", "0.0.0.0"])
    assert isinstance(done.exception, RecordError) and "--tls-cert" in str(done.exception)


def test_the_command_needs_records(command, tmp_path):
    done = RUN.invoke(command, [str(tmp_path)])
    assert isinstance(done.exception, RecordError) and "no records" in str(done.exception)


def test_the_command_shares_what_its_options_say(command, store, tmp_path, monkeypatch):
    served = []
    monkeypatch.setattr("damage_perception.review.serving.serve", lambda *all: served.append(all))
    vendors = tmp_path / "vendors.csv"
    vendors.write_text("sku,vendor\ncup,Maier\n")
    names = ["--host-name", "cell-7", "--host-name", "cell-8"]
    options = ["--vendors", str(vendors), "--port", "9", *names]
    done = RUN.invoke(command, [str(store.folder), *options])
    assert done.exit_code == 0, done.exception
    (shared, listening, token, _) = served[0]
    assert isinstance(shared, Shared) and shared.vendors == {"cup": "Maier"}
    assert shared.store.folder == store.folder and shared.open_gallery is None
    assert listening == Listening("127.0.0.1", 9, host_names=("cell-7", "cell-8"))
    assert re.fullmatch(r"[\w-]{43}", token)


@pytest.mark.slow
def test_the_command_opens_the_gallery_once(command, store, tmp_path, monkeypatch):
    pytest.importorskip("lancedb")
    served = []
    monkeypatch.setattr("damage_perception.review.serving.serve", lambda *all: served.append(all))
    gallery = tmp_path / "gallery"
    done = RUN.invoke(command, [str(store.folder), "--gallery", str(gallery)])
    assert done.exit_code == 0, done.exception
    shared = served[0][0]
    assert not gallery.exists() and shared.judged_good is not None
    created = shared.gallery(create=True)
    assert shared.gallery() is shared.gallery() and shared.gallery().uri == created.uri
