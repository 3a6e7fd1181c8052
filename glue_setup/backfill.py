"""The state machine of a backfill: a Distributed Map over S3's listing or a given one, loaded by the loader. Pure."""

from __future__ import annotations

from typing import Any

from glue_setup.target import Target

BACKFILL = "backfill"
"""What the names of the state machine and its role end with."""

MAP, GIVEN_MAP = "Load", "LoadGiven"
"""The labels of the Distributed Maps over S3's listing and over a given one: a part of the ARNs of their runs and child
executions."""

MOST_OBJECTS = 100
"""Objects of one batch: a child execution, whose price is by its steps."""

MOST_BYTES = 128 * 1024
"""Bytes of JSON of one batch: keys may have 1024 bytes each, and what a step hands on may have 262,144 in all."""

DELAYED, FAILED = "ObjectsDelayed", "ObjectsFailed"
"""The errors that the loader ends a batch with, by the names of their classes."""


def results_prefix(target: Target) -> str:
    """Return where in the bucket Step Functions writes what became of the batches."""
    return f"{target.settings.state_prefix}{BACKFILL}"


def given_key(target: Target, name: str) -> str:
    """Return the key of the objects that a run of this name is given, a line of JSON each as S3's listing has them."""
    return f"{results_prefix(target)}/given/{name}.jsonl"


def definition(target: Target) -> dict[str, Any]:
    """Return the state machine. Its input has `prefix`, of the keys to load, and `contract`, empty for all.

    With `items`, the key of a given listing, it loads what that has instead of what S3 lists below the prefix.
    """
    bucket = target.settings.bucket
    listing = {
        "Resource": _resource(target, "s3:listObjectsV2"),
        "Parameters": {"Bucket": bucket, "Prefix.$": "$.prefix"},
    }
    given = {
        "Resource": _resource(target, "s3:getObject"),
        "ReaderConfig": {"InputType": "JSONL"},
        "Parameters": {"Bucket": bucket, "Key.$": "$.items"},
    }
    source = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.items", "IsPresent": True, "Next": GIVEN_MAP}],
        "Default": MAP,
    }
    return {
        "Comment": f"Loads what lies below a prefix of {bucket}: python -m operate backfill",
        "StartAt": "Source",
        "States": {"Source": source, MAP: _map(target, MAP, listing), GIVEN_MAP: _map(target, GIVEN_MAP, given)},
    }


def _map(target: Target, label: str, reader: dict[str, Any]) -> dict[str, Any]:
    """Return a Distributed Map over the items of a reader.

    Children are STANDARD executions: those of type EXPRESS end after five minutes.
    """
    settings = target.settings
    started = {"started_at.$": "$$.Execution.StartTime", "contract.$": "$.contract"}
    return {
        "Type": "Map",
        "Label": label,
        "MaxConcurrency": settings.backfill_concurrency,
        "ToleratedFailurePercentage": settings.backfill_tolerated_percent,
        "ItemReader": reader,
        "ItemBatcher": {
            "MaxItemsPerBatch": MOST_OBJECTS,
            "MaxInputBytesPerBatch": MOST_BYTES,
            "BatchInput": {"backfill": started},
        },
        "ItemProcessor": _batch(target),
        "ResultWriter": {
            "Resource": _resource(target, "s3:putObject"),
            "Parameters": {"Bucket": settings.bucket, "Prefix": results_prefix(target)},
            # The output of a batch alone, a line each: its input is some hundred times as long.
            "WriterConfig": {"OutputType": "JSONL", "Transformation": "COMPACT"},
        },
        "End": True,
    }


def _batch(target: Target) -> dict[str, Any]:
    """Return what is done with one batch: loaded, as often as the loader hands objects back for want of time."""
    load = {
        "Type": "Task",
        "Resource": _resource(target, "lambda:invoke"),
        "Parameters": {"FunctionName": target.function("load"), "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "Retry": retries(),
        "Next": "Remaining",
    }
    remaining = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.remaining", "NumericGreaterThan": 0, "Next": "LoadBatch"}],
        "Default": "Counts",
    }
    return {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "LoadBatch",
        "States": {
            "LoadBatch": load,
            "Remaining": remaining,
            "Counts": {"Type": "Pass", "OutputPath": "$.counts", "End": True},
        },
    }


def retries() -> list[dict[str, Any]]:
    """Return how a batch is tried again: the first that fits its error decides.

    The jitter keeps batches that were throttled together from coming back together.
    """
    backoff = {"BackoffRate": 2, "JitterStrategy": "FULL"}
    return [
        # No place for the function: an account has 10 when it is new, and events and the REST API want some.
        {
            "ErrorEquals": ["Lambda.TooManyRequestsException"],
            "IntervalSeconds": 2,
            "MaxAttempts": 50,
            "MaxDelaySeconds": 120,
        }
        | backoff,
        # S3 or another service throttles, or somebody else is at work on the same object.
        {"ErrorEquals": [DELAYED], "IntervalSeconds": 5, "MaxAttempts": 8, "MaxDelaySeconds": 300} | backoff,
        # Trying again at once will not help; once more, as nobody is sure.
        {"ErrorEquals": [FAILED], "IntervalSeconds": 10, "MaxAttempts": 1} | backoff,
        # The process ended, or Lambda did not answer.
        {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "MaxAttempts": 6, "MaxDelaySeconds": 120} | backoff,
    ]


def _resource(target: Target, action: str) -> str:
    return f"arn:{target.partition}:states:::{action}"
