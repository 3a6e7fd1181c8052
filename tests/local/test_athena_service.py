"""Athena of the embedded AWS over its API: workgroups, executions, results, and the rights of its caller."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.athena import Athena
from chalicelib.aws.athena_results import Execution
from chalicelib.errors import ExecutionNotFound, ParameterError, QueryFailed
from chalicelib.queries.views import view_statements
from chalicelib.settings import Settings
from local.emulator import ACCOUNT, Emulator, running
from tests.local.athena_memory_lake import BUCKET, DATABASE, ORDERS, QUERIES, TABLE, month_files, order, table_input

pytestmark = pytest.mark.aws

WORKGROUP = "athena_service_test"
RESULTS = f"s3://{BUCKET}/athena_results/"
WAIT = 30.0
ROWS = [
    *order("1", "2024-07-01T09:30:00", "30.00", ("c1", 'Ann "A"'), [("p1", "Pen", None, "10.00", 1)] * 2),
    *order("2", "2024-08-01", "7.00", None, []),
]


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    """An embedded AWS of its own: the deployed product has the same database."""
    with running() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def settings(aws: Emulator) -> Iterator[Settings]:
    s3, glue = aws.client("s3"), aws.client("glue")
    s3.create_bucket(Bucket=BUCKET)
    glue.create_database(DatabaseInput={"Name": DATABASE})
    glue.create_table(DatabaseName=DATABASE, TableInput=table_input())
    for key, content in month_files(ROWS).items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    aws.client("athena").create_work_group(
        Name=WORKGROUP,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": 10_000_000,
            "ResultConfiguration": {"OutputLocation": RESULTS},
        },
    )
    made = Settings(bucket=BUCKET, workgroup=WORKGROUP)
    athena = Athena(aws.client("athena"), made, QUERIES)
    for _, sql in view_statements(ORDERS):
        athena.wait(athena.start(sql), WAIT)
    yield made
    for name in (*ORDERS.views, TABLE):
        glue.delete_table(DatabaseName=DATABASE, Name=name)
    glue.delete_database(Name=DATABASE)
    aws.client("athena").delete_work_group(WorkGroup=WORKGROUP, RecursiveDeleteOption=True)
    for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def athena(aws: Emulator, settings: Settings) -> Athena:
    return Athena(aws.client("athena"), settings, QUERIES)


def ran(athena: Athena, sql: str, *parameters: str) -> Execution:
    return athena.wait(athena.start(sql, parameters), WAIT)


def refusal(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_an_execution_of_a_saved_query_has_its_name(athena: Athena) -> None:
    statement = QUERIES["sales_per_customer"].bind({"from": "2024-07-01"})
    execution = athena.wait(athena.start(statement.sql, statement.parameters, name=statement.name), WAIT)
    assert execution.query == "sales_per_customer"
    assert execution.statement_type == "DML"
    assert execution.scanned_bytes > 0
    assert execution.cost_usd == Decimal("0.00004768")
    assert execution.submitted_at is not None
    assert execution.completed_at is not None
    assert [row[:3] for row in athena.rows(execution)] == [
        ("c1", 'Ann "A"', Decimal("30.0000")),
        (None, "guest", Decimal("7.0000")),
    ]


def test_the_result_is_a_csv_file_where_the_workgroup_says(aws: Emulator, athena: Athena) -> None:
    execution = ran(
        athena,
        "SELECT order_id, customer_name, product_category, '' AS nothing FROM order_lines ORDER BY order_id",
    )
    assert execution.results_location == f"{RESULTS}{execution.execution_id}.csv"
    key = f"athena_results/{execution.execution_id}.csv"
    content = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    assert content.splitlines() == [
        '"order_id","customer_name","product_category","nothing"',
        '"1","Ann ""A""",,""',
        '"1","Ann ""A""",,""',
        '"2",,,""',
    ]
    assert aws.client("s3").head_object(Bucket=BUCKET, Key=f"{key}.metadata")["ContentLength"] > 0


def test_the_callers_location_for_results_is_overruled(aws: Emulator, athena: Athena) -> None:
    started = aws.client("athena").start_query_execution(
        QueryString="SELECT 1 AS x",
        WorkGroup=WORKGROUP,
        ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/elsewhere/"},
    )
    location = athena.wait(started["QueryExecutionId"], WAIT).results_location
    assert location is not None
    assert location.startswith(RESULTS)


def test_pages_hold_as_many_rows_as_asked_for_and_their_tokens_survive(athena: Athena) -> None:
    numbers = "SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n"
    execution = ran(athena, numbers)
    first = athena.page(execution, page_size=2)
    assert first.rows == [(1,), (2,)]
    token = first.next_page_token
    assert token is not None
    for _ in range(2):
        assert athena.page(execution, page_size=2, page_token=token).rows == [(3,), (4,)]
    assert [row[0] for row in athena.rows(execution)] == list(range(1, 2501))
    with pytest.raises(ParameterError, match="page_token"):
        athena.page(ran(athena, numbers), page_token=token)
    with pytest.raises(ParameterError, match="page_token"):
        athena.page(execution, page_token="made up")


def test_the_same_token_starts_once(aws: Emulator, athena: Athena) -> None:
    one = athena.start("SELECT 1 AS x", token="t")
    assert athena.start("SELECT 1 AS x", token="t") == one
    assert athena.start("SELECT 2 AS x", token="t") != one
    client = aws.client("athena")
    request = {"WorkGroup": WORKGROUP, "ClientRequestToken": "x" * 32}
    client.start_query_execution(QueryString="SELECT 1 AS x", **request)
    message = refusal(client.start_query_execution, QueryString="SELECT 2 AS x", **request)
    assert message == "InvalidRequestException: Idempotent parameters do not match"


def test_results_are_reused_when_asked_for_and_cost_nothing(athena: Athena) -> None:
    first = ran(athena, "SELECT COUNT(*) AS n, MAX(order_id) AS m FROM orders")
    again = athena.wait(athena.start("SELECT COUNT(*) AS n, MAX(order_id) AS m FROM orders", max_age_minutes=5), WAIT)
    assert again.reused
    assert again.cost_usd == 0
    assert again.results_location == first.results_location
    assert list(athena.rows(again)) == [(2, "2")]


def test_a_failed_query_gives_its_reason_in_words(athena: Athena) -> None:
    execution_id = athena.start("SELECT nope FROM orders")
    with pytest.raises(QueryFailed, match="COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"):
        athena.wait(execution_id, WAIT)
    failed = athena.execution(execution_id)
    assert failed.cost_usd == 0
    with pytest.raises(QueryFailed):
        athena.page(failed)


def test_text_that_is_not_sql_is_refused_when_it_is_submitted(aws: Emulator, settings: Settings) -> None:
    message = refusal(aws.client("athena").start_query_execution, QueryString="SELEC 1", WorkGroup=WORKGROUP)
    assert message.startswith("InvalidRequestException: line 1:")


def test_running_queries_can_be_cancelled_and_make_room_for_others(athena: Athena) -> None:
    numbers = "UNNEST(sequence(1, 300000))"
    endless = f"SELECT SUM(a.n * b.n) AS s FROM {numbers} AS a(n), {numbers} AS b(n) WHERE a.n % 7 = b.n % 5"
    started = [athena.start(endless), athena.start(endless)]
    for execution_id in started:
        while athena.execution(execution_id).state == "QUEUED":
            time.sleep(0.05)
        athena.cancel(execution_id)
        with pytest.raises(QueryFailed) as caught:
            athena.wait(execution_id, WAIT)
        assert caught.value.state == "CANCELLED"
    ran(athena, "SELECT 1 AS x")


def test_results_that_are_gone_are_an_error_with_the_remedy(aws: Emulator, athena: Athena) -> None:
    execution = ran(athena, "SELECT 1 AS x")
    aws.client("s3").delete_object(Bucket=BUCKET, Key=f"athena_results/{execution.execution_id}.csv")
    with pytest.raises(QueryFailed, match="can no longer be read"):
        athena.page(execution)


def test_executions_of_another_workgroup_and_unknown_ids_are_not_ours(aws: Emulator, athena: Athena) -> None:
    started = aws.client("athena").start_query_execution(
        QueryString="SELECT 1 AS x", ResultConfiguration={"OutputLocation": RESULTS}
    )
    for execution_id in (started["QueryExecutionId"], "0b1c2d3e-4f50-4a61-8b72-9c8d0e1f2a3b"):
        with pytest.raises(ExecutionNotFound):
            athena.execution(execution_id)


def test_an_unknown_or_disabled_workgroup_takes_no_query(aws: Emulator, settings: Settings) -> None:
    client = aws.client("athena")
    message = refusal(client.start_query_execution, QueryString="SELECT 1", WorkGroup="nope")
    assert message == "InvalidRequestException: WorkGroup nope is not found."
    client.create_work_group(Name="off", Configuration={"ResultConfiguration": {"OutputLocation": RESULTS}})
    client.update_work_group(WorkGroup="off", State="DISABLED")
    assert "is disabled" in refusal(client.start_query_execution, QueryString="SELECT 1", WorkGroup="off")


def test_a_workgroup_is_completed(aws: Emulator) -> None:
    client = aws.client("athena")
    client.create_work_group(Name="plain", Configuration={"BytesScannedCutoffPerQuery": 10_000_000})
    client.update_work_group(
        WorkGroup="plain",
        ConfigurationUpdates={
            "RemoveBytesScannedCutoffPerQuery": True,
            "ResultConfigurationUpdates": {"OutputLocation": RESULTS, "ExpectedBucketOwner": ACCOUNT},
        },
    )
    configuration = client.get_work_group(WorkGroup="plain")["WorkGroup"]["Configuration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    assert "BytesScannedCutoffPerQuery" not in configuration
    assert configuration["ResultConfiguration"] == {"OutputLocation": RESULTS, "ExpectedBucketOwner": ACCOUNT}


ATHENA = {
    "Effect": "Allow",
    "Action": [
        "athena:StartQueryExecution",
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:StopQueryExecution",
    ],
    "Resource": f"arn:aws:athena:us-east-1:{ACCOUNT}:workgroup/{WORKGROUP}",
}
CATALOG = {
    "Effect": "Allow",
    "Action": ["glue:GetDatabase", "glue:GetTable"],
    "Resource": [
        f"arn:aws:glue:us-east-1:{ACCOUNT}:{name}"
        for name in ("catalog", "database/default", f"database/{DATABASE}", f"table/{DATABASE}/*")
    ],
}
DATA = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/orders_parquet_datalake/*"}
LISTING = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": f"arn:aws:s3:::{BUCKET}"}
OUTPUT = {
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:PutObject"],
    "Resource": f"arn:aws:s3:::{BUCKET}/athena_results/*",
}
ALL: dict[str, dict[str, Any]] = {
    "athena": ATHENA,
    "catalog": CATALOG,
    "data": DATA,
    "listing": LISTING,
    "output": OUTPUT,
}


def user(aws: Emulator, name: str, statements: list[dict[str, Any]]) -> dict[str, str]:
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name,
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def test_a_policy_for_one_workgroup_and_the_tables_data_is_enough(aws: Emulator, settings: Settings) -> None:
    client = aws.client("athena", user(aws, "athena-all", list(ALL.values())))
    athena = Athena(client, settings, QUERIES)
    execution = ran(athena, "SELECT COUNT(*) AS n FROM orders")
    assert list(athena.rows(execution)) == [(2,)]
    athena.cancel(execution.execution_id)
    assert "AccessDenied" in refusal(client.start_query_execution, QueryString="SELECT 1", WorkGroup="primary")


@pytest.mark.parametrize("missing", ["catalog", "data", "listing", "output"])
def test_athena_may_do_no_more_than_its_caller(aws: Emulator, settings: Settings, missing: str) -> None:
    statements = [statement for name, statement in ALL.items() if name != missing]
    athena = Athena(aws.client("athena", user(aws, f"athena-no-{missing}", statements)), settings, QUERIES)
    with pytest.raises(QueryFailed, match="PERMISSION_DENIED: Insufficient permissions"):
        athena.wait(athena.start("SELECT MAX(order_date) AS d FROM orders"), WAIT)


def test_a_table_may_be_made_by_ddl_and_is_empty_without_partitions(athena: Athena) -> None:
    ran(
        athena,
        f"CREATE EXTERNAL TABLE by_ddl (order_id string, total decimal(18,4)) PARTITIONED BY (order_month string) "
        f"STORED AS PARQUET LOCATION 's3://{BUCKET}/by_ddl/'",
    )
    assert athena.page(ran(athena, "SELECT * FROM by_ddl")).columns == [
        ("order_id", "varchar"),
        ("total", "decimal(18,4)"),
        ("order_month", "varchar"),
    ]
    ran(athena, "DROP TABLE by_ddl")
    with pytest.raises(QueryFailed, match="TABLE_NOT_FOUND"):
        ran(athena, "SELECT * FROM by_ddl")
