"""A backfill on the embedded AWS: kills, throttling and failures in between, and every count adds up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.errors import LocalError
from local.pipeline import wait_for
from tests.local.product import Product, order, product_with, sweep, without_events, without_schedule, workers

pytestmark = pytest.mark.aws

FOLDER = "history/"


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, where nothing happens by itself: no announcements, no schedule."""
    variables = {"ETL_BACKFILL_CONCURRENCY": "3", "ETL_BACKFILL_TOLERATED_PERCENT": "0"}
    with product_with(tmp_path_factory, variables) as product, without_events(product), without_schedule(product):
        yield product


def drop(product: Product, folder: str, count: int, first: int = 0) -> list[str]:
    """Drop objects of one order each below a folder; return their keys."""
    numbers = range(first, first + count)
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda i: product.drop(f"{folder}{i:05}.json", [order(f"{folder}{i}")]), numbers))


def backfill(product: Product, *arguments: str) -> tuple[list[str], dict[str, Any]]:
    """Run the command; return the lines it printed and the summary."""
    *lines, summary = product.command("operate", "backfill", "--pause", "0.2", *arguments)
    return lines, json.loads(summary)


def rows_by_key(product: Product, folder: str) -> Counter[str]:
    """Return how many rows of the table came from each key below a folder."""
    prefix = f"{product.orders.incoming}{folder}"
    table = product.orders.contract.main.name
    sql = f"SELECT source_key, COUNT(*) FROM {table} WHERE source_key LIKE '{prefix}%' GROUP BY 1"
    return Counter(dict(product.ask(sql)))


@contextlib.contextmanager
def killing(product: Product, pause: float, most: int) -> Iterator[list[int]]:
    """Kill a process of Lambda's every `pause` seconds, up to `most` of them."""
    killed: list[int] = []
    ends = threading.Event()

    def kill() -> None:
        while not ends.wait(pause) and len(killed) < most:
            for pid in workers(product)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        ends.set()
        thread.join()


@contextlib.contextmanager
def throttled(product: Product, places: int) -> Iterator[None]:
    """Leave so many places to the loader."""
    functions, name = product.aws.client("lambda"), product.deployment.functions["load"]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=places)
    try:
        yield
    finally:
        functions.delete_function_concurrency(FunctionName=name)


def test_a_run_loads_what_lies_below_a_prefix_and_a_second_one_skips_all_and_says_so(quiet: Product) -> None:
    keys = drop(quiet, "plain/", 60)
    prefix = f"{quiet.orders.incoming}plain/"
    lines = quiet.command("operate", "backfill", "--dry-run", "--prefix", prefix)
    assert "60 objects" in lines[0]
    assert "60 of" in lines[0]
    assert lines[-1] == "Nothing was touched."

    lines, summary = backfill(quiet, "--prefix", prefix)
    assert (summary["listed"], summary["loaded"], summary["orders_loaded"], summary["rows"]) == (60, 60, 60, 60)
    assert any("60 of 60 objects done (100%)" in line for line in lines)
    assert rows_by_key(quiet, "plain/") == Counter(keys)

    lines, summary = backfill(quiet, "--prefix", prefix)
    assert (summary["listed"], summary["loaded"], summary["skipped"]) == (60, 0, 60)
    assert lines[-1] == "Everything was loaded before: nothing was to be done."
    assert "0 of 0 bytes not loaded" in quiet.command("operate", "backfill", "--dry-run", "--prefix", prefix)[0]


@pytest.mark.slow
def test_what_is_killed_and_throttled_is_tried_again_and_no_row_is_there_twice(quiet: Product) -> None:
    check_faults(quiet, "faults/", 240, kills=3)


@pytest.mark.slow
def test_two_thousand_objects_with_kills_and_throttling_in_between_add_up(quiet: Product) -> None:
    check_faults(quiet, "many/", 2000, kills=8)


def check_faults(product: Product, folder: str, count: int, kills: int) -> None:
    """Load so many objects, some of them unreadable or loaded before, while processes are killed and throttled."""
    before = drop(product, folder, count // 10)
    backfill(product, "--prefix", f"{product.orders.incoming}{folder}")
    keys = drop(product, folder, count - count // 10, first=count // 10)
    cut_off = [product.drop(f"{folder}cut-{i}.json.gz", b"\x1f\x8b cut off") for i in range(5)]
    with killing(product, 1.5, kills) as killed, throttled(product, 2):
        lines, summary = backfill(product, "--prefix", f"{product.orders.incoming}{folder}")
    assert killed
    assert summary["listed"] == count + 5
    assert summary["loaded"] == summary["orders_loaded"] == summary["rows"] == len(keys), lines
    assert (summary["skipped"], summary["rejected"], summary["failed"]) == (len(before), len(cut_off), 0)
    assert rows_by_key(product, folder) == Counter([*before, *keys])

    lines, summary = backfill(product, "--prefix", f"{product.orders.incoming}{folder}")
    assert (summary["listed"], summary["skipped"]) == (count + 5, count + 5)
    assert lines[-1] == "Everything was loaded before: nothing was to be done."
    assert rows_by_key(product, folder) == Counter([*before, *keys])


@contextlib.contextmanager
def denied(product: Product, key: str) -> Iterator[None]:
    """Keep the loader from one object."""
    arn = f"arn:aws:s3:::{product.settings.bucket}/{key}"
    statement = {"Effect": "Deny", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": arn}
    iam = product.aws.client("iam")
    configuration = product.aws.client("lambda").get_function_configuration(
        FunctionName=product.deployment.functions["load"]
    )
    role = configuration["Role"].rsplit("/", 1)[1]
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="denied", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denied")


@pytest.mark.slow
def test_what_fails_to_the_end_is_named_and_a_redrive_goes_on_with_it_alone(quiet: Product) -> None:
    keys = drop(quiet, "denied/", 110)
    with denied(quiet, keys[105]), pytest.raises(LocalError) as ended:
        backfill(quiet, "--prefix", f"{quiet.orders.incoming}denied/")
    printed = ended.value.tail
    assert f"failed: {keys[105]}" in printed
    assert "110 listed = 109 loaded + 0 skipped + 0 rejected + 1 failed" in printed

    name = execution_names(quiet)[0]
    lines, summary = backfill(quiet, "--redrive", name)
    assert (summary["listed"], summary["loaded"], summary["failed"]) == (110, 110, 0), lines
    assert rows_by_key(quiet, "denied/") == Counter(keys)
    with pytest.raises(LocalError) as refused:
        backfill(quiet, "--redrive", name)
    assert "cannot be redriven" in refused.value.tail
    with pytest.raises(LocalError) as refused:
        backfill(quiet, "--watch", "nothing")
    assert f"there is no run nothing: name one that there is, the last are {name}" in refused.value.tail


def test_the_sweep_leaves_alone_what_a_backfill_is_at_and_finds_it_once_that_has_ended(quiet: Product) -> None:
    keys = drop(quiet, "waiting/", 3)
    states = quiet.aws.client("stepfunctions")
    machine = machine_arn(quiet)
    with throttled(quiet, 0):
        given = json.dumps({"prefix": f"{quiet.orders.incoming}waiting/", "contract": ""})
        arn = states.start_execution(stateMachineArn=machine, input=given)["executionArn"]
        assert sweep(quiet)["announced"] == 0
        with pytest.raises(LocalError) as refused:
            backfill(quiet)
        assert "is at work: follow it with --watch" in refused.value.tail
        states.stop_execution(executionArn=arn)
        assert sweep(quiet)["announced"] == len(keys)
    wait_for(lambda: all(map(quiet.finished_entry, keys)), 90)


@pytest.mark.slow
def test_no_statement_can_be_taken_from_the_policy_of_the_machines_role(quiet: Product) -> None:
    keys = drop(quiet, "rights/", 2)
    states = quiet.aws.client("stepfunctions")
    given = json.dumps({"prefix": keys[0], "contract": ""})

    def run() -> str:
        arn: str = states.start_execution(stateMachineArn=machine_arn(quiet), input=given)["executionArn"]
        return arn

    for sid in ("ListIncoming", "StartBatches", "FollowBatches", "LoadBatch", "WriteResults"):
        with without(quiet, sid):
            arn = run()
            assert ended_status(states, arn) == "FAILED", sid
    # The last of them loaded its batch and could not say so; the one before failed for its batch.
    with without(quiet, "LoadBatch"):
        arn = run()
        assert ended_status(states, arn) == "FAILED"
    with without(quiet, "RedriveBatches"):
        states.redrive_execution(executionArn=arn)
        assert ended_status(states, arn) == "FAILED"
    states.redrive_execution(executionArn=arn)
    assert ended_status(states, arn) == "SUCCEEDED"


@contextlib.contextmanager
def without(product: Product, sid: str) -> Iterator[None]:
    """Take a statement from the policy of the machine's role."""
    iam, role = product.aws.client("iam"), "orders-etl-local-backfill"
    policy = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
    statements = [each for each in policy["Statement"] if each["Sid"] != sid]
    assert len(statements) == len(policy["Statement"]) - 1
    document = json.dumps(policy | {"Statement": statements})
    iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=document)
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(policy))


def ended_status(states: Any, arn: str) -> str:
    """Wait for the end of an execution; return its status."""

    def poll() -> str | None:
        status: str = states.describe_execution(executionArn=arn)["status"]
        return None if status == "RUNNING" else status

    return wait_for(poll)


def machine_arn(product: Product) -> str:
    (machine,) = product.aws.client("stepfunctions").list_state_machines()["stateMachines"]
    arn: str = machine["stateMachineArn"]
    return arn


def execution_names(product: Product) -> list[str]:
    """Return the names of the runs, the last first."""
    states = product.aws.client("stepfunctions")
    executions = states.list_executions(stateMachineArn=machine_arn(product))["executions"]
    return [each["name"] for each in sorted(executions, key=lambda each: each["startDate"], reverse=True)]
