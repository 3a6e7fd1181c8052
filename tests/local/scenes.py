"""One scene a function: everything that needs a right of its role, played on the embedded AWS; raises what fails."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import uuid
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from pyarrow import parquet

from chalicelib.file_names import KEY_DIGITS
from chalicelib.flatten.schema import file_schema
from chalicelib.loading.entry import Entry
from local.pipeline import wait_for
from tests.contracts import ORDERS
from tests.local.api_client import Client, send
from tests.local.product import Product

CRAWLER = "orders-crawler"
GOOD: dict[str, Any] = {"order_date": "2024-05-01", "products": [{"product_id": "1", "price": 2, "quantity": 3}]}
LONG_AGO = "2020-01-01T00:00:00+00:00"


class Broken(AssertionError):
    """Something that the function does for its users does not work."""


class Scene(ABC):
    """What one function is for. The bucket announces nothing here: every event is handed over, and answered."""

    def __init__(self, product: Product, folder: Path) -> None:
        self.product = product
        self.folder = folder
        self.settings = product.settings
        self.s3 = product.s3
        self.bucket = product.settings.bucket

    @property
    @abstractmethod
    def function(self) -> str:
        """The function's deployed name."""

    @abstractmethod
    def act(self) -> None:
        """Use the function for all that it does. Raises when anything does not work."""

    def play(self) -> None:
        """Act, and see that the function's log tells of it."""
        before = self._logged()
        self.act()
        self.holds(self._logged() > before, "the function logs")

    def holds(self, fact: object, what: str) -> None:
        """Raise Broken unless `fact` is true."""
        if not fact:
            raise Broken(what)

    def invoke(self, function: str, event: Any) -> Any:
        """Have a function work on an event; return its answer."""
        answer = self.product.aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        result = json.loads(answer["Payload"].read())
        self.holds("FunctionError" not in answer, f"{function}: {result}")
        return result

    def load(self, key: str, put: dict[str, Any]) -> Any:
        """Announce an object to the loader as S3 does; return what the loader says."""
        thing = {"key": quote_plus(key), "versionId": put["VersionId"], "eTag": put["ETag"].strip('"'), "size": 1}
        record = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": "2026-01-01T00:00:00.000Z",
            "s3": {"bucket": {"name": self.bucket}, "object": thing | {"sequencer": f"{time.time_ns():020X}"}},
        }
        return self.invoke(self.product.deployment.functions["load"], {"Records": [record]})

    def put(self, key: str, *orders: dict[str, Any]) -> dict[str, Any]:
        """Drop orders under a key."""
        stored: dict[str, Any] = self.s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(orders).encode())
        return stored

    def entry(self, key: str) -> Entry:
        """Return what the ledger says of a key."""
        entry = self.product.entry(key)
        assert entry is not None, f"the ledger has no entry of {key}"
        return entry

    def there(self, key: str) -> bool:
        """Tell whether an object is there."""
        return "Contents" in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key)

    def receipt(self, key: str) -> dict[str, Any]:
        """Return the receipt of a key."""
        name = f"{self.settings.receipts_prefix}{key}.json"
        self.holds(self.there(name), f"there is a receipt of {key}")
        read: dict[str, Any] = json.loads(self.s3.get_object(Bucket=self.bucket, Key=name)["Body"].read())
        return read

    def months(self) -> list[str]:
        """Return the months of the main table that are registered."""
        pages = self.product.aws.client("glue").get_paginator("get_partitions").paginate(**self._table())
        return [each["Values"][0] for page in pages for each in page["Partitions"]]

    def unregister(self, month: str) -> None:
        """Unregister a month of the main table."""
        glue = self.product.aws.client("glue")
        glue.batch_delete_partition(**self._table(), PartitionsToDelete=[{"Values": [month]}])

    def _table(self) -> dict[str, str]:
        return {"DatabaseName": self.settings.database, "TableName": ORDERS.main.name}

    def crawler_is_ready(self) -> Any:
        """Wait until the crawler runs no more; return its last crawl."""
        glue = self.product.aws.client("glue")
        wait_for(lambda: glue.get_crawler(Name=CRAWLER)["Crawler"]["State"] == "READY", 60)
        return glue.get_crawler(Name=CRAWLER)["Crawler"].get("LastCrawl")

    def crawler_has_started_since(self, last: Any) -> bool:
        """Tell whether the crawler was started since its last crawl."""
        crawler = self.product.aws.client("glue").get_crawler(Name=CRAWLER)["Crawler"]
        return bool(crawler["State"] != "READY" or crawler.get("LastCrawl") != last)

    def _logged(self) -> int:
        logs, group = self.product.aws.client("logs"), f"/aws/lambda/{self.function}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return sum(len(page["events"]) for page in pages)


class Loading(Scene):
    """The loader: an object with a refused order, a new version of it in another month, a file that is no JSON, an
    event that it fails on."""

    def __init__(self, product: Product, folder: Path) -> None:
        super().__init__(product, folder)
        self._months = (f"{year}-{month:02}" for year in range(2001, 2024) for month in range(1, 13))

    @property
    def function(self) -> str:
        return self.product.deployment.functions["load"]

    def act(self) -> None:
        last = self.crawler_is_ready()
        self.s3.delete_object(Bucket=self.bucket, Key=f"{self.settings.state_prefix}crawler.json")
        key = f"{self.product.orders.incoming}{uuid.uuid4().hex}.json"
        refused = {"order_id": "2", "order_date": "yesterday"}
        self.holds(self.load(key, self.put(key, {"order_id": "1", **GOOD}, refused)) == ["partly_loaded"], "a load")
        first = self.entry(key)
        self.holds(first.quarantine and self.there(first.quarantine), "what was refused is kept")
        self.holds(self.crawler_has_started_since(last), "a load starts the crawler")
        self.holds(self.receipt(key).get("event_ids"), "the receipt says that the event was sent")
        self._relay_again(key)
        self._register_a_month()
        second = {"order_id": "1", **GOOD, "order_date": "2024-06-01"}
        self.holds(self.load(key, self.put(key, second)) == ["loaded"], "a new version")
        self.holds(not any(self.there(file) for file in first.kept), "what the old version had put there is gone")
        self.holds(self.receipt(key)["source_version"] == self.entry(key).version, "the receipt is the newest's")
        bad = self.s3.put_object(Bucket=self.bucket, Key=f"{key}.gz", Body=b"\x1f\x8b cut off")
        self.holds(self.load(f"{key}.gz", bad) == ["quarantined"], "a file that cannot be read")
        self._fail_to_the_end()

    def _relay_again(self, key: str) -> None:
        """See that an event which comes again makes good what was not relayed."""
        self.s3.delete_object(Bucket=self.bucket, Key=f"{self.settings.receipts_prefix}{key}.json")
        head = self.s3.head_object(Bucket=self.bucket, Key=key)
        self.holds(self.load(key, head) == ["duplicate"], "an event that comes again")
        self.holds(self.receipt(key)["rejected"], "what was rejected is read from the quarantine")

    def _register_a_month(self) -> None:
        """See that the first load of a month registers it; a process to which the catalog failed waits a while.

        It is a month that no play had before: a process remembers for minutes what it registered.
        """
        month = next(self._months)
        self.unregister(month)
        self.s3.delete_object(Bucket=self.bucket, Key=f"{self.settings.state_prefix}partitions.json")

        def load() -> bool:
            key = f"{self.product.orders.incoming}{uuid.uuid4().hex}.json"
            self.load(key, self.put(key, {"order_id": "1", **GOOD, "order_date": f"{month}-05"}))
            return month in self.months()

        wait_for(load, 60)

    def _fail_to_the_end(self) -> None:
        """See that an event which fails whenever it is tried ends in the queue."""
        sqs, functions = self.product.aws.client("sqs"), self.product.aws.client("lambda")
        (url,) = sqs.list_queues()["QueueUrls"]

        def waiting() -> int:
            attribute = "ApproximateNumberOfMessages"
            return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])["Attributes"][attribute])

        before = waiting()
        # A version that S3 has just announced and that is not there: the event has to come again.
        thing = {"key": f"{self.product.orders.incoming}a.json", "versionId": str(uuid.uuid4()), "eTag": "x"}
        record = {"eventTime": datetime.now(UTC).isoformat(), "s3": {"bucket": {"name": self.bucket}, "object": thing}}
        event = {"Records": [record]}
        functions.invoke(FunctionName=self.function, InvocationType="Event", Payload=json.dumps(event))
        wait_for(lambda: waiting() > before, 60)


class Sweeping(Scene):
    """The sweep: an object that no event announced, a file that is nobody's, a crawler that is wanted."""

    def __init__(self, product: Product, folder: Path) -> None:
        super().__init__(product, folder)
        table = product.orders.folders[product.orders.contract.main]
        self.orphan = f"{table}order_month=2024-01/{self._name_of_ours()}"
        self.s3.put_object(Bucket=self.bucket, Key=self.orphan, Body=_no_rows())
        self.pending = f"{product.orders.incoming}pending.json"
        loading = Loading(product, folder)
        loading.load(self.pending, loading.put(self.pending, {"order_id": "1", **GOOD}, {"order_id": "2"}))
        self.orphaned_at = time.monotonic()

    @property
    def function(self) -> str:
        return self.product.deployment.functions["sweep"]

    def act(self) -> None:
        wait_for(lambda: time.monotonic() > self.orphaned_at + self.settings.sweep_grace_seconds + 2, 120)
        progress = f"{self.settings.state_prefix}sweep.json"
        self.s3.delete_object(Bucket=self.bucket, Key=progress)
        self.s3.delete_object(Bucket=self.bucket, Key=f"{self.settings.receipts_prefix}{self.pending}.json")
        key = f"{self.product.orders.incoming}{uuid.uuid4().hex}.json"
        self.put(key, {"order_id": "1", **GOOD})
        month = GOOD["order_date"][:7]  # has files, and is remembered as registered, so that no load asks for it
        self.unregister(month)
        result = self.invoke(self.function, {})
        read = self.receipt(self.pending)
        self.holds(read["event_ids"] and read["rejected"], f"it relays what was not relayed: {read}")
        self.holds(result["announced"] >= 1, f"it announces what nobody did: {result}")
        self.holds(month in self.months(), "it registers what is not registered")
        self.holds(not self.there(self.orphan), "it removes what is nobody's")
        self.holds(self.there(progress), "it remembers where it was")
        self.holds(self.product.finished(key).state == "loaded", "what it announces is loaded")
        self._leave_to_a_backfill()
        # In a run of its own: what is loaded starts the crawler too.
        last = self.crawler_is_ready()
        state = json.dumps({"started_at": LONG_AGO, "wanted": True}).encode()
        self.s3.put_object(Bucket=self.bucket, Key=f"{self.settings.state_prefix}crawler.json", Body=state)
        self.invoke(self.function, {})
        self.holds(self.crawler_has_started_since(last), "it starts a crawler that is wanted")

    def _leave_to_a_backfill(self) -> None:
        """See that it leaves alone what a backfill is at, which waits for a free place all the while."""
        aws, loader = self.product.aws, self.product.deployment.functions["load"]
        states, functions = aws.client("stepfunctions"), aws.client("lambda")
        key = f"{self.product.orders.incoming}backfill/{uuid.uuid4().hex}.json"
        self.put(key, {"order_id": "1", **GOOD})
        functions.put_function_concurrency(FunctionName=loader, ReservedConcurrentExecutions=0)
        (machine,) = states.list_state_machines()["stateMachines"]
        given = json.dumps({"prefix": key, "contract": ""})
        run = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=given)["executionArn"]
        try:
            self.invoke(self.function, {})
            announced = self.product.entry(key)
        finally:
            states.stop_execution(executionArn=run)
            self.s3.delete_object(Bucket=self.bucket, Key=key)
            functions.delete_function_concurrency(FunctionName=loader)
        # Whatever else it announces meanwhile, of which it keeps an entry in the ledger.
        self.holds(announced is None, f"it leaves to a backfill what that is at: {announced}")

    def _name_of_ours(self) -> str:
        """Return the name of a file that is nobody's: of a real load's object, in a version that never was."""
        loading = Loading(self.product, self.folder)
        key = f"{self.product.orders.incoming}pattern.json"
        loading.load(key, loading.put(key, {"order_id": "1", **GOOD}))
        name = self.entry(key).files[0].rsplit("/", 1)[1]
        stem, digest = name.removesuffix(".parquet").rsplit("_", 1)
        of_key, of_version = digest[:KEY_DIGITS], digest[KEY_DIGITS:]
        return f"{stem}_{of_key}{''.join('0' if digit != '0' else '1' for digit in of_version)}.parquet"


class Asking(Scene):
    """The REST API: an upload and its status, a question, its results as a file."""

    @property
    def function(self) -> str:
        return self.product.deployment.functions["api_handler"]

    def act(self) -> None:
        aws = self.product.aws
        client = Client(self.product, (aws.access_key_id, aws.secret_access_key))
        link = client.offer("orders.json")
        waiting = client.get(f"/uploads/{link['upload_id']}")
        self.holds(waiting.status_code == 200 and waiting.json()["status"] == "waiting", f"waiting: {waiting.text}")
        orders = [{"order_id": "1", **GOOD}, {"order_id": "2", "order_date": "yesterday"}]
        self.holds(send(link, json.dumps(orders).encode(), self.folder) == 204, "an upload by the link")
        self.load(link["key"], self.s3.head_object(Bucket=self.bucket, Key=link["key"]))
        ended = client.get(f"/uploads/{link['upload_id']}").json()
        self.holds(ended.get("status") == "partly_loaded" and ended["rejected"], f"what was refused: {ended}")
        asked = client.get("/queries/rejected_of", source_key=link["key"])
        self.holds(asked.status_code == 200 and asked.json()["rows"], f"a question of the quarantine: {asked.text}")
        with urllib.request.urlopen(ended["quarantine_url"], timeout=30) as answer:
            self.holds(answer.status == 200, "the refused records by their link")
        listed = client.get("/sources", contains=link["upload_id"])
        self.holds(listed.status_code == 200 and listed.json()["sources"], f"what was dropped: {listed.text}")
        source = client.get("/source", key=link["key"])
        self.holds(source.status_code == 200 and source.json()["versions"], f"its versions: {source.text}")
        records = client.get("/rejected", key=link["key"])
        self.holds(records.status_code == 200 and records.json()["records"], f"its rejected records: {records.text}")
        answer = client.get("/queries/order_lines_of", order_id="1")
        self.holds(answer.status_code == 200 and answer.json()["rows"], f"a question: {answer.text}")
        execution = answer.json()["execution_id"]
        self.holds(client.get(f"/executions/{execution}/results").status_code == 200, "a page of results")
        download = client.get(f"/executions/{execution}/download")
        with urllib.request.urlopen(download.headers["Location"], timeout=30) as answer:
            self.holds(answer.status == 200, "the results by their link")
        download = client.get(f"/executions/{execution}/download", format="excel")
        with urllib.request.urlopen(download.headers["Location"], timeout=30) as answer:
            self.holds(answer.read(3) == b"\xef\xbb\xbf", "the results for Excel by their link")
        cancelled = client.call("DELETE", f"/executions/{execution}")
        self.holds(cancelled.status_code == 202, f"a cancellation: {cancelled.text}")


def _no_rows() -> bytes:
    """Return a Parquet file of the table without a row: the other scenes' questions read it too."""
    file = io.BytesIO()
    parquet.write_table(file_schema(ORDERS.main).empty_table(), file)
    return file.getvalue()


SCENES: dict[str, type[Scene]] = {"load": Loading, "sweep": Sweeping, "api_handler": Asking}
