"""A PostgreSQL that asks for a password and speaks only TLS, under a certificate of its own authority."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.integration.vehicle.tls_front import tls_front

from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.engines.postgres_embedded import EmbeddedPostgres
from autodeal_devstack.engines.run_engines import engine_set

SERVER_NAME = "localhost"
ROLE = "vehicle"
RULES = f"""\
host all postgres 127.0.0.1/32 trust
host all {ROLE} 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for one name, which is its own authority."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @cached_property
    def certificate_pem(self) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(self.name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


class StrictPostgres(EmbeddedPostgres):
    """Lets `postgres` in from this machine, for the tests, and `vehicle` only by password.

    The service reaches it by `tls_port`, where only TLS is spoken.
    """

    tls_port = 0

    def _prepare(self) -> None:
        super()._prepare()
        file = self._data / "pg_hba.conf"
        file.write_text(RULES)
        file.chmod(0o600)
        if self._user is not None:
            os.chown(file, self._user.user, self._user.group)

    async def administer(self, *statements: str) -> None:
        """Run statements as the superuser."""
        connection = await asyncpg.connect(self._url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def set_password(self, password: str) -> None:
        """Rotate the password; sessions that are open stay open."""
        await self.administer(f"ALTER ROLE {ROLE} PASSWORD '{password}'")

    async def end_sessions(self) -> None:
        """Cut every session of the service, so that it has to say anew who it is."""
        await self.administer(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'"
        )

    async def sessions(self) -> set[str]:
        """Return the names of the service's sessions."""
        connection = await asyncpg.connect(self._url)
        try:
            rows = await connection.fetch(
                "SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = $1", ROLE
            )
        finally:
            await connection.close()
        return {row[0] for row in rows}


def server_context(certificate: Certificate, folder: Path) -> ssl.SSLContext:
    """Return what a server needs to show the certificate."""
    chain = folder / "server.pem"
    chain.write_bytes(certificate.key_pem() + certificate.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


@asynccontextmanager
async def strict_postgres(folder: Path) -> AsyncIterator[tuple[StrictPostgres, Path]]:
    """Run the server for the length of a block; give it and the file of its authority."""
    certificate = Certificate(SERVER_NAME)
    authority = folder / "authority.pem"
    authority.write_bytes(certificate.certificate_pem)
    async with engine_set(EngineChoice.EMBEDDED) as engines:
        server = StrictPostgres(engines._room.for_engine("strict-postgres"))
        try:
            await server.start()
            await server.administer(f"CREATE ROLE {ROLE} LOGIN", f"CREATE DATABASE {ROLE} OWNER {ROLE}")
            async with tls_front(server_context(certificate, folder), server.port) as server.tls_port:
                yield server, authority
        finally:
            await server.stop()
