"""The REST routes of vehicles and orders."""

from autodeal_vehicle.entrypoints.http.describe_api import openapi_document

__all__ = ("openapi_document",)
