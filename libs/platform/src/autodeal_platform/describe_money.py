"""How money looks in an OpenAPI document: a number with two decimals."""

from __future__ import annotations

from decimal import Decimal

from litestar._openapi.schema_generation import SchemaCreator
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from autodeal_platform.money import MAX_CENTS, Amount, decimal_from_cents


class DescribeMoney(OpenAPISchemaPlugin):
    """Tells Litestar, which would write text, that a Decimal is a JSON number here."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Tell whether the field is a Decimal, an Amount or a Price."""
        annotation = field_definition.annotation
        return isinstance(annotation, type) and issubclass(annotation, Decimal)

    def to_openapi_schema(
        self,
        field_definition: FieldDefinition,
        schema_creator: SchemaCreator,  # noqa: ARG002  Litestar passes it
    ) -> Schema:
        """Return the schema, with the bounds that a request's amount is held to."""
        annotation = field_definition.annotation
        schema = Schema(type=OpenAPIType.NUMBER, multiple_of=0.01, examples=[89990.0])
        if issubclass(annotation, Amount):
            schema.minimum = annotation.minimum_cents / 100
            schema.maximum = float(decimal_from_cents(MAX_CENTS))
        return schema
