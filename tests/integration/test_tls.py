"""Whom a crawl believes to be the site that it asked for."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from monitor.clock import utc_now
from monitor.models.run import Outcome, Run
from monitor.models.source import SourceState
from schedules import runner
from tests.integration import preview
from tests.integration.world import Home, World, configuration, copy, empty_world, new_home

NAME = "over_tls"
HERE = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
ELSEWHERE = x509.DNSName("another.example")


@pytest.fixture
def world() -> Iterator[World]:
    """A world whose channel has one post with a picture."""
    with empty_world() as made:
        yield made


def certified(folder: Path, name: x509.GeneralName, age: timedelta = timedelta(0)) -> Path:
    """Make a key and a certificate that it signed itself, good for a day, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    since = utc_now() - timedelta(hours=1) - age
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def encrypt(world: World, certificate: Path) -> str:
    """Have the channel's site speak TLS; gives its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = world.telegram._server
    assert server is not None
    # The handshake is left to the thread that reads.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    return f"https://127.0.0.1:{world.telegram.port}"


def crawl(
    world: World,
    folder: Path,
    certificate: Path,
    *,
    trusted: Path | None = None,
    verify: bool = True,
) -> tuple[Run, Home]:
    """Crawl the channel by TLS; its post has a picture on the same host.

    Args:
        trusted: The only certificates to believe in; None: those of the machine.
    """
    url = encrypt(world, certificate)
    preview.picture(world.telegram, "/a.jpg", copy(21).data)
    preview.serve(world.telegram, NAME, [[f"{url}/a.jpg"]])
    extra: dict[str, dict[str, object]] = {
        "telegram": {"preview_url": url},
        "network": {"verify_tls": verify},
    }
    with (
        pytest.MonkeyPatch.context() as patch,
        new_home(folder / "home", configuration(world), extra) as home,
    ):
        if trusted is not None:
            patch.setenv("SSL_CERT_FILE", str(trusted))
        return runner.crawl(home.watch(f"@{NAME}"), home.store, home.settings), home


@pytest.mark.parametrize(
    ("name", "age", "trusted"),
    [
        (HERE, timedelta(0), False),
        (ELSEWHERE, timedelta(0), True),
        (HERE, timedelta(days=2), True),
    ],
    ids=["signed by nobody", "another host's", "expired"],
)
def test_a_site_that_can_not_prove_who_it_is_is_not_read(
    world: World, tmp_path: Path, name: x509.GeneralName, age: timedelta, trusted: bool
) -> None:
    certificate = certified(tmp_path, name, age)
    run, home = crawl(world, tmp_path, certificate, trusted=certificate if trusted else None)
    assert run.outcome is Outcome.UNAVAILABLE
    assert "its certificate can't be verified" in run.error
    assert world.telegram.requests == []
    source = home.source(f"@{NAME}")
    assert source.state is SourceState.FAILING
    assert "its certificate can't be verified" in source.state_detail


@pytest.mark.parametrize(("trusted", "verify"), [(True, True), (False, False)])
def test_a_site_is_read_that_is_trusted_or_need_not_prove_anything(
    world: World, tmp_path: Path, trusted: bool, verify: bool
) -> None:
    certificate = certified(tmp_path, HERE)
    run, home = crawl(
        world, tmp_path, certificate, trusted=certificate if trusted else None, verify=verify
    )
    assert (run.outcome, run.error) == (Outcome.OK, "")
    assert run.counts.posts_new == 1
    assert home.rows("SELECT status FROM post_media") == [("hashed",)]
