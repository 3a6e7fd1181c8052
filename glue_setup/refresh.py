"""The state machine of a refresh: the crawler where there is one, then every contract's checks, told when one fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.queries import checks
from chalicelib.queries.saved import SavedQuery
from glue_setup.clients import Clients
from glue_setup.crawler import crawler_name
from glue_setup.machines import role_name
from glue_setup.resource import OWNER, TAG, Blocks, Plan, Resource, State
from glue_setup.target import Target

REFRESH = "refresh"
"""What the names of the state machine, its role and its schedule end with."""
SCHEDULE = "refresh-schedule"
"""What the name of the role ends with by which EventBridge starts it."""

Step = dict[str, Any]

CRAWL_PAUSE = 30
"""Seconds between two looks at a crawler that runs; a run takes minutes."""


def has_crawler(target: Target) -> bool:
    """Tell whether the stage has a crawler that a refresh starts."""
    return bool(target.settings.crawler) or target.settings.catalog_mode == "crawler"


def definition(target: Target) -> dict[str, Any]:
    """Return the state machine. A check holds where its query returns no row; all of them run side by side."""
    asked = checks.load(target.datasets)
    states: dict[str, Step] = {}
    after = "RunChecks" if asked else "Fresh"
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
        "Comment": f"Crawler and checks of the stage {target.stage.name}: ETL_REFRESH_MINUTES",
        "StartAt": next(iter(states)),
        "States": states,
    }


def _crawl(target: Target, after: str) -> dict[str, Step]:
    """Return the states that start the crawler and wait for the end of its run; one that runs already is waited for."""
    sdk, name = f"arn:{target.partition}:states:::aws-sdk:glue", crawler_name(target.settings)
    return {
        "StartCrawler": {
            "Type": "Task",
            "Resource": f"{sdk}:startCrawler",
            "Parameters": {"Name": name},
            "ResultPath": None,
            "Retry": _retries("Glue.CrawlerRunningException"),
            "Catch": [
                {"ErrorEquals": ["Glue.CrawlerRunningException"], "ResultPath": "$.running", "Next": "WaitForCrawler"},
                _caught(),
            ],
            "Next": "WaitForCrawler",
        },
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


class RefreshSchedule(Resource):
    """The rule of EventBridge that starts the refresh every ETL_REFRESH_MINUTES."""

    def __init__(self, target: Target, clients: Clients) -> None:
        self._rule = f"{target.prefix}-{REFRESH}"
        super().__init__(target, clients, f"schedule {self._rule}")
        self._events = clients.events
        self._arn = target.rule(REFRESH)
        self._target = {
            "Id": REFRESH,
            "Arn": target.machine(REFRESH),
            "RoleArn": target.role(role_name(target, SCHEDULE)),
            "Input": "{}",
        }

    def find(self) -> dict[str, Any] | None:
        """Read it, its tags and its targets. Raises Refused for one of another stage."""
        try:
            rule: dict[str, Any] = self._events.describe_rule(Name=self._rule)
        except self._events.exceptions.ResourceNotFoundException:
            return None
        tags = {tag["Key"]: tag["Value"] for tag in self._events.list_tags_for_resource(ResourceARN=self._arn)["Tags"]}
        self.check_owner(tags.get(TAG))
        targets = self._events.list_targets_by_rule(Rule=self._rule)["Targets"]
        return rule | {"tags": tags, "targets": targets}

    def state(self, existing: dict[str, Any]) -> State:
        """Return when it starts what, with its owner."""
        return {
            **self.check_owner(existing["tags"].get(TAG)),
            "starts": ", ".join(_shown(each) for each in existing["targets"]),
            "every": str(existing.get("ScheduleExpression", "")),
        }

    def desired(self, current: State | None) -> State:
        """Return when it should start the refresh; whether it is enabled is left to others."""
        return {OWNER: self.target.owner, "starts": _shown(self._target), "every": self._rate}

    @property
    def _rate(self) -> str:
        minutes = self.settings.refresh_minutes
        return f"rate({minutes} minute{'s' if minutes != 1 else ''})"

    def make(self, plan: Plan) -> None:
        """Put the rule and its target; a rule that is disabled stays so."""
        tags = [{"Key": TAG, "Value": self.target.owner}]
        state = "ENABLED" if plan.creates else plan.existing.get("State", "ENABLED")
        self._events.put_rule(Name=self._rule, ScheduleExpression=self._rate, State=state)
        self._events.tag_resource(ResourceARN=self._arn, Tags=tags)
        self._events.put_targets(Rule=self._rule, Targets=[self._target])

    def delete(self, existing: dict[str, Any], delete_data: bool) -> None:
        """Delete it with its targets."""
        if existing["targets"]:
            self._events.remove_targets(Rule=self._rule, Ids=[each["Id"] for each in existing["targets"]])
        self._events.delete_rule(Name=self._rule)

    def terraform(self) -> Blocks:
        """Return the rule and its target."""
        rule = {"name": self._rule, "schedule_expression": self._rate, "tags": self.tags}
        started = {
            "rule": f"${{aws_cloudwatch_event_rule.{REFRESH}.name}}",
            "target_id": REFRESH,
            "arn": f"${{aws_sfn_state_machine.{REFRESH}.arn}}",
            "role_arn": f"${{aws_iam_role.{SCHEDULE.replace('-', '_')}.arn}}",
            "input": "{}",
        }
        return {"aws_cloudwatch_event_rule": {REFRESH: rule}, "aws_cloudwatch_event_target": {REFRESH: started}}


def _shown(target: Mapping[str, Any]) -> str:
    return json.dumps({name: target.get(name) for name in ("Id", "Arn", "RoleArn", "Input")}, sort_keys=True)
