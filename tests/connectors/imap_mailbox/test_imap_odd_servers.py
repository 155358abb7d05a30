"""The IMAP connector against servers that answer oddly, and its own small parts."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.conformance import make_context
from connectors.contract import Context, Window
from connectors.errors import ConnectorError, Misconfigured, Reauthorize, Retry
from connectors.imap_mailbox import cursor as bookmark
from connectors.imap_mailbox.client import decode_name, uid_ranges, uid_set
from connectors.imap_mailbox.connector import ImapMailbox
from connectors.imap_mailbox.run import prefix_of

GREETING = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"
Answer = Callable[[str, list[str]], bytes | None]


@contextmanager
def scripted(answer: Answer, greeting: bytes = GREETING, trust: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve one connection; `answer(command, words)` gives the whole reply, None ends the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listener.accept()
            with trust.wrap_socket(connection, server_side=True) if trust else connection as speaking:
                speaking.sendall(greeting)
                with speaking.makefile("rb") as lines:
                    for line in lines:
                        tag, command, *words = line.decode().split()
                        reply = answer(command.upper(), words)
                        if reply is None:
                            return
                        speaking.sendall(reply.replace(b"TAG", tag.encode()))
        except OSError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()
        thread.join(5)


def context(port: int, tls: str = "none") -> Context:
    settings = {"host": "127.0.0.1", "port": port, "user": "clerk", "tls": tls}
    return make_context(settings, secrets={"password": "secret-pw"})


def pull(port: int) -> None:
    list(ImapMailbox().pull(context(port), None, Window()))


def polite(command: str, words: list[str]) -> bytes | None:
    if command == "CAPABILITY":
        return b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"
    if command == "LIST":
        return b'* LIST () "/" INBOX\r\nTAG OK done\r\n'
    return b"TAG OK done\r\n"


def test_garbage_is_retry_and_shows_how_it_begins() -> None:
    """A line that is no IMAP ends the run with Retry and the beginning of the line, never with a traceback's error."""

    def answer(command: str, words: list[str]) -> bytes | None:
        return b"<html>Bad gateway</html>" + b"x" * 5000 + b"\r\n" if command == "LIST" else polite(command, words)

    with scripted(answer) as port, pytest.raises(Retry, match="<html>Bad gateway") as caught:
        pull(port)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("command", ["CAPABILITY", "LIST", "STATUS", "EXAMINE", "UID"])
@pytest.mark.parametrize(
    "reply", [None, b"* \r\nTAG OK\r\n", b"TAG OK done\r\n", b"* 1 FETCH\r\n* SEARCH x\r\nTAG OK\r\n", b"\xff\xfe\r\n"]
)
def test_no_answer_of_a_server_brings_another_error(command: str, reply: bytes | None) -> None:
    """Whatever a server says at whatever step, the run ends well or with an error that says what to do."""

    def answer(asked: str, words: list[str]) -> bytes | None:
        if asked == command:
            return reply
        if asked == "STATUS":
            return b"* STATUS INBOX (MESSAGES 2 UIDNEXT 9 UIDVALIDITY 5)\r\nTAG OK done\r\n"
        if asked == "EXAMINE":
            return b"* 2 EXISTS\r\n* OK [UIDVALIDITY 5] x\r\n* OK [UIDNEXT 9] x\r\nTAG OK [READ-ONLY] done\r\n"
        return polite(asked, words)

    with scripted(answer) as port, suppress(ConnectorError):
        pull(port)


def test_a_list_without_inbox_is_not_believed() -> None:
    """A short folder list must not make every folder look deleted."""

    def answer(command: str, words: list[str]) -> bytes | None:
        return b"TAG OK done\r\n" if command == "LIST" else polite(command, words)

    with scripted(answer) as port, pytest.raises(Retry, match="INBOX"):
        pull(port)


def test_a_busy_server_is_retry_and_a_refusal_is_reauthorize() -> None:
    """UNAVAILABLE means later; NO means that the credentials are refused."""

    def saying(refusal: bytes) -> Answer:
        return lambda command, words: refusal if command == "LOGIN" else polite(command, words)

    with scripted(saying(b"TAG NO [UNAVAILABLE] later\r\n")) as port, pytest.raises(Retry, match="now"):
        pull(port)
    with scripted(saying(b"TAG NO wrong\r\n")) as port, pytest.raises(Reauthorize):
        pull(port)


def test_a_password_is_never_sent_where_the_server_wants_encryption_first() -> None:
    """LOGINDISABLED ends the run before anything secret was sent."""
    heard: list[str] = []

    def answer(command: str, words: list[str]) -> bytes | None:
        heard.append(" ".join([command, *words]))
        return b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nTAG OK x\r\n" if command == "CAPABILITY" else b"TAG OK x\r\n"

    with scripted(answer, b"* OK ready\r\n") as port, pytest.raises(Misconfigured, match="tls"):
        pull(port)
    assert not any("secret-pw" in line for line in heard)


def test_an_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    """A certificate that nobody vouches for is a setting to correct, and no password is sent."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(certificate, key)
    with scripted(polite, trust=trust) as port, pytest.raises(Misconfigured, match="not trusted"):
        list(ImapMailbox().pull(context(port, "ssl"), None, Window()))
    with scripted(polite, trust=trust) as port:
        known = make_context(
            {"host": "127.0.0.1", "port": port, "user": "clerk", "tls": "ssl", "ca_file": str(certificate)},
            secrets={"password": "secret-pw"},
        )
        assert ImapMailbox().check(known)


def test_folder_names_beyond_ascii_are_read() -> None:
    """Modified UTF-7 (RFC 3501 section 5.1.3), its example, and a name that is not valid."""
    assert decode_name("~peter/mail/&U,BTFw-/&ZeVnLIqe-") == "~peter/mail/台北/日本語"
    assert decode_name("a &- b") == "a & b"
    assert decode_name("&broken") == "&broken"


@given(st.sets(st.integers(1, 5000), max_size=200))
def test_uid_sets_go_back_and_forth(uids: set[int]) -> None:
    """A set of UIDs survives its short form."""
    text = uid_set(sorted(uids))
    assert {uid for low, high in uid_ranges(text) for uid in range(low, high)} == uids


@given(
    st.dictionaries(
        st.integers(1, 0xFFFFFFFF), st.tuples(st.binary(min_size=8, max_size=8), st.integers(1, 5)), max_size=50
    )
)
def test_the_bookmark_goes_back_and_forth(ids: dict[int, tuple[bytes, int]]) -> None:
    """Ids of UIDs survive being packed into the cursor."""
    named = {uid: digest.hex() + (f"#{n}" if n > 1 else "") for uid, (digest, n) in ids.items()}
    mark = bookmark.FolderMark(7, 9, 3, 11, False, [4], dict(sorted(named.items())), kept=True)
    assert bookmark.read(bookmark.write({"a": mark}, Window()), []) == {"a": mark}


def test_a_bookmark_of_many_folders_stays_small_and_keeps_the_newest() -> None:
    """150 folders of 10,000 mails each stay below 64 KiB, and each keeps its newest ids."""
    marks = {
        f"Folder {n}": bookmark.FolderMark(1, ids={uid: f"{n * 10_000 + uid:016x}" for uid in range(1, 10_001)})
        for n in range(150)
    }
    cursor = bookmark.write(marks, Window())
    kept = bookmark.read(cursor, marks)
    assert len(str(cursor)) < 64 << 10
    assert all(max(mark.ids) == 10_000 and len(mark.ids) >= 10 for mark in kept.values())


def test_no_folder_s_prefix_begins_another_s() -> None:
    """What is complete about one folder says nothing about a folder below it."""
    names = ["A", "A/B", "A%2FB", "A/", "A%"]
    assert not any(prefix_of(a).startswith(prefix_of(b)) for a in names for b in names if a != b)
