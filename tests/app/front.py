"""The app as the gateway calls it, on AWS clients that are written by hand and count their calls."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from unittest import mock

from botocore.exceptions import ClientError

from chalicelib.api.service import Api
from chalicelib.api.sources import Sources
from chalicelib.api.uploads import Uploads
from chalicelib.aws.athena import Athena
from chalicelib.aws.presigned import LinkBucket, link_client
from chalicelib.dataset import Dataset
from chalicelib.handlers import rest
from chalicelib.queries.saved import load
from chalicelib.settings import Settings
from local.emulator import PROJECT
from tests.contracts import datasets_of

VARIABLES = {"ETL_BUCKET": "orders-etl-test", "ETL_STAGE": "test"}
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
EXECUTION = "0b1c2d3e-4f50-4a61-8b72-9c8d0e1f2a3b"
REQUEST_ID = "7f0c2a51-0000-4000-8000-000000000001"
HOST = "abc123.execute-api.eu-central-1.amazonaws.com"
DATASETS = datasets_of(Settings.from_environment(VARIABLES))
QUERIES = load(DATASETS)
PREVIEW = QUERIES["preview"].bind({}).sql
_numbers = itertools.count()


def load_app(**variables: str) -> Any:
    """Import app.py anew, as a deployment with these variables does."""
    spec = importlib.util.spec_from_file_location(f"app_{next(_numbers)}", PROJECT / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(os.environ, VARIABLES | variables):
        spec.loader.exec_module(module)
    return module


def error(code: str, call: str = "Call", message: str = "arn:aws:iam::123456789012:role/secret") -> ClientError:
    """Return an AWS error with something in it that nobody may see."""
    return ClientError({"Error": {"Code": code, "Message": message}}, call)


@dataclass
class FakeAthena:
    """An Athena whose one execution is in `state`. `fails` maps a call to the error that it raises."""

    state: str = "SUCCEEDED"
    reason: str = ""
    started: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)
    rows: list[list[str | None]] = field(default_factory=lambda: [["1001", "9.5000"], ["1002", None]])
    query: str = f"-- saved query: preview\n{PREVIEW}"
    pages: list[dict[str, Any]] = field(default_factory=list)
    location: str | None = f"s3://orders-etl-test/athena_results/{EXECUTION}.csv"
    calls: list[str] = field(default_factory=list)
    start_seconds: float = 0.0
    passes: Callable[[float], None] = lambda seconds: None

    def _meet(self, call: str) -> None:
        self.calls.append(call)
        if call in self.fails:
            raise self.fails[call]

    def start_query_execution(self, **request: Any) -> dict[str, str]:
        self._meet("start")
        self.passes(self.start_seconds)
        self.started.append(request)
        return {"QueryExecutionId": EXECUTION}

    def get_query_execution(self, QueryExecutionId: str) -> dict[str, Any]:  # noqa: N803
        self._meet("get")
        if QueryExecutionId != EXECUTION:
            raise error("InvalidRequestException")
        status: dict[str, Any] = {"State": self.state, "SubmissionDateTime": NOW, "StateChangeReason": self.reason}
        return {
            "QueryExecution": {
                "QueryExecutionId": EXECUTION,
                "Query": self.query,
                "StatementType": "DML",
                "WorkGroup": "etl_pipeline",
                "Status": status,
                "Statistics": {"DataScannedInBytes": 11},
                "ResultConfiguration": {"OutputLocation": self.location} if self.location else {},
            }
        }

    def get_query_results(self, **request: Any) -> dict[str, Any]:
        self._meet("results")
        self.pages.append(request)
        first = int(request.get("NextToken", "0"))
        header: list[list[str | None]] = [["order_id", "total"]] if not first else []
        rows = [*header, *self.rows[first : first + request["MaxResults"] - len(header)]]
        last = first + len(rows) - len(header)
        answer: dict[str, Any] = {
            "ResultSet": {
                "Rows": [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows],
                "ResultSetMetadata": {
                    "ColumnInfo": [
                        {"Name": "order_id", "Label": "order_id", "Type": "varchar"},
                        {"Name": "total", "Label": "total", "Type": "decimal", "Precision": 38, "Scale": 4},
                    ]
                },
            }
        }
        return answer | ({"NextToken": str(last)} if last < len(self.rows) else {})

    def stop_query_execution(self, QueryExecutionId: str) -> dict[str, Any]:  # noqa: N803
        self._meet("stop")
        self.stopped.append(QueryExecutionId)
        return {}


@dataclass
class Body:
    """What get_object answers as its body."""

    content: bytes

    position: int = 0

    def read(self, size: int = -1) -> bytes:
        start, self.position = self.position, len(self.content) if size < 0 else self.position + size
        return self.content[start : self.position]


@cache
def signing_client() -> Any:
    """Return the one client that signs the links of every test: it makes no call, and takes longer than most of them to
    make.
    """
    return link_client(aws_access_key_id="x", aws_secret_access_key="x", region_name="eu-central-1")


class FakeS3:
    """Objects in memory, links by a real client that makes no call. `fails` is raised by every call."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.writes: list[str] = []
        self.fails: Exception | None = None
        self.listed_at_once = 1000
        self.versions: Callable[[str], dict[str, Any]] = lambda key: {}
        self.generate_presigned_post = signing_client().generate_presigned_post
        self.generate_presigned_url = signing_client().generate_presigned_url

    def put(self, key: str, content: bytes, at: datetime = NOW) -> None:
        self.objects[key] = (content, at)

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        content, at = self._found(Key, "404")
        return {"ETag": f'"{len(content)}"', "LastModified": at, "ContentLength": len(content)}

    def get_object(self, Bucket: str, Key: str, Range: str | None = None) -> dict[str, Any]:  # noqa: N803
        content, at = self._found(Key, "NoSuchKey")
        return {"Body": Body(content), "LastModified": at}

    def list_objects_v2(self, Bucket: str, Prefix: str, StartAfter: str) -> dict[str, Any]:  # noqa: N803
        self._meet()
        keys = sorted(key for key in self.objects if key.startswith(Prefix) and key > StartAfter)
        contents = [
            {"Key": key, "ETag": f'"{len(content)}"', "Size": len(content), "LastModified": at}
            for key in keys[: self.listed_at_once]
            for content, at in [self.objects[key]]
        ]
        return {"Contents": contents, "IsTruncated": len(keys) > self.listed_at_once}

    def list_object_versions(self, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803
        self._meet()
        return self.versions(Prefix)

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        self._meet()
        self.writes.append(Key)
        self.put(Key, Body)

    def _meet(self) -> None:
        if self.fails:
            raise self.fails

    def _found(self, key: str, missing: str) -> tuple[bytes, datetime]:
        self._meet()
        if key not in self.objects:
            raise error(missing)
        return self.objects[key]


@dataclass
class Reply:
    """What the gateway sends on. `body` is JSON values."""

    status: int
    headers: dict[str, str]
    body: Any
    text: str


class Front:
    """A deployed app: call it, and look at what it asked of AWS."""

    def __init__(self, datasets: Sequence[Dataset] = DATASETS, **variables: str) -> None:
        self.settings = Settings.from_environment(VARIABLES | variables)
        self.athena, self.s3 = FakeAthena(), FakeS3()
        self.now, self.slept = NOW, 0.0
        self.athena.passes = self.sleep
        self.caller = "arn:aws:iam::123456789012:user/ada"
        self.app = load_app(**variables).app
        bucket = LinkBucket(self.s3, self.settings.bucket)  # type: ignore[arg-type]
        queries = load(datasets)
        self.api = Api(
            self.settings,
            datasets,
            queries,
            Uploads(bucket, self.settings, datasets, now=lambda: self.now, random=secrets.token_bytes),
            Sources(bucket, self.settings, datasets, now=lambda: self.now),
            Athena(self.athena, self.settings, queries, saved_only=True, monotonic=self.clock, sleep=self.sleep),  # type: ignore[arg-type]
            bucket,
            monotonic=self.clock,
        )

    def clock(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def event(
        self,
        method: str,
        resource: str,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        is_base64: bool = False,
    ) -> dict[str, Any]:
        """Return what API Gateway hands to the function."""
        called = resource.format(**path) if path else resource
        return {
            "resource": resource,
            "path": called,
            "httpMethod": method,
            "headers": dict(headers) if headers is not None else None,
            "multiValueHeaders": None,
            "queryStringParameters": None,
            "multiValueQueryStringParameters": dict(query) if query else None,
            "pathParameters": dict(path) if path else None,
            "stageVariables": None,
            "requestContext": {
                "requestId": REQUEST_ID,
                "resourcePath": resource,
                "httpMethod": method,
                "domainName": HOST,
                "path": f"/api{called}",
                "identity": {"userArn": self.caller},
            },
            "body": body,
            "isBase64Encoded": is_base64,
        }

    def call(self, method: str, resource: str, **more: Any) -> Reply:
        """Call a route, as the gateway does, and return its answer."""
        with mock.patch.object(rest, "wired_api", return_value=self.api):
            answer = self.app(self.event(method, resource, **more), None)
        json.dumps(answer)
        text = answer["body"]
        return Reply(answer["statusCode"], answer["headers"], json.loads(text) if text else None, text)

    def post(self, filename: Any, **more: Any) -> Reply:
        """Ask for an upload link."""
        body = json.dumps({"filename": filename, **more})
        return self.call("POST", "/uploads", headers={"Content-Type": "application/json"}, body=body)
