"""The stage's events passed on to an SNS topic, where a setting names one: the topic, and the rule on the bus."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.events import SOURCE
from glue_setup.clients import Clients
from glue_setup.errors import SetupError
from glue_setup.resource import OWNER, TAG, Blocks, Plan, Resource, State, as_text
from glue_setup.statements import Document, policy_of, tls_only
from glue_setup.target import Target

TARGET_ID = "topic"
PUBLISH_SID = "OrdersEtlEvents"
"""Which statement of the topic's policy lets the rule publish."""
ABSENT = {"NotFound", "NotFoundException", "ResourceNotFoundException"}


def pattern(target: Target) -> Document:
    """Return what the rule lets through: the events of this stage's bucket."""
    return {"source": [SOURCE], "detail": {"bucket": [target.settings.bucket]}}


def topic_policy(target: Target, tls: bool = True) -> Document:
    """Return the topic's policy: the rule alone may publish, and over TLS. Who may subscribe, the account's roles say.

    Over plain HTTP (an embedded AWS) the TLS-only statement is left out, as for the bucket.
    """
    publish = {
        "Sid": PUBLISH_SID,
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": target.events_topic,
        # EventBridge names the rule that publishes: no other rule, of whatever account, may.
        "Condition": {"ArnEquals": {"aws:SourceArn": target.event_rule}},
    }
    return policy_of(publish, *([tls_only("sns:Publish", target.events_topic)] if tls else []))


class EventsTopic(Resource):
    """The topic that the stage's events are passed on to. Subscriptions are its users'."""

    def __init__(self, target: Target, clients: Clients) -> None:
        super().__init__(target, clients, f"topic {target.settings.events_topic}")
        self._sns = clients.sns
        self._arn = target.events_topic
        self._policy = topic_policy(target, clients.tls)

    def find(self) -> Any:
        """Return its attributes. Raises Refused for a topic of another stage."""
        try:
            attributes = self._sns.get_topic_attributes(TopicArn=self._arn)["Attributes"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ABSENT:
                return None
            raise
        tags = self._sns.list_tags_for_resource(ResourceArn=self._arn).get("Tags", [])
        owner = next((tag["Value"] for tag in tags if tag["Key"] == TAG), None)
        return {**attributes, **self.check_owner(owner)}

    def state(self, existing: Any) -> State:
        """Return its policy, and whose it is."""
        policy = json.loads(existing.get("Policy") or "{}")
        state = {"policy": as_text(policy)}
        return state | ({OWNER: existing[OWNER]} if OWNER in existing else {})

    def desired(self, current: State | None) -> State:
        """Return what should be there."""
        return {"policy": as_text(self._policy), OWNER: self.target.owner}

    def make(self, plan: Plan) -> None:
        """Create it if need be, then set what differs."""
        tags: Any = [{"Key": TAG, "Value": self.target.owner}]
        if plan.creates:
            self._sns.create_topic(Name=self.settings.events_topic, Tags=tags)
        elif OWNER in plan.fields:
            self._sns.tag_resource(ResourceArn=self._arn, Tags=tags)
        if "policy" in plan.fields:
            policy = json.dumps(self._policy)
            self._sns.set_topic_attributes(TopicArn=self._arn, AttributeName="Policy", AttributeValue=policy)

    def delete(self, existing: Any, delete_data: bool) -> None:
        """Delete it with its subscriptions."""
        self._sns.delete_topic(TopicArn=self._arn)

    def terraform(self) -> Blocks:
        """Return the topic and its policy."""
        policy = json.dumps(topic_policy(self.target))
        return {
            "aws_sns_topic": {"events": {"name": self.settings.events_topic, "tags": self.tags}},
            "aws_sns_topic_policy": {"events": {"arn": "${aws_sns_topic.events.arn}", "policy": policy}},
        }


class EventRule(Resource):
    """The rule that passes the stage's events on to its topic; targets of somebody else's stay."""

    def __init__(self, target: Target, clients: Clients) -> None:
        super().__init__(target, clients, f"rule {target.event_rule_name}")
        self._events = clients.events
        self._of: dict[str, Any] = {"EventBusName": target.settings.event_bus}
        self._rule = target.event_rule_name

    def find(self) -> Any:
        """Return it with its targets. Raises Refused for another stage's rule."""
        try:
            rule = self._events.describe_rule(Name=self._rule, **self._of)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ABSENT:
                raise
            return None
        tags = self._events.list_tags_for_resource(ResourceARN=self.target.event_rule).get("Tags", [])
        owner = next((tag["Value"] for tag in tags if tag["Key"] == TAG), None)
        targets = self._events.list_targets_by_rule(Rule=self._rule, **self._of).get("Targets", [])
        return {**rule, "Targets": targets, **self.check_owner(owner)}

    def _check_bus(self) -> None:
        name = self.settings.event_bus
        try:
            self._events.describe_event_bus(Name=name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ABSENT:
                raise
            raise SetupError(
                f"{self.name}: there is no event bus {name!r}: make it, or set ETL_EVENT_BUS=default"
            ) from None

    def state(self, existing: Any) -> State:
        """Return what it lets through, and where that goes."""
        ours: dict[str, Any] = next((each for each in existing["Targets"] if each["Id"] == TARGET_ID), {})
        state = {
            "pattern": as_text(json.loads(existing.get("EventPattern") or "{}")),
            "state": str(existing.get("State")),
            "sends to": str(ours.get("Arn", "nowhere")),
        }
        return state | ({OWNER: existing[OWNER]} if OWNER in existing else {})

    def desired(self, current: State | None) -> State:
        """Return what should be there."""
        return {
            "pattern": as_text(pattern(self.target)),
            "state": "ENABLED",
            "sends to": self.target.events_topic,
            OWNER: self.target.owner,
        }

    def make(self, plan: Plan) -> None:
        """Put the rule and our target; a rule that is there takes its tags by a call of their own.

        Raises SetupError where there is no such bus.
        """
        self._check_bus()
        tags: Any = [{"Key": TAG, "Value": self.target.owner}]
        given: dict[str, Any] = {"Tags": tags} if plan.creates else {}
        self._events.put_rule(
            Name=self._rule,
            EventPattern=json.dumps(pattern(self.target)),
            State="ENABLED",
            Description="Events of sources that were loaded, to a topic.",
            **self._of,
            **given,
        )
        if OWNER in plan.fields and not plan.creates:
            self._events.tag_resource(ResourceARN=self.target.event_rule, Tags=tags)
        targets = [{"Id": TARGET_ID, "Arn": self.target.events_topic}]
        self._events.put_targets(Rule=self._rule, Targets=targets, **self._of)

    def delete(self, existing: Any, delete_data: bool) -> str | None:
        """Delete it with our target; with others in it, it stays for those."""
        if any(each["Id"] == TARGET_ID for each in existing["Targets"]):
            self._events.remove_targets(Rule=self._rule, Ids=[TARGET_ID], **self._of)
        others = [each["Id"] for each in existing["Targets"] if each["Id"] != TARGET_ID]
        if others:
            return f"kept: somebody gave it the targets {', '.join(others[:5])}"
        self._events.delete_rule(Name=self._rule, **self._of)
        return None

    def terraform(self) -> Blocks:
        """Return the rule and its target."""
        bus = self.settings.event_bus
        rule = {
            "name": self._rule,
            "description": "Events of sources that were loaded, to a topic.",
            "event_bus_name": bus,
            "event_pattern": json.dumps(pattern(self.target)),
            "tags": self.tags,
        }
        to_topic = {
            "rule": "${aws_cloudwatch_event_rule.sources.name}",
            "event_bus_name": bus,
            "target_id": TARGET_ID,
            "arn": "${aws_sns_topic.events.arn}",
        }
        return {
            "aws_cloudwatch_event_rule": {"sources": rule},
            "aws_cloudwatch_event_target": {"sources": to_topic},
        }
