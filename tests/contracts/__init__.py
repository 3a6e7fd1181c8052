"""The contracts that the tests stand on, one folder each: whoever changes the product's own breaks none of them.

`orders` is a copy of the default contract, with its queries and sample; the others are for documents of other shapes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from msgspec.structs import replace

from chalicelib.contracts.contract import Column, Contract
from chalicelib.contracts.reading import FILE_NAME, read, read_text
from chalicelib.dataset import Dataset, Prefixes, check
from chalicelib.settings import Settings

FOLDER = Path(__file__).parent
ORDERS_FILE = FOLDER / "orders" / FILE_NAME
ORDERS = read(ORDERS_FILE)
OF_ORDERS = ("--contract", str(ORDERS_FILE))
"""The argument of `python -m chalicelib.flatten` in a process of its own, which has the contracts that are shipped."""
ORDERS_TEXT = ORDERS_FILE.read_text("utf-8")
NAMES = sorted(file.parent.name for file in FOLDER.glob(f"*/{FILE_NAME}"))


def lay(contracts: Path, *names: str) -> Path:
    """Have a folder hold the tests' contracts of these names in place of those that are in it; return it."""
    for file in list(contracts.glob(f"*/{FILE_NAME}")):
        shutil.rmtree(file.parent)
    for name in names:
        shutil.copytree(FOLDER / name, contracts / name, ignore=shutil.ignore_patterns("__pycache__"))
    return contracts


def contract(name: str) -> Contract:
    """Return a contract of this folder."""
    return read(FOLDER / name / FILE_NAME)


def contract_with(columns: str, *, document: str = "", table: str = "", more: str = "") -> Contract:
    """Return a contract whose main table `lines` has `columns`, as lines of TOML.

    Its identity is the column `id` and its date `at`, which are there unless `document` says something else. `document`
    and `table` are lines of their sections; `more` is further tables.
    """
    roles = "" if "identity" in document else 'id = { path = "id", type = "identifier", required = true }\n'
    if "date" not in document:
        roles += 'at = { path = "at", type = "timestamp", required = true }\n'
    identity = "" if "identity" in document else 'identity = "id"\n'
    date = "" if "date" in document else 'date = "at"\n'
    text = (
        f"[document]\n{identity}{date}{document}\n[tables.lines]\n{table}\n[tables.lines.columns]\n{roles}{columns}\n"
    )
    return read_text(f"{text}{more}", "test")


def datasets_of(settings: Settings, *contracts: Contract) -> tuple[Dataset, ...]:
    """Return the datasets of a stage that has these contracts; without any it has the orders."""
    made = (Dataset(each, settings.bucket, settings.database, Prefixes.of(settings)) for each in contracts or (ORDERS,))
    return check(made)


def returns_contract(folder: Path | None = None) -> Contract:
    """Return another contract than the orders', of the same shape; its queries are in `folder`."""
    text = ORDERS_TEXT.replace("orders_parquet_datalake", "returns").replace('"order_lines"', '"return_lines"')
    text = text.replace('documents = "orders"', 'documents = "returned"')
    text = text.replace("[document]", '[document]\nincoming = "returns"')
    return replace(read_text(text, "returns"), folder=folder)


def with_main(contract: Contract, **changes: object) -> Contract:
    """Return a contract whose main table is changed."""
    return replace(contract, tables=(replace(contract.main, **changes), *contract.tables[1:]))


def with_columns(contract: Contract, *columns: Column) -> Contract:
    """Return a contract whose main table has these columns."""
    return with_main(contract, columns=columns)


def with_column_changed(contract: Contract, column: str, /, **changes: object) -> Contract:
    """Return a contract with one column of its main table changed."""
    columns = (replace(c, **changes) if c.name == column else c for c in contract.main.columns)
    return with_columns(contract, *columns)
