"""A stage on moto, with Athena's DDL played by the catalog: what the tests of glue_setup work on."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, cast

import boto3
from moto import mock_aws
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends
from msgspec import structs

from chalicelib.contracts.contract import Contract
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup import foundations
from glue_setup.alarms import alarms, needs_data
from glue_setup.clients import Clients
from glue_setup.crawler import MANAGED_POLICY
from glue_setup.resource import Resource
from glue_setup.target import Target
from tests.contracts import ORDERS, datasets_of

REGION = "eu-west-1"
ACCOUNT = "123456789012"
BUCKET = "orders-etl-test"
READS = re.compile(r"(Get|List|Head|Describe)")


def target_with(stage: Stage, *contracts: Contract, region: str = REGION, partition: str = "aws") -> Target:
    """Return a stage's target in the tests' account; without contracts it has the orders."""
    return Target(stage, datasets_of(stage.settings, *contracts), ACCOUNT, region, partition)


class AthenaDdl:
    """Makes views as Athena does: in the catalog, under a text of its own, replacing what was there."""

    def __init__(self, athena: Any, glue: Any) -> None:
        self.athena = athena
        self.glue = glue
        self.ran: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.athena, name)

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        sql = request["QueryString"]
        self.ran.append(sql)
        match = re.search(r'CREATE OR REPLACE VIEW "?(\w+)"?\."?(\w+)"? AS', sql)
        assert match
        database, name = match.groups()
        with contextlib.suppress(self.glue.exceptions.EntityNotFoundException):
            self.glue.delete_table(DatabaseName=database, Name=name)
        self.glue.create_table(
            DatabaseName=database,
            TableInput={
                "Name": name,
                "TableType": "VIRTUAL_VIEW",
                "ViewOriginalText": f"/* Presto View: {len(sql)} {hash(sql)} */",
                "Parameters": {"presto_view": "true", "comment": "Presto View"},
                "StorageDescriptor": {"Columns": []},
            },
        )
        return {"QueryExecutionId": f"00000000-0000-0000-0000-{len(self.ran):012}"}

    def get_query_execution(self, **request: Any) -> dict[str, Any]:
        execution = {
            "QueryExecutionId": request["QueryExecutionId"],
            "Query": "",
            "WorkGroup": "etl_pipeline",
            "Status": {"State": "SUCCEEDED"},
        }
        return {"QueryExecution": execution}


class World:
    """One stage and everything around it."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(bucket=BUCKET, **settings)
        self.app, self.name = "orders-etl", "test"
        self.session = boto3.Session(region_name=REGION)
        self.s3 = self.client("s3")
        self.glue = self.client("glue")
        self.iam = self.client("iam")
        self.athena = self.client("athena")
        self.sqs = self.client("sqs")
        self.cloudwatch = self.client("cloudwatch")
        self.functions = self.client("lambda")
        self.logs = self.client("logs")
        self.states = self.client("stepfunctions")
        self.events = self.client("events")
        self.sns = self.client("sns")
        self.budgets = self.client("budgets")
        self.ddl = AthenaDdl(self.athena, self.glue)
        self.contracts: tuple[Contract, ...] = (ORDERS,)
        self.tls = True
        self.calls: list[str] = []
        for client in self.watched:
            client.meta.events.register("before-call", self._note)

    def client(self, service: str) -> Any:
        return self.session.client(service)  # type: ignore[call-overload]

    def _note(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)

    @property
    def watched(self) -> tuple[Any, ...]:
        """The clients of glue_setup, whose calls are noted."""
        storage = self.s3, self.glue, self.iam, self.athena, self.sqs
        others = self.cloudwatch, self.functions, self.logs, self.states, self.events, self.sns, self.budgets
        return *storage, *others

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not READS.match(call)]

    @property
    def stage(self) -> Stage:
        return Stage(self.name, self.app, self.settings, {"load": 900})

    @property
    def target(self) -> Target:
        return target_with(self.stage, *self.contracts)

    @property
    def clients(self) -> Clients:
        return replace(Clients(*self.watched), athena=cast(Any, self.ddl), tls=self.tls)

    @property
    def alarms(self) -> list[str]:
        """The names of the alarms that apply makes."""
        return [request["AlarmName"] for request in alarms(self.target) if not needs_data(request)]

    @property
    def resources(self) -> list[Resource]:
        return foundations.foundations(self.target, self.clients)

    @property
    def switched_off(self) -> list[Resource]:
        return foundations.switched_off(self.target, self.clients)

    def plan(self) -> list[str]:
        return self._run(lambda say: foundations.plan(self.resources, say, self.switched_off))

    def apply(self) -> list[str]:
        return self._run(lambda say: foundations.apply(self.resources, say, self.switched_off))

    def destroy(self, delete_data: bool = False) -> list[str]:
        """Return what destroy does to the foundations; nothing is wired."""
        lines = self._run(lambda say: foundations.destroy(self.target, self.clients, say, delete_data))
        return lines[len(foundations.wiring(self.target, self.clients)) :]

    def _run(self, run: Callable[[Callable[[str], None]], object]) -> list[str]:
        lines: list[str] = []
        self.calls.clear()
        run(lines.append)
        return lines

    def drop(self, key: str, body: bytes = b"x") -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def table(self, name: str = "orders_parquet_datalake") -> Any:
        return self.glue.get_table(DatabaseName="etl_pipeline", Name=name)["Table"]

    def set(self, **settings: Any) -> None:
        self.settings = structs.replace(self.settings, **settings)


@cache
def _managed_by_aws() -> dict[str, Any]:
    """Return the policies managed by AWS that a world knows: the crawler's and one of others."""
    policies = json.loads(aws_managed_policies_data)
    return {name: policies[name] for name in (MANAGED_POLICY.rpartition("/")[2], "ReadOnlyAccess")}


@contextlib.contextmanager
def world(**settings: Any) -> Iterator[World]:
    """Play AWS with moto. Of the policies managed by AWS it knows two: all of them take a second to load."""
    with mock_aws(config={"iam": {"load_aws_managed_policies": False}}):
        for name, data in _managed_by_aws().items():
            policy = AWSManagedPolicy.from_data(name, ACCOUNT, REGION, data)
            iam_backends[ACCOUNT]["aws"].managed_policies[policy.arn] = policy
        yield World(**settings)
