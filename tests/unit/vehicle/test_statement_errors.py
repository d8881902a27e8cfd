"""What a failed statement says of itself: error texts end in logs and beside parked records."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.postgres.connect import create_engine
from autodeal_vehicle.settings import DatabaseSettings


def test_an_error_does_not_repeat_the_values_of_its_statement() -> None:
    engine = create_engine(DatabaseSettings(database_url=Secret("postgresql://a@127.0.0.1:1/b")), "test")

    error = DBAPIError.instance(
        "UPDATE vehicle_sold SET pix_code = $1",
        {"pix_code": "the-code"},
        ValueError("refused"),
        Exception,
        hide_parameters=engine.sync_engine.hide_parameters,
    )

    assert "the-code" not in str(error)
