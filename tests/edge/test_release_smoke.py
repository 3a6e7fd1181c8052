"""The smoke test finds what is wrong, says what to do, and leaves nothing behind, whatever happens."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from msgspec import structs

from chalicelib.aws.glue import table_input
from chalicelib.counts import Counts
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import FAILED, GONE, LOADED, QUARANTINED
from chalicelib.settings import Settings
from glue_setup.errors import SetupError
from release.smoke import FILE, Answer, Smoke, differences
from release.smoke_document import Row, SmokeDocument
from tests.contracts import ORDERS, datasets_of

BUCKET = "orders-etl-smoke"
(DATASET,) = datasets_of(Settings(bucket=BUCKET), ORDERS)
KEY = f"orders_json_incoming/{FILE}"
PARQUET = "orders_parquet_datalake/order_month=2000-01/a.parquet"


class Stage:
    """A bucket, with the loader and the REST API played beside it."""

    def __init__(self) -> None:
        self.s3 = boto3.client("s3", "us-east-1")
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.now = 0.0
        self.loads: Callable[[], None] = self.load
        self.answers: Callable[[list[Row]], list[Row]] = list
        self.how = "the API"
        self.differing: list[str] = []
        self.smoke = Smoke(
            self.s3,
            DATASET,
            "/aws/lambda/loader",
            differences=lambda: self.differing,
            monotonic=lambda: self.now,
            sleep=self.sleep,
        )
        self.ledger = self.smoke._ledger_key

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.loads()

    def version_ids(self) -> list[str]:
        """Return the versions of the file, the oldest first."""
        versions = self.s3.list_object_versions(Bucket=BUCKET, Prefix=KEY).get("Versions", [])
        return [each["VersionId"] for each in versions if not each["IsLatest"]][::-1] + [
            each["VersionId"] for each in versions if each["IsLatest"]
        ]

    def load(self, number: int = -1, **changed: Any) -> None:
        """Do as the loader: write the rows, then the ledger entry."""
        version = self.version_ids()[number]
        entry = Entry(KEY, version, "", LOADED, files=(PARQUET,), counts=Counts(1, 1, 0, 2))
        entry = structs.replace(entry, **changed)
        for key in entry.files:
            self.put(key)
        self.put(self.ledger, json.dumps(entry.as_json()).encode())

    def rows_of(self, document: SmokeDocument) -> Answer:
        self.put("athena_results/e-1.csv")
        return Answer("e-1", self.answers(document.rows["orders_parquet_datalake"]))

    def put(self, key: str, body: bytes = b"x") -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def run(self) -> list[str]:
        lines: list[str] = []
        self.smoke.run(self, lines.append)
        return lines

    def left(self) -> list[str]:
        answer: Any = self.s3.list_object_versions(Bucket=BUCKET)
        return [each["Key"] for kind in ("Versions", "DeleteMarkers") for each in answer.get(kind, [])]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Stage()


def test_what_was_dropped_is_loaded_asked_compared_and_gone_again(stage: Stage) -> None:
    assert stage.run()[-1] == "removed again: 4 object versions"
    assert stage.left() == []


def test_a_wrong_answer_is_reported_with_what_was_expected_and_removed_all_the_same(stage: Stage) -> None:
    stage.answers = lambda rows: [{**row, "price": "1.0000"} for row in rows]
    with pytest.raises(SetupError, match=r"not what was loaded: price: expected '46\.0000', found '1\.0000'"):
        stage.run()
    assert stage.left() == []


def test_an_answer_without_rows_and_one_with_too_few_are_wrong(stage: Stage) -> None:
    for count in (0, 1):
        stage.answers = lambda rows, count=count: rows[:count]  # type: ignore[misc]
        with pytest.raises(SetupError, match=f"expected 2 rows, found {count}"):
            stage.run()
    assert stage.left() == []


def test_an_answer_of_other_columns_and_in_the_documents_grain_is_compared_by_what_it_shares(stage: Stage) -> None:
    stage.answers = lambda rows: [{"order_id": rows[0]["order_id"], "total_amount": "54.5000", "line_count": 2}]
    stage.run()


def test_a_stage_with_another_contract_is_reported_with_what_differs(stage: Stage) -> None:
    stage.loads = lambda: stage.load(counts=Counts(1, 1, 0, 1))
    stage.differing = ["column orders_parquet_datalake.price is missing, and decimal(18,4) in the contract"]
    with pytest.raises(SetupError) as raised:
        stage.run()
    assert str(raised.value) == (
        f"{FILE}, a document of sample.json, was dropped and came out as loaded, 1 rows and not 2. The stage is not "
        "the one of chalicelib/contracts/orders: column orders_parquet_datalake.price is missing, and decimal(18,4) in "
        "the contract. Deploy it, or run the smoke test of the version that is deployed"
    )


@pytest.mark.parametrize(("path", "said"), [("order_no", "order_no: missing"), ("", "missing")])
def test_a_document_that_the_stage_rejects_is_reported_with_the_reason_in_the_quarantine(
    stage: Stage, path: str, said: str
) -> None:
    line = {"path": path, "reason": "missing: a document needs it"}
    kept = "orders_quarantine/rejected/a.ndjson.gz"
    stage.put(kept, gzip.compress(json.dumps(line).encode()))
    stage.loads = lambda: stage.load(
        state=QUARANTINED, counts=Counts(1, 0, 1, 0), files=(), quarantine=kept, quarantine_files=(kept,)
    )
    with pytest.raises(SetupError, match=rf"0 rows and not 2 \({said}: a document needs it\)"):
        stage.run()
    assert stage.left() == []


def test_a_catalog_that_is_not_the_contracts_is_told_by_column(stage: Stage) -> None:
    glue: Any = boto3.client("glue", "us-east-1")
    assert differences(glue, DATASET) == ["table orders_parquet_datalake is not there"]
    glue.create_database(DatabaseInput={"Name": DATASET.database})
    given: Any = table_input(DATASET, DATASET.contract.main, "projection")
    glue.create_table(DatabaseName=DATASET.database, TableInput=given)
    assert differences(glue, DATASET) == []
    columns = given["StorageDescriptor"]["Columns"]
    columns[1]["Type"], columns[2]["Name"] = "string", "total"
    glue.update_table(DatabaseName=DATASET.database, TableInput=given)
    assert differences(glue, DATASET) == [
        "column orders_parquet_datalake.order_date is string, and timestamp in the contract",
        "column orders_parquet_datalake.total is decimal(18,4), and missing in the contract",
        "column orders_parquet_datalake.total_amount is missing, and decimal(18,4) in the contract",
    ]


def test_a_file_that_nobody_loads_ends_in_time_with_where_to_look(stage: Stage) -> None:
    stage.loads = lambda: None
    stage.put("orders_ledger/of-another-file.json")
    with pytest.raises(SetupError, match=r"not loaded within 180 s: .*aws logs tail /aws/lambda/loader"):
        stage.run()
    assert 180 <= stage.now < 190
    assert stage.left() == ["orders_ledger/of-another-file.json"]


def test_where_nothing_was_ever_loaded_s3s_new_notification_is_given_six_minutes(stage: Stage) -> None:
    stage.loads = lambda: None
    with pytest.raises(SetupError, match=r"not loaded within 360 s: "):
        stage.run()
    assert 360 <= stage.now < 370
    assert stage.left() == []


def test_a_file_that_s3_did_not_announce_is_put_again_until_it_does_and_the_wait_is_shown(stage: Stage) -> None:
    stage.loads = lambda: stage.load() if len(stage.version_ids()) == 4 else None
    lines = stage.run()
    repeated = [line for line in lines if "is put again" in line]
    assert len(repeated) == 3
    assert "S3 takes up to five minutes for a new notification" in repeated[0]
    assert 3 * 45 <= stage.now < 4 * 45
    assert stage.left() == []


@pytest.mark.parametrize(("state", "tried", "reason"), [(GONE, 45, "not there"), (FAILED, 180, "its load failed")])
def test_a_put_that_was_announced_and_not_loaded_is_put_again_when_nobody_tries_it_any_more(
    stage: Stage, state: str, tried: float, reason: str
) -> None:
    def second() -> None:
        first = len(stage.version_ids()) == 1
        changed: dict[str, Any] = {"state": state, "counts": Counts(), "files": ()} if first else {}
        stage.load(**changed)

    stage.loads = second
    assert [reason in line for line in stage.run()] == [True, False, False, False]
    assert tried <= stage.now < tried + 10
    assert stage.left() == []


def test_once_the_first_event_came_nothing_is_put_again_and_the_last_puts_load_is_waited_for(stage: Stage) -> None:
    def late() -> None:
        # The event of the first put comes at 50 s, after the second put; that one's at 200 s.
        if stage.now >= 50:
            stage.load(number=0 if stage.now < 200 else -1)

    stage.loads = late
    assert len([line for line in stage.run() if "is put again" in line]) == 1
    assert 200 <= stage.now < 204
    assert stage.left() == []


def test_the_times_can_be_given(stage: Stage) -> None:
    stage.loads = lambda: None
    smoke = Smoke(stage.s3, DATASET, "", within=10, again=4, monotonic=lambda: stage.now, sleep=stage.sleep)
    lines: list[str] = []
    with pytest.raises(SetupError, match="within 10 s"):
        smoke.run(stage, lines.append)
    assert len(lines) == 2


def test_a_file_that_is_refused_is_reported_with_the_reason(stage: Stage) -> None:
    stage.loads = lambda: stage.load(state=QUARANTINED, counts=Counts(), reason="not JSON", files=())
    with pytest.raises(SetupError, match=r"came out as quarantined, 0 rows and not 2 \(not JSON\)"):
        stage.run()
    assert stage.left() == []


def test_what_an_interrupted_run_left_is_removed_by_the_next(stage: Stage) -> None:
    def interrupted(rows: list[Row]) -> list[Row]:
        raise KeyboardInterrupt

    stage.answers = interrupted
    kept = stage.smoke.clean_up
    stage.smoke.clean_up = lambda executions=None: 0  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    assert PARQUET in stage.left()
    stage.smoke.clean_up = kept  # type: ignore[method-assign]
    stage.answers = list
    stage.s3.delete_object(Bucket=BUCKET, Key="athena_results/e-1.csv")
    stage.run()
    assert stage.left() == []


def test_nothing_of_anybody_elses_is_removed(stage: Stage) -> None:
    others = ["orders_json_incoming/orders.json", "orders_parquet_datalake/order_month=2000-01/b.parquet"]
    for key in others:
        stage.put(key)
    stage.run()
    assert stage.left() == others
