"""A stage on moto, with Athena's DDL played by the catalog: what the tests of glue_setup work on."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace

import boto3
from moto import mock_aws

from chalicelib.contracts.orders.contract import ORDERS
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup import foundations
from glue_setup.alarms import alarms, needs_data
from glue_setup.clients import Clients
from glue_setup.place import Place

REGION = "eu-west-1"
ACCOUNT = "123456789012"
BUCKET = "orders-etl-test"
VIEWS = [
    ("order_lines", "CREATE OR REPLACE VIEW etl_pipeline.order_lines AS SELECT 1 AS one"),
    ("orders", "CREATE OR REPLACE VIEW etl_pipeline.orders AS SELECT 2 AS two"),
]
READS = re.compile(r"(Get|List|Head|Describe)")


class AthenaDdl:
    """Makes views as Athena does: in the catalog, under a text of its own, replacing what was there."""

    def __init__(self, glue):
        self.glue = glue
        self.ran = []

    def start(self, sql):
        self.ran.append(sql)
        database, name = re.match(r"CREATE OR REPLACE VIEW (\w+)\.(\w+) AS", sql).groups()
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
        return str(len(self.ran))

    def wait(self, execution_id, timeout):
        assert 0 < timeout < 600


class World:
    """One stage and everything around it."""

    def __init__(self, **settings):
        self.settings = Settings(bucket=BUCKET, **settings)
        self.app, self.name = "orders-etl", "test"
        self.session = boto3.Session(region_name=REGION)
        self.s3 = self.session.client("s3")
        self.glue = self.session.client("glue")
        self.iam = self.session.client("iam")
        self.athena = self.session.client("athena")
        self.sqs = self.session.client("sqs")
        self.cloudwatch = self.session.client("cloudwatch")
        self.functions = self.session.client("lambda")
        self.logs = self.session.client("logs")
        self.ddl = AthenaDdl(self.glue)
        self.contract = ORDERS
        self.views = VIEWS
        self.place = Place(ACCOUNT, REGION)
        self.tls = True
        self.calls = []
        for client in self.watched:
            client.meta.events.register("before-call", self._note)

    def _note(self, model, **_):
        self.calls.append(model.name)

    @property
    def watched(self):
        """The clients of glue_setup, whose calls are noted."""
        return self.s3, self.glue, self.iam, self.athena, self.sqs, self.cloudwatch, self.functions, self.logs

    @property
    def writes(self):
        return [call for call in self.calls if not READS.match(call)]

    @property
    def stage(self):
        return Stage(self.name, self.app, self.settings, {"load": 900})

    @property
    def alarms(self):
        """The names of the alarms that apply makes."""
        return [request["AlarmName"] for request in alarms(self.stage, self.place) if not needs_data(request)]

    def resources(self, everything=False):
        clients = Clients(*self.watched, self.tls)
        return foundations.foundations(self.stage, self.place, clients, self.views, self.ddl, self.contract, everything)

    def plan(self):
        return self._run(lambda say: foundations.plan(self.resources(), say))

    def apply(self):
        return self._run(lambda say: foundations.apply(self.resources(), say))

    def destroy(self, delete_data=False):
        return self._run(lambda say: foundations.destroy(self.resources(everything=True), say, delete_data))

    def _run(self, run):
        lines = []
        self.calls.clear()
        run(lines.append)
        return lines

    def drop(self, key, body=b"x"):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def table(self, name="orders_parquet_datalake"):
        return self.glue.get_table(DatabaseName="etl_pipeline", Name=name)["Table"]

    def set(self, **settings):
        self.settings = replace(self.settings, **settings)


@contextlib.contextmanager
def world(**settings) -> Iterator[World]:
    # Without this moto knows no policy that AWS manages, such as the crawler's role has; it takes seconds to load.
    crawls = settings.get("catalog_mode") == "crawler"
    with mock_aws(config={"iam": {"load_aws_managed_policies": crawls}}):
        yield World(**settings)
