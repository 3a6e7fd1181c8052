"""Faults of real AWS's first minutes, each played only when LOCAL_FAULTS names it: see local.faults.

Gap: in MiniStack everything works the moment it is made. On AWS a new notification configuration takes minutes, objects
written soon after versioning was switched on may be missing, IAM and Lambda's permissions settle for seconds, and a new
queue or API stage is not known everywhere; a deployment that does not wait for them works here and fails there. Drop
this file when MiniStack can play these by itself.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import apigateway_v1 as rest
from ministack.services import glue, lambda_svc, s3, sqs

from local import faults

TOUCHES = {
    "ministack.services.s3._fire_s3_event_async": "d42619f0eb86",
    "ministack.services.s3._event_matches": "ec8060c0e355",
    "ministack.services.s3._key_matches_filter": "9707ab805a20",
    "ministack.services.s3._parse_notification_config": "2d4ce15bd952",
    "ministack.services.s3._put_bucket_notification": "2e475b5ea0c1",
    "ministack.services.s3._put_bucket_versioning": "e6f9ef133087",
    "ministack.services.s3._get_object": "64ad7071ef0e",
    "ministack.services.s3._invalid_notification_config": "3e058068bfe2",
    "ministack.services.lambda_svc._put_event_invoke_config": "e53a9f8cbd9c",
    "ministack.services.glue._create_crawler": "e44391d00390",
    "ministack.services.sqs._dispatch": "6a429fdb61eb",
    "ministack.services.apigateway_v1.handle_execute": "c44e927a3e33",
}

NOT_YET = (
    "The function's execution role does not have permissions to call SendMessage on {destination}",
    "The destination ARN {destination} is invalid.",
)
"""What Lambda says of a destination while the function's role settles, in turn."""


def apply() -> None:
    """Wrap the functions of MiniStack that the named faults disturb."""
    amounts = faults.parse(os.environ.get(faults.VARIABLE, ""))
    plays = {
        "slow-notification": _slow_notification,
        "missing-version": _missing_version,
        "validation-race": _validation_race,
        "settling-role": _settling_role,
        "young-queue": _young_queue,
        "young-stage": _young_stage,
    }
    for name, amount in amounts.items():
        plays[name](amount)


class _Young:
    """What was just made, by name. It is young for so long after its first use: a slow machine changes nothing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._used: dict[Any, float | None] = {}

    def made(self, name: Any) -> None:
        self._used.setdefault(name, None)

    def __contains__(self, name: Any) -> bool:
        if name not in self._used:
            return False
        first = self._used[name] or time.monotonic()
        self._used[name] = first
        return time.monotonic() - first < self._seconds


def _slow_notification(seconds: float) -> None:
    fire, put = s3._fire_s3_event_async, s3._put_bucket_notification
    young = _Young(seconds)

    def announced(bucket: str) -> Any:
        # The ids are made anew where none is given: they are no part of what is announced.
        configs = s3._parse_notification_config(bucket)
        return bucket, str([{key: each[key] for key in sorted(each) if key != "id"} for each in configs])

    def put_and_note(name: str, *arguments: Any) -> Any:
        answer = put(name, *arguments)
        young.made(announced(name))
        return answer

    def is_announced(bucket: str, key: str, event: str) -> bool:
        return any(
            s3._event_matches(event, each["events"])
            and s3._key_matches_filter(key, each["filter_prefix"], each["filter_suffix"])
            for each in s3._parse_notification_config(bucket)
        )

    def fire_later(bucket: str, key: str, event: str, *arguments: Any, **named: Any) -> None:
        if not is_announced(bucket, key, event) or announced(bucket) not in young:
            fire(bucket, key, event, *arguments, **named)

    s3._put_bucket_notification = put_and_note
    s3._fire_s3_event_async = fire_later


def _missing_version(seconds: float) -> None:
    get, put = s3._get_object, s3._put_bucket_versioning
    young = _Young(seconds)

    def put_and_note(name: str, body: bytes) -> Any:
        answer = put(name, body)
        young.made(name)
        return answer

    def get_later(bucket: str, key: str, headers: Any, query_params: Any = None) -> Any:
        if s3._qp(query_params or {}, "versionId", "") and bucket in young:
            return s3._error("NoSuchKey", "The specified key does not exist.", 404, f"/{bucket}/{key}")
        return get(bucket, key, headers, query_params)

    s3._put_bucket_versioning = put_and_note
    s3._get_object = get_later


def _validation_race(times: float) -> None:
    put = s3._put_bucket_notification
    refused: Counter[str] = Counter()

    def refuse_first(name: str, body: bytes, *arguments: Any) -> Any:
        if b"CloudFunction" in body and refused[name] < times:
            refused[name] += 1
            return s3._invalid_notification_config("Unable to validate the following destination configurations")
        return put(name, body, *arguments)

    s3._put_bucket_notification = refuse_first


def _settling_role(times: float) -> None:
    put, create = lambda_svc._put_event_invoke_config, glue._create_crawler
    refused: Counter[str] = Counter()

    def put_later(function: str, qualifier: str | None, data: dict[str, Any]) -> Any:
        destination = data.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if destination and refused[function] < times:
            message = NOT_YET[refused[function] % len(NOT_YET)].format(destination=destination)
            refused[function] += 1
            return error_response_json("InvalidParameterValueException", message, 400)
        return put(function, qualifier, data)

    def create_later(data: dict[str, Any]) -> Any:
        crawler = f"crawler {data.get('Name')}"
        if refused[crawler] < times:
            refused[crawler] += 1
            message = "Service is unable to assume provided role. Please verify role's TrustPolicy"
            return error_response_json("InvalidInputException", message, 400)
        return create(data)

    lambda_svc._put_event_invoke_config = put_later
    glue._create_crawler = create_later


def _young_queue(seconds: float) -> None:
    dispatch = sqs._dispatch
    young = _Young(seconds)

    async def dispatch_later(action: str, data: dict[str, Any], url: str) -> Any:
        name = data.get("QueueName") or (data.get("QueueUrl") or url or "").rsplit("/", 1)[-1]
        if action != "CreateQueue" and name in young:
            raise sqs._Err("QueueDoesNotExist", "The specified queue does not exist.")
        answer = await dispatch(action, data, url)
        if action == "CreateQueue":
            young.made(name)
        return answer

    sqs._dispatch = dispatch_later


def _young_stage(seconds: float) -> None:
    execute = rest.handle_execute
    young = _Young(seconds)

    async def execute_later(api_id: str, stage_name: str, *arguments: Any) -> Any:
        if stage_name in rest._stages_v1.get(api_id, {}):
            young.made((api_id, stage_name))
        if (api_id, stage_name) in young:
            headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "ForbiddenException"}
            return 403, headers, b'{"message":"Forbidden"}'
        return await execute(api_id, stage_name, *arguments)

    rest.handle_execute = execute_later
