"""A crawler run makes the table of the Parquet files under its targets, with its own role's permissions.

Gap: MiniStack's crawler is a timer of five seconds that creates nothing. Here a run lists the target, reads the schema
from the first file's footer, makes the table named after the folder unless there is one, and registers partitions.
It works through the API under the crawler's role, so a permission that the role lacks fails the run as on AWS. Only
Parquet under `name=value` folders is understood. Drop this file when a crawler of MiniStack makes a table by itself.
"""

from __future__ import annotations

import contextvars
import logging
import os
import secrets
import threading
import time
import uuid
from typing import Any

from ministack.services import glue, sts

TOUCHES = {
    "ministack.services.glue._start_crawler": "442900d0f053",
    "ministack.services.glue._create_crawler": "e44391d00390",
    "ministack.services.sts.register_session": "a84ec986ec01",
}

LEAST_RUN_SECONDS = 1.0
"""A run takes minutes on AWS. It lasts at least this long here, so that a second start meets a running crawler."""

logger = logging.getLogger("glue.crawler")

Json = dict[str, Any]


def apply() -> None:
    """Replace the timer by a real run."""
    refuse_or_pretend = glue._start_crawler

    def start_crawler(data: Json) -> Any:
        crawler = glue._crawlers.get(data.get("Name"))
        if crawler is None or crawler["State"] != "READY":
            return refuse_or_pretend(data)
        crawler["State"] = "RUNNING"
        context = contextvars.copy_context()  # MiniStack keeps the account and region there
        threading.Thread(target=context.run, args=(_run, crawler), daemon=True).start()
        return glue.json_response({})

    glue._start_crawler = start_crawler


def _run(crawler: Json) -> None:
    from local.crawl import crawl

    began = time.time()
    last = {
        "Status": "SUCCEEDED",
        "LogGroup": "/aws-glue/crawlers",
        "LogStream": crawler["Name"],
        "MessagePrefix": uuid.uuid4().hex,
        "StartTime": began,
    }
    try:
        crawl(crawler, credentials_of(crawler["Role"], "AWSGlue-crawler"))
    except Exception as failure:  # whatever it is, the run has failed and the crawler is ready again
        logger.warning("Crawler %s failed: %s", crawler["Name"], failure)
        last |= {"Status": "FAILED", "ErrorMessage": str(failure)}
    time.sleep(max(0.0, began + LEAST_RUN_SECONDS - time.time()))
    crawler["CrawlElapsedTime"] = int((time.time() - began) * 1000)
    crawler["LastCrawl"] = last
    crawler["State"] = "READY"


def credentials_of(role: str, session: str) -> Json:
    """Open a session of a role, as a service that takes it does, and return it as keyword arguments of boto3."""
    name = role.rsplit("/", 1)[-1]
    access_key, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(32)
    account = os.environ["MINISTACK_ACCOUNT_ID"]
    sts.register_session(
        access_key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
            "UserId": f"{name}:{session}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {"aws_access_key_id": access_key, "aws_secret_access_key": secret, "aws_session_token": token}
