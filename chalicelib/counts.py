"""What became of the orders of a source: the one form in which they are counted, stored and shown."""

from __future__ import annotations

from msgspec import Struct

from chalicelib.errors import CountMismatch


class Counts(Struct, frozen=True):
    """Orders of a source, and rows made of them. Always: read = loaded + rejected."""

    orders_read: int = 0
    orders_loaded: int = 0
    orders_rejected: int = 0
    rows: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.orders_read + other.orders_read,
            self.orders_loaded + other.orders_loaded,
            self.orders_rejected + other.orders_rejected,
            self.rows + other.rows,
        )

    def check(self) -> None:
        """Raise CountMismatch if an order was lost or made up."""
        if self.orders_read != self.orders_loaded + self.orders_rejected:
            raise CountMismatch(self.orders_read, self.orders_loaded, self.orders_rejected)


NO_ORDERS = Counts()
