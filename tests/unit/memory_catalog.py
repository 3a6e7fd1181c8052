"""A Glue catalog in memory: which months of which table are registered. It can fail, and have others act in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chalicelib.errors import AwsError
from chalicelib.loading.models import CatalogTable, Registered

ORDERS = CatalogTable("db", "orders_parquet_datalake", "orders_parquet_datalake/", "order_month")
LINES = CatalogTable("db", "lines", "lines/", "placed_month")


def key_of(month: str, table: CatalogTable = ORDERS, name: str = "a.parquet") -> str:
    """Return the key of a file in a month."""
    return f"{table.month_folder(month)}{name}"


@dataclass
class MemoryCatalog:
    """`problem` is what every call raises while it is set. `between` is called at the begin and at the end of each."""

    months: dict[CatalogTable, set[str]] = field(default_factory=dict)
    outdated: dict[CatalogTable, set[str]] = field(default_factory=dict)
    problem: AwsError | None = None
    between: Callable[[str], None] = lambda call: None
    calls: list[str] = field(default_factory=list)

    def registered(self, table: CatalogTable) -> Registered:
        self._begin("registered")
        outdated = frozenset(self.outdated.get(table, ()))
        return Registered(frozenset(self.months.get(table, ())), outdated)

    def register(self, table: CatalogTable, months: Iterable[str]) -> None:
        self._begin(f"register {table.name} {' '.join(months)}")
        self.months.setdefault(table, set()).update(months)
        self.between("registered")

    def update(self, table: CatalogTable, months: Iterable[str]) -> None:
        self._begin(f"update {table.name} {' '.join(months)}")
        self.outdated[table] = self.outdated.get(table, set()) - set(months)

    def unregister(self, table: CatalogTable, months: Iterable[str]) -> None:
        self._begin(f"unregister {table.name} {' '.join(months)}")
        self.months[table] = self.months.get(table, set()) - set(months)
        self.between("unregistered")

    @property
    def writes(self) -> list[str]:
        """The calls that change the catalog."""
        return [call for call in self.calls if call != "registered"]

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        if self.problem is not None:
            raise self.problem
        self.between(call)
