"""Two contracts in one deployment: drops, uploads, views and queries of both, and what heals, for all their tables."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.loading.models import DELETED, LOADING, QUARANTINED
from local.deploy import deploy
from local.emulator import running
from local.pipeline import wait_for
from tests.local.api_client import Client
from tests.local.product import order, project_with, sweep, without_events, without_schedule, workers
from tests.local.several import NAME, Several, basket, several, with_baskets

pytestmark = [pytest.mark.aws, pytest.mark.slow]

MAIN = "orders_parquet_datalake"
NOTHING: dict[str, list[tuple[str, str]]] = {MAIN: [], "baskets": [], "basket_items": [], "item_taxes": []}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    """Both contracts, deployed; a deleted file takes its rows along, and no sweep runs by itself."""
    with several(tmp_path_factory, ETL_DELETE_PROPAGATES="true") as made, without_schedule(made):
        yield made


@pytest.fixture(scope="module")
def client(product: Several) -> Client:
    return Client(product, (product.aws.access_key_id, product.aws.secret_access_key))


def rows(basket_id: str, month: str, items: int = 2) -> dict[str, list[tuple[str, str]]]:
    """Return what one basket is in each table: a basket without items keeps a row."""
    counts = {MAIN: 0, "baskets": 1, "basket_items": items or 1, "item_taxes": 2 * items or 1}
    return {table: [(basket_id, month)] * count for table, count in counts.items()}


def together(*parts: dict[str, list[tuple[str, str]]]) -> dict[str, list[tuple[str, str]]]:
    return {table: sorted(row for part in parts for row in part[table]) for table in NOTHING}


def test_each_drop_is_loaded_by_the_contract_of_its_folder_into_all_its_tables_and_no_other(product: Several) -> None:
    bad = basket("d-3") | {"items": [{"sku": "x", "price": "dear", "quantity": 1}]}
    of_baskets = product.drop_baskets(
        "2024/a+b é.json", [basket("d-1"), basket("d-2", sold="2024-08-01", items=0), bad]
    )
    of_orders = product.drop("several.json", [order("d-1")])
    entry = product.finished(of_baskets)
    assert (entry.counts.orders_read, entry.counts.orders_loaded, entry.counts.orders_rejected) == (3, 2, 1)
    assert product.identities(of_baskets) == together(rows("d-1", "2024-07"), rows("d-2", "2024-08", 0))
    assert {file.split("/")[0] for file in entry.files} == {"baskets", "basket_items", "item_taxes"}
    (rejected,) = product.rejected(entry)
    assert (rejected["record_number"], rejected["path"]) == (3, "items[0].price")
    assert product.finished(of_orders).counts.rows == 1
    assert product.identities(of_orders) == NOTHING | {MAIN: [("d-1", "2024-07")]}


def test_a_file_of_the_other_contract_is_rejected_with_the_reason(product: Several) -> None:
    key = product.drop_baskets("orders.json", [order("w-1")])
    entry = product.finished(key)
    assert (entry.counts.orders_loaded, entry.counts.orders_rejected) == (0, 1)
    assert product.identities(key) == NOTHING


@pytest.mark.parametrize("contract", ["baskets", "orders", None])
def test_an_upload_is_loaded_by_the_contract_that_it_names(
    product: Several, client: Client, tmp_path: Path, contract: str | None
) -> None:
    documents = [basket("u-1")] if contract == "baskets" else [order("u-1")]
    named = {} if contract is None else {"contract": contract}
    status = client.upload("a b.json", json.dumps(documents).encode(), tmp_path, **named)
    assert (status["status"], status["contract"]) == ("loaded", contract or "orders")
    assert status["key"].startswith(product.baskets.incoming) is (contract == "baskets")
    loaded = rows("u-1", "2024-07") if contract == "baskets" else NOTHING | {MAIN: [("u-1", "2024-07")]}
    assert product.identities(status["key"]) == loaded


def test_the_views_have_the_latest_version_of_each_document_in_every_table(product: Several) -> None:
    # The older version is dropped last: the contract's version decides.
    for name, version, items in (("new.json", 2, 1), ("old.json", 1, 3)):
        product.finished(product.drop_baskets(name, [basket("v-1", version, items=items)]))
    for view, expected in (
        ("latest_baskets", "basket_version, total"),
        ("latest_basket_items", "basket_version, item_number, sku, amount"),
        ("latest_item_taxes", "basket_version, item_number, tax_name, tax"),
    ):
        answer = product.ask(f"SELECT {expected} FROM {view} WHERE basket_id = 'v-1' ORDER BY {expected}")
        assert {row[0] for row in answer} == {2}, view
        assert len(answer) == {"latest_item_taxes": 2}.get(view, 1), view
    answer = product.ask("SELECT line_count, line_total FROM basket_totals WHERE basket_id = 'v-1'")
    assert [(count, str(total)) for count, total in answer] == [(1, "1.50")]


def test_the_saved_queries_of_both_contracts_are_listed_and_run_by_their_names(
    product: Several, client: Client
) -> None:
    product.finished(product.drop_baskets("queries.json", [basket("q-1", sold="2002-01-02")]))
    product.finished(product.drop("queries.json", [order("q-1")]))
    listed = {each["name"]: each["contract"] for each in client.get("/queries").json()["queries"]}
    assert {"baskets_by_month": "baskets", "taxes_of_basket": "baskets", "preview": "orders"}.items() <= listed.items()
    by_month = answer_of(client, "/queries/baskets_by_month", **{"from": "2002-01-01"})
    assert by_month[0] == ["2002-01", 1, "19.9900"]
    assert answer_of(client, "/queries/taxes_of_basket", basket_id="q-1") == [["city", "0.2000"], ["state", "0.5000"]]
    assert len(answer_of(client, "/queries/order_lines_of", order_id="q-1")) == 1
    contracts = {each["name"]: each for each in client.get("/contracts").json()["contracts"]}
    assert [table["name"] for table in contracts["baskets"]["tables"]] == ["baskets", "basket_items", "item_taxes"]
    assert client.get("/contracts/baskets").json()["json_schema"]


def answer_of(client: Client, path: str, **parameters: Any) -> Any:
    answer = client.get(path, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def test_a_file_that_is_overwritten_is_replaced_in_all_tables(product: Several) -> None:
    key = product.drop_baskets("replaced.json", [basket("r-1"), basket("r-2", sold="2024-09-01")])
    product.finished(key)
    assert product.identities(key) == together(rows("r-1", "2024-07"), rows("r-2", "2024-09"))
    put = product.s3.put_object(Bucket=product.settings.bucket, Key=key, Body=json.dumps([basket("r-2", 2, items=1)]))
    entry = product.finished(key, put["VersionId"])
    assert product.identities(key) == rows("r-2", "2024-07", 1)
    assert len(entry.files) == 3


def test_a_file_that_is_deleted_takes_its_rows_in_all_tables_along(product: Several) -> None:
    key, stays = product.drop_baskets("deleted.json", [basket("x-1")]), product.drop("stays.json", [order("x-1")])
    product.finished(key)
    product.finished(stays)
    product.s3.delete_object(Bucket=product.settings.bucket, Key=key)
    wait_for(lambda: (entry := product.entry(key)) and entry.state == DELETED and product.identities(key) == NOTHING)
    assert product.identities(stays)[MAIN] == [("x-1", "2024-07")]


def test_a_file_that_cannot_be_read_to_its_end_is_in_no_table(product: Several) -> None:
    key = product.drop_baskets("cut.json", json.dumps([basket("c-1")]).encode()[:-1])
    assert product.finished(key).state == QUARANTINED
    assert product.identities(key) == NOTHING


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds Lambda's processes in /proc")
def test_a_worker_that_is_killed_in_mid_load_leaves_all_tables_whole_after_the_next_try(product: Several) -> None:
    count = 60_000
    key = product.drop_baskets("killed.json", [basket(f"k-{i}", items=1) for i in range(count)])
    wait_for(lambda: (entry := product.entry(key)) and entry.state == LOADING)
    for worker in workers(product):
        os.kill(worker, signal.SIGKILL)
    entry = wait_for(lambda: product.finished_entry(key), seconds=120)
    assert entry.attempts == 2, "it was not killed in mid-load"
    loaded = product.identities(key)
    assert {table: len(found) for table, found in loaded.items()} == {
        MAIN: 0,
        "baskets": count,
        "basket_items": count,
        "item_taxes": 2 * count,
    }
    assert len(set(loaded["item_taxes"])) == count
    assert sorted(entry.files) == stored_files(product, key, entry.files)


def stored_files(product: Several, key: str, files: tuple[str, ...]) -> list[str]:
    """Return the files of the baskets' tables that a key's names have: those of its entry, and no other."""
    digest = files[0].rsplit("_", 1)[1][:16]
    pages = product.s3.get_paginator("list_objects_v2")
    listed = [
        each["Key"]
        for folder in product.baskets.folders.values()
        for page in pages.paginate(Bucket=product.settings.bucket, Prefix=folder)
        for each in page.get("Contents", ())
    ]
    return sorted(name for name in listed if name.rsplit("_", 1)[1].startswith(digest))


def test_the_sweep_finds_what_no_event_announced_in_the_folders_of_both(product: Several) -> None:
    with without_events(product):
        keys = product.drop_baskets("silent.json", [basket("s-1")]), product.drop("silent.json", [order("s-1")])
        assert sweep(product)["announced"] >= 2
    for key in keys:
        assert product.finished(key).counts.orders_loaded == 1
    assert product.identities(keys[0]) == rows("s-1", "2024-07")


def test_the_sweep_has_a_file_loaded_again_of_which_one_table_has_lost_its_part(product: Several) -> None:
    key = product.drop_baskets("lost.json", [basket("l-1")])
    files = product.finished(key).files
    (lost,) = [file for file in files if file.startswith("item_taxes/")]
    product.s3.delete_object(Bucket=product.settings.bucket, Key=lost)
    assert product.identities(key) == rows("l-1", "2024-07") | {"item_taxes": []}

    def healed() -> bool:
        # An entry is left alone for the grace time, a minute in this stage.
        sweep(product)
        return product.identities(key) == rows("l-1", "2024-07")

    wait_for(healed, seconds=120, pause=2)


def test_the_foundations_are_those_of_both_and_laying_them_again_changes_nothing(product: Several) -> None:
    assert product.command("glue_setup", "apply")[-1] == "Everything was in place: unchanged."
    tables = product.aws.client("glue").get_tables(DatabaseName=product.settings.database)["TableList"]
    expected = {*(table.name for each in product.datasets for table in each.tables)}
    expected |= {view for each in product.datasets for view in each.views}
    assert expected <= {table["Name"] for table in tables}
    alarms = product.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    names = {alarm["AlarmName"] for alarm in alarms}
    for contract in ("orders", "baskets"):
        for about in ("rejected", "file-quarantined", "late"):
            assert f"orders-etl-local-{contract}-{about}" in names


def test_each_function_may_touch_the_tables_of_both_and_nothing_beside(product: Several) -> None:
    folder = product.deployment.workspace / ".chalice"
    policies = {name: json.loads((folder / f"policy-local-{name}.json").read_text()) for name in ("load", "sweep")}
    tables = {
        f"arn:aws:s3:::{product.settings.bucket}/{each}*" for each in (f"{MAIN}/", *product.baskets.folders.values())
    }
    rejected = {
        f"arn:aws:s3:::{product.settings.bucket}/orders_quarantine/{folder}/*" for folder in ("rejected", "long")
    }
    for name, sid, more in (("load", "WriteTable", set[str]()), ("sweep", "RemoveFiles", rejected)):
        (statement,) = [each for each in policies[name]["Statement"] if each["Sid"] == sid]
        assert set(statement["Resource"]) == tables | more


def test_a_contract_is_added_by_its_folder_and_a_deployment_and_taken_away_without_touching_the_other(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    project, workspace = project_with(tmp_path_factory.mktemp("project"), {}), tmp_path_factory.mktemp("workspace")
    with running() as aws:
        before = Several(aws, deploy(aws, workspace, project))
        with without_schedule(before):
            kept = before.drop("kept.json", [order("a-1")])
            early = before.put(f"{before.settings.incoming_prefix}shop/early.json", json.dumps([basket("a-1")]))
            assert before.finished(kept).state == "loaded"
            # There is no contract of this folder yet, so that it is of the orders'.
            assert before.finished(early).counts.orders_rejected == 1

            both = Several(aws, deploy(aws, workspace, with_baskets(project)))
            assert both.finished(both.drop_baskets("later.json", [basket("a-2")])).state == "loaded"
            assert both.command("operate", "replay", "--key", early)
            assert both.identities(early) == rows("a-1", "2024-07")
            assert both.identities(kept) == NOTHING | {MAIN: [("a-1", "2024-07")]}
            assert both.entry(kept) == before.entry(kept)

            shutil.rmtree(project / "chalicelib" / "contracts" / NAME)
            after = Several(aws, deploy(aws, workspace, project))
            assert [each.name for each in after.datasets] == ["orders"]
            assert after.finished(after.drop("more.json", [order("a-3")])).state == "loaded"
            # What was loaded stays, in tables that nothing looks after any more.
            assert after.ask("SELECT COUNT(DISTINCT basket_id) FROM latest_baskets") == [(2,)]
