"""The contracts that are deployed: one folder each beside this file."""

from __future__ import annotations

from functools import cache

from chalicelib.contracts.model import Contract

DEFAULT = "orders"
"""The contract that a command works with where none is named."""


@cache
def contracts() -> tuple[Contract, ...]:
    """Return every contract, in the order of their names."""
    from chalicelib.contracts.orders.contract import ORDERS

    return (ORDERS,)


def contract(name: str = DEFAULT) -> Contract:
    """Return the contract of this name. Raises KeyError where there is none."""
    return {each.name: each for each in contracts()}[name]
