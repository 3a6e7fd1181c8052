"""A small Chalice app that reports what the embedded AWS does to it."""

import json
import os
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError
from chalice.app import Chalice, IAMAuthorizer, Rate, S3Event

app = Chalice(app_name="probe")
BUCKET = os.environ["PROBE_BUCKET"]


@app.on_s3_event(bucket=BUCKET, prefix="in/", events=["s3:ObjectCreated:*"])
def receive(event: S3Event) -> None:
    """Write a receipt named after this process: which key came, and when the work began and ended."""
    began = time.time()
    time.sleep(0.05)
    receipt = {"key": event.key, "process": os.getpid(), "began": began, "ended": time.time()}
    boto3.client("s3").put_object(
        Bucket=BUCKET, Key=f"out/{time.time_ns()}-{os.getpid()}", Body=json.dumps(receipt).encode()
    )


@app.lambda_function()
def attempt(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Call AWS as asked, `{"service", "call", "arguments"}`, and tell who called and what came of it."""
    client = boto3.client(event["service"])
    try:
        answer = getattr(client, event["call"])(**event["arguments"])
    except ClientError as refused:
        return {"code": refused.response["Error"]["Code"]}
    answer.pop("ResponseMetadata")
    return {"code": "OK", "arn": answer.get("Arn", "")}


@app.schedule(Rate(1, unit=Rate.HOURS))
def sweep(event: object) -> None:
    """Stand for a scheduled function."""


@app.route("/open")
def anyone() -> dict[str, str]:
    """Answer without authorization."""
    return {"route": "open"}


@app.route("/signed/{name}", methods=["GET", "POST"], authorizer=IAMAuthorizer())
def signed(name: str) -> dict[str, Any]:
    """Answer a caller who may invoke."""
    request = app.current_request
    assert request is not None
    return {"name": name, "query": request.query_params and dict(request.query_params), "body": request.json_body}
