"""`from chalicelib.flatten import flatten_orders` is for notebooks; nothing else is imported from here."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "flatten_orders":
        raise AttributeError(name)
    # Not before it is asked for: the REST side and the sweep import other rooms without columns and parsers.
    from chalicelib.flatten.notebook import flatten_orders

    return flatten_orders
