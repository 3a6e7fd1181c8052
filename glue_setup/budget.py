"""The stage's AWS Budget, where a setting wants one: what the stage may cost a month, and who is told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from glue_setup.clients import Clients
from glue_setup.errors import DENIED, Refused
from glue_setup.resource import OWNER, TAG, Blocks, Plan, Resource, State, as_text
from glue_setup.statements import Document
from glue_setup.target import Target

PARTITION = "aws"
"""Where there are budgets in dollars: China's regions bill in another currency, GovCloud's on an account outside."""

ABSENT = ("NotFoundException", "NotFound")
SERVICE = "budgets.amazonaws.com"

THRESHOLDS: dict[str, Document] = {
    f"at {percent} % {what}": {
        "NotificationType": kind,
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": float(percent),
        "ThresholdType": "PERCENTAGE",
    }
    for percent, what, kind in ((80, "spent", "ACTUAL"), (100, "forecast", "FORECASTED"), (100, "spent", "ACTUAL"))
}
"""When the budget tells, by the name of the field. Thresholds that somebody adds stay."""


def subscribers(target: Target) -> list[dict[str, str]]:
    """Return whom the budget tells: the e-mail addresses, or without one the alarms' topic."""
    settings = target.settings
    if settings.budget_emails:
        return [{"SubscriptionType": "EMAIL", "Address": each} for each in settings.budget_emails]
    return [{"SubscriptionType": "SNS", "Address": settings.alarm_topic}]


def cost_filters(target: Target) -> dict[str, list[str]]:
    """Return which costs count: those of what carries the stage's tag. `user:` says that it is not a tag of AWS's own.

    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html
    """
    return {"TagKeyValue": [f"user:{TAG}${target.owner}"]}


def publish_statement(target: Target) -> Document:
    """Return what the policy of the alarms' topic needs for the budget to tell it.

    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
    """
    account = target.account
    return {
        "Sid": "OrdersEtlBudget",
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": "SNS:Publish",
        "Resource": target.settings.alarm_topic,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": f"arn:{target.partition}:budgets::{account}:*"},
        },
    }


def lets_budgets_publish(policy: Mapping[str, Any]) -> bool:
    """Tell whether a topic's policy may let AWS Budgets publish; its conditions are not judged.

    But for SNS's default: it lets in whoever has this account as `AWS:SourceOwner`, which budgets do not send.
    """
    for statement in policy.get("Statement", []):
        actions = {each.lower() for each in _as_list(statement.get("Action"))}
        if statement.get("Effect") != "Allow" or not actions & {"sns:publish", "sns:*", "*"}:
            continue
        principal = statement.get("Principal")
        named = principal if isinstance(principal, dict) else {"AWS": principal}
        anybody = "*" in _as_list(named.get("AWS")) and "sourceowner" not in as_text(statement.get("Condition")).lower()
        if anybody or SERVICE in _as_list(named.get("Service")):
            return True
    return False


class Budget(Resource):
    """A budget of so many dollars a month for what carries the stage's tag, with three thresholds."""

    def __init__(self, target: Target, clients: Clients) -> None:
        super().__init__(target, clients, f"budget {target.prefix}")
        self._budgets = clients.budgets
        self._of = {"AccountId": target.account, "BudgetName": target.prefix}
        self._arn = f"arn:{target.partition}:budgets::{target.account}:budget/{target.prefix}"
        self._subscribers = subscribers(target)

    def find(self) -> dict[str, Any] | None:
        """Read it with its tag and whom it tells. Raises Refused for another stage's, and where there are none."""
        if self.target.partition != PARTITION:
            reason = f"there are no budgets in dollars in {self.target.region}: leave ETL_BUDGET_DOLLARS out"
            raise Refused(self.name, [reason])
        budget = self._described()
        if budget is None:
            return None
        tags = self._budgets.list_tags_for_resource(ResourceARN=self._arn).get("ResourceTags", [])
        owner = self.check_owner(next((tag["Value"] for tag in tags if tag["Key"] == TAG), None))
        return {"budget": budget, "owner": owner, "thresholds": self._thresholds()}

    def _described(self) -> dict[str, Any] | None:
        try:
            budget: dict[str, Any] = self._budgets.describe_budget(**self._of)["Budget"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ABSENT:
                raise
            return None
        return budget

    def _thresholds(self) -> dict[str, str]:
        """Return whom each of our thresholds tells, where it is there."""
        there = [_identity(each) for each in self._listed("describe_notifications_for_budget", "Notifications")]
        subscribers = {
            name: self._listed("describe_subscribers_for_notification", "Subscribers", Notification=threshold)
            for name, threshold in THRESHOLDS.items()
            if _identity(threshold) in there
        }
        return {name: _shown(each) for name, each in subscribers.items()}

    def _listed(self, call: str, member: str, **request: Any) -> list[dict[str, Any]]:
        """Return all that a call lists; nothing where AWS answers that there is none."""
        try:
            pages = self._budgets.get_paginator(call).paginate(**self._of, **request)
            return [each for page in pages for each in page.get(member, [])]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ABSENT:
                raise
            return []

    def plan(self) -> Plan:
        """Compare what is with what should be. Raises Refused where the topic could not be told."""
        reasons = [] if self.settings.budget_emails else self._topic_faults()
        if reasons:
            raise Refused(self.name, reasons)
        return super().plan()

    def _topic_faults(self) -> list[str]:
        """Return why the alarms' topic could not be told, with the remedy; nothing where it cannot be looked at."""
        topic = self.settings.alarm_topic
        if topic.split(":")[4] != self.target.account:
            return [f"{topic} is another account's, which a budget cannot tell: give ETL_BUDGET_EMAILS"]
        try:
            attributes = self.clients.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in ABSENT:
                return [f"{topic} is not there: make it, correct ALARM_TOPIC_ARN, or give ETL_BUDGET_EMAILS"]
            if code in DENIED:
                return []
            raise
        if lets_budgets_publish(json.loads(attributes.get("Policy") or "{}")):
            return []
        return [
            f"{topic} does not let AWS Budgets publish: give ETL_BUDGET_EMAILS, or add this statement to its policy: "
            + json.dumps(publish_statement(self.target))
        ]

    def state(self, existing: dict[str, Any]) -> State:
        """Return how much it allows, of what, and whom each of our thresholds tells."""
        budget = existing["budget"]
        limit = budget.get("BudgetLimit", {})
        return {
            **existing["owner"],
            "allows": f"{_amount(limit.get('Amount'))} {limit.get('Unit')} {budget.get('TimeUnit')}",
            "counts": as_text(budget.get("CostFilters", {})),
            **existing["thresholds"],
        }

    def desired(self, current: State | None) -> State:
        """Return the same as it should be; which types of costs count, and from when on, is left to others."""
        return {
            OWNER: self.target.owner,
            "allows": f"{self.settings.budget_dollars} USD MONTHLY",
            "counts": as_text(cost_filters(self.target)),
            **dict.fromkeys(THRESHOLDS, _shown(self._subscribers)),
        }

    def _budget(self) -> dict[str, Any]:
        return {
            "BudgetName": self.target.prefix,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": str(self.settings.budget_dollars), "Unit": "USD"},
            "CostFilters": cost_filters(self.target),
        }

    def make(self, plan: Plan) -> None:
        """Create it whole, or change what differs; a threshold whose subscribers differ is made anew."""
        tags = [{"Key": TAG, "Value": self.target.owner}]
        account = {"AccountId": self.target.account}
        alerts = {name: {"Notification": each, "Subscribers": self._subscribers} for name, each in THRESHOLDS.items()}
        if plan.creates:
            self._budgets.create_budget(
                **account, Budget=self._budget(), NotificationsWithSubscribers=list(alerts.values()), ResourceTags=tags
            )
            return
        if OWNER in plan.fields:
            self._budgets.tag_resource(ResourceARN=self._arn, ResourceTags=tags)
        if plan.fields & {"allows", "counts"}:
            kept = {name: plan.existing["budget"].get(name) for name in ("TimePeriod", "CostTypes")}
            kept = {name: value for name, value in kept.items() if value is not None}
            self._budgets.update_budget(**account, NewBudget=kept | self._budget())
        for name in THRESHOLDS:
            if name in plan.fields:
                if name in plan.existing["thresholds"]:
                    self._budgets.delete_notification(**self._of, Notification=THRESHOLDS[name])
                self._budgets.create_notification(**self._of, **alerts[name])

    def delete(self, existing: dict[str, Any], delete_data: bool) -> str | None:
        """Delete it with its thresholds, but not one that nothing says is the stage's."""
        if not existing["owner"]:
            return f"kept: it does not carry the tag {TAG}, so that somebody else made it"
        self._budgets.delete_budget(**self._of)
        return None

    def remains(self) -> list[str]:
        """Return that the tag has to be switched on for billing, as long as the budget has counted nothing."""
        spent = (self._described() or {}).get("CalculatedSpend", {}).get("ActualSpend", {}).get("Amount", "0")
        if Decimal(spent):
            return []
        return [f"it has counted no cost yet: is {TAG} an active cost allocation tag? docs/cost.md#a-budget"]

    def terraform(self) -> Blocks:
        """Return the budget."""
        addresses = [each["Address"] for each in self._subscribers]
        whom = f"subscriber_{'email_addresses' if self.settings.budget_emails else 'sns_topic_arns'}"
        thresholds = [
            {
                "notification_type": each["NotificationType"],
                "comparison_operator": each["ComparisonOperator"],
                "threshold": each["Threshold"],
                "threshold_type": each["ThresholdType"],
                whom: addresses,
            }
            for each in THRESHOLDS.values()
        ]
        budget = {
            "name": self.target.prefix,
            "budget_type": "COST",
            "time_unit": "MONTHLY",
            "limit_amount": str(self.settings.budget_dollars),
            "limit_unit": "USD",
            "cost_filter": [{"name": name, "values": values} for name, values in cost_filters(self.target).items()],
            "notification": thresholds,
            "tags": self.tags,
        }
        return {"aws_budgets_budget": {"stage": budget}}


def _identity(notification: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what AWS tells notifications of a budget apart by."""
    kind = notification.get("ThresholdType") or "PERCENTAGE"
    names = ("NotificationType", "ComparisonOperator")
    return (*(notification.get(name) for name in names), float(notification.get("Threshold", 0)), kind)


def _shown(subscribers: list[dict[str, str]]) -> str:
    return "tells " + ", ".join(sorted(each["Address"] for each in subscribers))


def _amount(amount: str | None) -> str:
    """Return an amount in one spelling: AWS answers `50.0` for `50`."""
    return f"{Decimal(amount).normalize():f}" if amount else "nothing"


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
