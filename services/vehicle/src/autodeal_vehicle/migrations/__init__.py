"""The history of the tables; `python -m autodeal_vehicle migrate` brings a database up to date."""
