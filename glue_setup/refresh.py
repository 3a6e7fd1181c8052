"""The state machine of a refresh: the crawler where there is one, then every contract's checks, told when one fails."""

from __future__ import annotations

from typing import Any

from chalicelib.queries import checks
from chalicelib.queries.saved import SavedQuery
from glue_setup.clients import Clients
from glue_setup.crawler import crawler_name
from glue_setup.starting_rule import StartingRule
from glue_setup.target import Target

REFRESH = "refresh"
"""What the names of the state machine, its role and its schedule end with."""
SCHEDULE = "refresh-schedule"
"""What the name of the role ends with by which the schedule starts it."""
BEGINS_AT = "begins_at"
"""The member of the input that says when the refresh is to begin: a load hands it over, the schedule does not."""

Step = dict[str, Any]

CRAWL_PAUSE = 30
"""Seconds between two looks at a crawler that runs; a run takes minutes."""


def has_crawler(target: Target) -> bool:
    """Tell whether the stage has a crawler that a refresh starts."""
    return bool(target.settings.crawler) or target.settings.catalog_mode == "crawler"


def definition(target: Target) -> dict[str, Any]:
    """Return the state machine. A check holds where its query returns no row; all of them run side by side."""
    asked = checks.load(target.datasets)
    after = "RunChecks" if asked else "Fresh"
    states = _wait(f"$.{BEGINS_AT}", "StartCrawler" if has_crawler(target) else after)
    if not target.settings.refresh_after_loads:
        states = {}
    if has_crawler(target):
        states |= _crawl(target, after)
    if asked:
        states["RunChecks"] = {
            "Type": "Parallel",
            "Branches": [_check(target, each) for each in asked],
            "ResultPath": "$.checks",
            "Catch": [_caught()],
            "Next": "AnyRows",
        }
        broken = [
            {"Variable": f"$.checks[{number}].holds", "BooleanEquals": False, "Next": "Notify"}
            for number in range(len(asked))
        ]
        states["AnyRows"] = {"Type": "Choice", "Choices": broken, "Default": "Fresh"}
    states |= {"Fresh": {"Type": "Succeed"}, "Notify": _notify(target)}
    states["Failed"] = {
        "Type": "Fail",
        "Error": "RefreshFailed",
        "Cause": "The crawler or a query failed, or a check's query returned rows: the states before say which.",
    }
    if not asked and not has_crawler(target):
        states = {"Fresh": states["Fresh"]}
    return {
        "Comment": f"Crawler and checks of the stage {target.stage.name}",
        "StartAt": next(iter(states)),
        "States": states,
    }


def _wait(path: str, after: str) -> dict[str, Step]:
    """Return the states that wait for the time at a path of the input, if it has one."""
    return {
        "AfterLoads": {
            "Type": "Choice",
            "Choices": [{"Variable": path, "IsPresent": True, "Next": "WaitForMoreLoads"}],
            "Default": after,
        },
        "WaitForMoreLoads": {"Type": "Wait", "TimestampPath": path, "Next": after},
    }


def _crawl(target: Target, after: str) -> dict[str, Step]:
    """Return the states that start the crawler and wait for the end of its run.

    A run that is on already may have passed what was loaded since: its end is waited for, and another one started.
    """
    sdk, name = f"arn:{target.partition}:states:::aws-sdk:glue", crawler_name(target.settings)
    return {
        "StartCrawler": {
            "Type": "Task",
            "Resource": f"{sdk}:startCrawler",
            "Parameters": {"Name": name},
            "ResultPath": None,
            "Retry": _retries("Glue.CrawlerRunningException"),
            "Catch": [
                {"ErrorEquals": ["Glue.CrawlerRunningException"], "ResultPath": None, "Next": "WaitForOtherRun"},
                _caught(),
            ],
            "Next": "WaitForCrawler",
        },
        "WaitForOtherRun": {"Type": "Wait", "Seconds": CRAWL_PAUSE, "Next": "StartCrawler"},
        "WaitForCrawler": {"Type": "Wait", "Seconds": CRAWL_PAUSE, "Next": "SeeCrawler"},
        "SeeCrawler": {
            "Type": "Task",
            "Resource": f"{sdk}:getCrawler",
            "Parameters": {"Name": name},
            "ResultSelector": {"state.$": "$.Crawler.State"},
            "ResultPath": "$.crawler",
            "Retry": _retries(),
            "Catch": [_caught()],
            "Next": "CrawlerIsReady",
        },
        "CrawlerIsReady": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.crawler.state", "StringEquals": "READY", "Next": after}],
            "Default": "WaitForCrawler",
        },
    }


def _check(target: Target, check: SavedQuery) -> dict[str, Any]:
    """Return the branch of one check: its query, and whether that has a row below the header."""
    athena, name = f"arn:{target.partition}:states:::athena", f"{check.contract}.{check.name}"
    statement = check.bind({})
    query: dict[str, Any] = {
        "QueryString": statement.sql,
        "QueryExecutionContext": {"Catalog": "AwsDataCatalog", "Database": target.settings.database},
        "WorkGroup": target.settings.workgroup,
    }
    if statement.parameters:
        query["ExecutionParameters"] = list(statement.parameters)
    results = {"QueryExecutionId.$": "$.QueryExecution.QueryExecutionId", "MaxResults": 2}
    any_row = {"Variable": "$.ResultSet.Rows[1]", "IsPresent": True, "Next": f"{name}: broken"}
    states = {
        name: {
            "Type": "Task",
            "Comment": check.title,
            "Resource": f"{athena}:startQueryExecution.sync",
            "Parameters": query,
            "Retry": _retries(),
            "Next": f"{name}: rows",
        },
        f"{name}: rows": {
            "Type": "Task",
            "Resource": f"{athena}:getQueryResults",
            "Parameters": results,
            "Retry": _retries(),
            "Next": f"{name}: any",
        },
        f"{name}: any": {"Type": "Choice", "Choices": [any_row], "Default": f"{name}: holds"},
        f"{name}: holds": {"Type": "Pass", "Result": {"check": name, "holds": True}, "End": True},
        f"{name}: broken": {"Type": "Pass", "Result": {"check": name, "holds": False}, "End": True},
    }
    return {"StartAt": name, "States": states}


def _notify(target: Target) -> Step:
    """Return the state that tells of a failure, where somebody is to be told."""
    if not target.settings.alarm_topic:
        return {"Type": "Pass", "Next": "Failed"}
    return {
        "Type": "Task",
        "Resource": f"arn:{target.partition}:states:::sns:publish",
        "Parameters": {
            "TopicArn": target.settings.alarm_topic,
            "Subject": f"{target.prefix}-{REFRESH} failed",
            "Message.$": "States.JsonToString($)",
        },
        "ResultPath": None,
        "Retry": _retries(),
        "Next": "Failed",
    }


def _retries(*but_for: str) -> list[dict[str, Any]]:
    never: list[dict[str, Any]] = [{"ErrorEquals": list(but_for), "MaxAttempts": 0}] if but_for else []
    again = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2}
    return [*never, again | {"JitterStrategy": "FULL"}]


def _caught() -> dict[str, Any]:
    return {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Notify"}


def schedule(target: Target, clients: Clients) -> StartingRule:
    """Return the rule that starts the refresh every ETL_REFRESH_MINUTES."""
    minutes = target.settings.refresh_minutes
    rate = f"rate({minutes} minute{'s' if minutes != 1 else ''})"
    return StartingRule(target, clients, f"schedule {target.prefix}-{REFRESH}", REFRESH, SCHEDULE, schedule=rate)
