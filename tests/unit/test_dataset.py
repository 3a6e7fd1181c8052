"""Datasets: which one an object belongs to, and which cannot stand beside each other in one bucket."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from chalicelib import dataset
from chalicelib.assembly import datasets
from chalicelib.contracts import registry
from chalicelib.dataset import Dataset, dataset_of
from chalicelib.errors import ContractError
from chalicelib.settings import Settings
from tests.builders import DATASET
from tests.contracts import ORDERS as ORDERS_CONTRACT
from tests.contracts import with_main


def of(name: str, incoming: str | None = None, **changes: str) -> Dataset:
    """Return the dataset of a contract that shares nothing with others but what `changes` says."""
    own = {"name": changes.pop("main", name), "latest": f"{name}_lines", "documents": f"{name}_documents"}
    where = f"{name}/" if incoming is None else incoming
    contract = replace(with_main(ORDERS_CONTRACT, **own | changes), name=name, incoming=where, folder=None)
    return replace(DATASET, contract=contract)


ORDERS, SHIPMENTS = of("orders", incoming=""), of("shipments")
RETURNS = of("returns", incoming="shipments/returns/")


@pytest.mark.parametrize("datasets", [(ORDERS, SHIPMENTS, RETURNS), (RETURNS, SHIPMENTS, ORDERS)])
@pytest.mark.parametrize(
    ("key", "belongs_to"),
    [
        ("orders_json_incoming/a.json", ORDERS),
        ("orders_json_incoming/shipments.json", ORDERS),
        ("orders_json_incoming/shipments/a.json", SHIPMENTS),
        ("orders_json_incoming/shipments/returns/2024/a.json", RETURNS),
        ("orders_json_incoming/shipments/returned/a.json", SHIPMENTS),
        ("elsewhere/a.json", None),
    ],
)
def test_an_object_belongs_to_the_dataset_with_the_longest_incoming_prefix_that_it_is_below(
    datasets: tuple[Dataset, ...], key: str, belongs_to: Dataset | None
) -> None:
    assert dataset_of(key, datasets) == belongs_to


def test_datasets_that_share_nothing_may_stand_beside_each_other() -> None:
    assert dataset.check([ORDERS, SHIPMENTS, RETURNS]) == (ORDERS, SHIPMENTS, RETURNS)


def with_queries(each: Dataset, folder: Path, *names: str) -> Dataset:
    """Return a dataset whose contract has saved queries of these names in `folder`."""
    (folder / "queries").mkdir(parents=True)
    for name in names:
        (folder / "queries" / f"{name}.sql").write_text("SELECT 1")
    return replace(each, contract=replace(each.contract, folder=folder))


def test_everything_that_two_datasets_cannot_both_have_is_named_at_once(tmp_path: Path) -> None:
    clashing = of("returns", incoming="shipments/", main="shipments_lines", documents="orders")
    with pytest.raises(ContractError) as caught:
        dataset.check(
            [
                with_queries(ORDERS, tmp_path / "orders", "preview", "latest"),
                SHIPMENTS,
                with_queries(clashing, tmp_path / "returns", "latest", "returns_preview"),
            ]
        )
    assert caught.value.problems == [
        "incoming folder 'orders_json_incoming/shipments/' is that of contract shipments and of contract returns: "
        "give one of them another name",
        "table or view 'shipments_lines' is that of contract shipments and of contract returns: "
        "give one of them another name",
        "table or view 'orders' is that of contract orders and of contract returns: give one of them another name",
        "saved query 'latest' is that of contract orders and of contract returns: give one of them another name",
    ]
    assert str(caught.value).startswith("the contracts have 4 faults:\n- incoming folder ")


def test_a_table_with_the_name_of_its_own_view_is_refused() -> None:
    with pytest.raises(ContractError, match="table or view 'orders' is that of contract orders and of contract orders"):
        dataset.check([of("orders", documents="orders")])


def test_what_every_stage_has_is_no_contracts_name(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as caught:
        dataset.check([with_queries(of("orders", documents="orders_rejected"), tmp_path, "rejected_of", "rejected_by")])
    assert caught.value.problems == [
        "table or view 'orders_rejected' of contract orders has the name of one that every stage has: give it another "
        "name",
        "saved query 'rejected_of' of contract orders has the name of one that every stage has: give it another name",
    ]


@pytest.mark.parametrize("prefix", ["incoming", "quarantine", "ledger", "results", "state", "receipts"])
def test_a_table_whose_folder_is_a_prefix_of_the_bucket_is_refused_with_the_setting_to_change(prefix: str) -> None:
    prefixes = replace(DATASET.prefixes, **{prefix: "orders/"})
    with pytest.raises(ContractError) as caught:
        dataset.check([replace(ORDERS, prefixes=prefixes)])
    assert caught.value.problems == [
        "table 'orders' of contract orders lies in the folder orders/, which a setting gives to something else "
        "(orders/): change the setting"
    ]


def test_every_contract_that_is_deployed_has_a_dataset_in_the_stage_of_its_settings() -> None:
    stage = Settings(bucket="orders-etl-test", database="lake", incoming_prefix="drop/")
    made = datasets(stage)
    assert tuple(each.contract for each in made) == registry.contracts()
    assert {(each.bucket, each.database, each.prefixes.incoming) for each in made} == {
        ("orders-etl-test", "lake", "drop/")
    }
    assert made[0].location(made[0].tables[0]) == f"s3://orders-etl-test/{made[0].tables[0].name}/"
