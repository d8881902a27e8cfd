"""Payments on DynamoDB: the paying half of the saga."""
