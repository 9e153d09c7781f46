"""Certificates that are good, bad, and changed; and handshakes."""

from __future__ import annotations

import logging
import os
import ssl
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock, memory_stream_pair

from holomush.net.streams import peer_address
from holomush.net.tls import CHECK_INTERVAL, HANDSHAKE_TIMEOUT, Certificate, CertificateError, TlsListener, shake_hands

PASSWORD = b"secret"


def write(folder: Path, issued: trustme.LeafCert) -> tuple[Path, Path]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    issued.private_key_pem.write_to_path(str(key))
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return certificate, key


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def leaf(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("one.example", "127.0.0.1")


@pytest.fixture(scope="module")
def other(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("two.example", "127.0.0.1")


@pytest.fixture
def client(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("missing", ["cert.pem", "key.pem"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, leaf: trustme.LeafCert, missing: str) -> None:
    paths = write(tmp_path, leaf)
    (tmp_path / missing).unlink()
    with pytest.raises(CertificateError) as caught:
        Certificate(*paths)
    assert str(caught.value) == f"cannot read {tmp_path / missing}: No such file or directory"


def test_a_folder_is_no_certificate(tmp_path: Path, leaf: trustme.LeafCert) -> None:
    _, key = write(tmp_path, leaf)
    with pytest.raises(CertificateError, match=r"^cannot read .*: Is a directory$"):
        Certificate(tmp_path, key)


def test_a_key_of_another_certificate_is_named(tmp_path: Path, leaf: trustme.LeafCert, other: trustme.LeafCert) -> None:
    certificate, key = write(tmp_path, leaf)
    other.private_key_pem.write_to_path(str(key))
    with pytest.raises(CertificateError) as caught:
        Certificate(certificate, key)
    assert str(caught.value) == f"{key} is not the key of {certificate}"


@pytest.mark.parametrize(
    ("broken", "text", "error"),
    [
        ("cert.pem", b"", "{} is not a certificate in PEM form"),
        ("cert.pem", b"hello", "{} is not a certificate in PEM form"),
        ("key.pem", b"", "{} is not a key in PEM form"),
        ("key.pem", b"\xff" * 20, "{} is not a key in PEM form"),
    ],
)
def test_nonsense_is_named(tmp_path: Path, leaf: trustme.LeafCert, broken: str, text: bytes, error: str) -> None:
    paths = write(tmp_path, leaf)
    (tmp_path / broken).write_bytes(text)
    with pytest.raises(CertificateError) as caught:
        Certificate(*paths)
    assert str(caught.value) == error.format(tmp_path / broken)


def test_an_encrypted_key_asks_nobody(tmp_path: Path, leaf: trustme.LeafCert) -> None:
    certificate, key = write(tmp_path, leaf)
    key.write_bytes(encrypted(leaf.private_key_pem.bytes()))
    with pytest.raises(CertificateError) as caught:
        Certificate(certificate, key)
    assert str(caught.value) == f"{key} is encrypted; give a key without a password"


def encrypted(pem: bytes) -> bytes:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = serialization.load_pem_private_key(pem, None)
    how = serialization.BestAvailableEncryption(PASSWORD)
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))


async def names_served(certificate: Certificate, client: ssl.SSLContext) -> list[str]:
    """The names in the certificate that somebody who connects now is shown."""
    left, right = memory_stream_pair()
    server = trio.SSLStream(right, certificate.context(), server_side=True, https_compatible=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shake_hands, server)
        stream = trio.SSLStream(left, client, server_hostname="127.0.0.1")
        await stream.do_handshake()
    shown = stream.getpeercert()
    return [value for kind, value in shown["subjectAltName"] if kind == "DNS"]


async def test_a_changed_pair_is_read_again(
    tmp_path: Path,
    leaf: trustme.LeafCert,
    other: trustme.LeafCert,
    client: ssl.SSLContext,
    mock_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    certificate = Certificate(*write(tmp_path, leaf))
    assert await names_served(certificate, client) == ["one.example"]
    write(tmp_path, other)
    assert await names_served(certificate, client) == ["one.example"], "the files were looked at a moment ago"
    mock_clock.jump(CHECK_INTERVAL)
    assert await names_served(certificate, client) == ["two.example"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_broken_new_pair_is_told_once_and_not_used(
    tmp_path: Path,
    leaf: trustme.LeafCert,
    other: trustme.LeafCert,
    client: ssl.SSLContext,
    mock_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    paths = write(tmp_path, leaf)
    certificate = Certificate(*paths)
    other.private_key_pem.write_to_path(str(paths[1]))
    for _ in range(3):
        mock_clock.jump(CHECK_INTERVAL)
        assert await names_served(certificate, client) == ["one.example"]
    assert caplog.messages == [f"the old certificate stays in use: {paths[1]} is not the key of {paths[0]}"]
    caplog.clear()
    paths[0].unlink()
    mock_clock.jump(CHECK_INTERVAL)
    assert await names_served(certificate, client) == ["one.example"]
    assert caplog.messages == [f"the old certificate stays in use: cannot read {paths[0]}: No such file or directory"]
    write(tmp_path, other)
    mock_clock.jump(CHECK_INTERVAL)
    assert await names_served(certificate, client) == ["two.example"]


async def test_another_file_of_the_same_size_and_time_is_a_change(
    tmp_path: Path, leaf: trustme.LeafCert, client: ssl.SSLContext, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    paths = write(tmp_path, leaf)
    certificate = Certificate(*paths)
    assert await names_served(certificate, client) == ["one.example"]
    was = paths[0].stat()
    new = tmp_path / "new.pem"
    new.write_bytes(b"x" * was.st_size)
    os.utime(new, ns=(was.st_atime_ns, was.st_mtime_ns))
    new.replace(paths[0])
    mock_clock.jump(CHECK_INTERVAL)
    assert await names_served(certificate, client) == ["one.example"]
    assert caplog.messages == [f"the old certificate stays in use: {paths[0]} is not a certificate in PEM form"]


async def test_the_protocol_is_agreed_on_and_new_enough(tmp_path: Path, leaf: trustme.LeafCert, client: ssl.SSLContext) -> None:
    context = Certificate(*write(tmp_path, leaf), alpn=["http/1.1"]).context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    client.set_alpn_protocols(["h2", "http/1.1"])
    left, right = memory_stream_pair()
    server = trio.SSLStream(right, context, server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shake_hands, server)
        await trio.SSLStream(left, client, server_hostname="127.0.0.1").do_handshake()
    assert server.selected_alpn_protocol() == "http/1.1"


async def test_a_client_that_is_silent_holds_nobody_up(tmp_path: Path, leaf: trustme.LeafCert, client: ssl.SSLContext) -> None:
    sockets = await trio.open_tcp_listeners(0, host="127.0.0.1")
    listener = TlsListener(sockets[0], Certificate(*write(tmp_path, leaf)))
    port = sockets[0].socket.getsockname()[1]
    seen = []

    async def echo(stream: trio.SSLStream[trio.SocketStream]) -> None:
        seen.append(peer_address(stream))
        try:
            await shake_hands(stream)
            await stream.send_all(bytes(await stream.receive_some(100)))
        except trio.BrokenResourceError as exc:
            seen.append(str(exc))

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, echo, [listener])
        silent = await trio.open_tcp_stream("127.0.0.1", port)
        speaking = await trio.open_ssl_over_tcp_stream("127.0.0.1", port, ssl_context=client)
        with trio.fail_after(5):
            await speaking.send_all(b"hello")
            assert await speaking.receive_some(100) == b"hello"
        await silent.send_all(b"GET / HTTP/1.1\r\n\r\n")
        with trio.fail_after(5):
            while await silent.receive_some(100):
                pass
        await trio.aclose_forcefully(speaking)
        await silent.aclose()
        nursery.cancel_scope.cancel()
    assert seen == ["127.0.0.1", "127.0.0.1", "the TLS handshake failed"]


async def test_a_handshake_has_its_time(tmp_path: Path, leaf: trustme.LeafCert, autojump_clock: MockClock) -> None:
    left, right = memory_stream_pair()
    context = Certificate(*write(tmp_path, leaf)).context()
    with pytest.raises(trio.BrokenResourceError, match=r"^the TLS handshake took too long$"):
        await shake_hands(trio.SSLStream(right, context, server_side=True))
    assert trio.current_time() == HANDSHAKE_TIMEOUT
    assert await left.receive_some(1) == b""


@pytest.mark.parametrize("data", [b"", b"\x16", b"\x16\x03\x01\xff\xff", b"\0" * 300, b"GET / HTTP/1.1\r\n\r\n"])
async def test_a_broken_handshake_is_quiet(tmp_path: Path, leaf: trustme.LeafCert, data: bytes) -> None:
    left, right = memory_stream_pair()
    if data:
        await left.send_all(data)
    await left.send_eof()
    context = Certificate(*write(tmp_path, leaf)).context()
    with pytest.raises(trio.BrokenResourceError, match=r"^the TLS handshake failed$"):
        await shake_hands(trio.SSLStream(right, context, server_side=True))
