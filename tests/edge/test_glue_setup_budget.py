"""The stage's budget on the embedded AWS: made, changed, removed with its setting, and never somebody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from msgspec import structs

from chalicelib.errors import SettingError
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup import foundations
from glue_setup.budget import THRESHOLDS, Budget, lets_budgets_publish, publish_statement
from glue_setup.clients import Clients
from glue_setup.errors import SetupError
from glue_setup.resource import TAG
from glue_setup.target import Target
from local.emulator import ACCOUNT, REGION, Emulator, running
from tests.edge.glue_setup_world import target_with

pytestmark = pytest.mark.aws

BUCKET = "orders-etl-test"
NAME = "orders-etl-test"
OF = {"AccountId": ACCOUNT, "BudgetName": NAME}
UNCHANGED = "Everything was in place: unchanged."
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
WANTED = Settings(bucket=BUCKET, budget_dollars=50, budget_emails=("data@shop.example",))
NONE = Settings(bucket=BUCKET)
MANUAL: dict[str, Any] = {
    "BudgetName": NAME,
    "BudgetType": "COST",
    "TimeUnit": "MONTHLY",
    "BudgetLimit": {"Amount": "7", "Unit": "USD"},
}


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with running() as emulator:
        yield emulator


class Account:
    """The budget of one stage, as plan, apply and destroy treat it."""

    def __init__(self, aws: Emulator) -> None:
        services = ("s3", "glue", "iam", "athena", "sqs", "cloudwatch", "lambda", "logs", "stepfunctions", "events")
        self.clients = replace(Clients(*map(aws.client, (*services, "sns", "budgets"))), tls=False)
        self.budgets = self.clients.budgets

    def target(self, settings: Settings) -> Target:
        return target_with(Stage("test", "orders-etl", settings), region=REGION)

    def resources(self, settings: Settings) -> tuple[list[Any], list[Any]]:
        target = self.target(settings)
        both = foundations.optional(target, self.clients), foundations.switched_off(target, self.clients)
        made, off = ([each for each in some if isinstance(each, Budget)] for some in both)
        return made, off

    def plan(self, settings: Settings) -> list[str]:
        lines: list[str] = []
        made, off = self.resources(settings)
        foundations.plan(made, lines.append, off)
        return lines

    def apply(self, settings: Settings) -> list[str]:
        lines: list[str] = []
        made, off = self.resources(settings)
        foundations.apply(made, lines.append, off)
        return lines

    def described(self) -> dict[str, Any]:
        budget: dict[str, Any] = self.budgets.describe_budget(**OF)["Budget"]
        return budget

    def alerts(self) -> dict[tuple[str, float], list[str]]:
        """Return whom each threshold tells."""
        alerts = {}
        for each in self.budgets.describe_notifications_for_budget(**OF)["Notifications"]:
            told = self.budgets.describe_subscribers_for_notification(**OF, Notification=each)["Subscribers"]
            alerts[each["NotificationType"], each["Threshold"]] = [who["Address"] for who in told]
        return alerts


@pytest.fixture
def account(aws: Emulator) -> Iterator[Account]:
    made = Account(aws)
    yield made
    for each in made.budgets.describe_budgets(AccountId=ACCOUNT).get("Budgets", []):
        made.budgets.delete_budget(AccountId=ACCOUNT, BudgetName=each["BudgetName"])
    for topic in made.clients.sns.list_topics()["Topics"]:
        made.clients.sns.delete_topic(TopicArn=topic["TopicArn"])


def test_a_budget_is_made_for_the_tag_of_the_stage_and_a_second_apply_changes_nothing(account: Account) -> None:
    assert f"budget {NAME}: create" in account.plan(WANTED)
    assert account.apply(WANTED)[0] == f"budget {NAME}: created"
    budget = account.described()
    assert (budget["BudgetLimit"], budget["TimeUnit"], budget["BudgetType"]) == (
        {"Amount": "50", "Unit": "USD"},
        "MONTHLY",
        "COST",
    )
    assert budget["CostFilters"] == {"TagKeyValue": [f"user:orders-etl:stage$orders-etl/test/{BUCKET}"]}
    told = ["data@shop.example"]
    assert account.alerts() == {("ACTUAL", 80.0): told, ("FORECASTED", 100.0): told, ("ACTUAL", 100.0): told}
    tags = account.budgets.list_tags_for_resource(ResourceARN=f"arn:aws:budgets::{ACCOUNT}:budget/{NAME}")
    assert tags["ResourceTags"] == [{"Key": TAG, "Value": f"orders-etl/test/{BUCKET}"}]
    assert account.apply(WANTED)[-1] == UNCHANGED


def test_as_long_as_it_has_counted_nothing_it_is_asked_whether_the_tag_is_active(account: Account) -> None:
    for lines in (account.apply(WANTED), account.apply(WANTED), account.plan(WANTED)):
        assert any("is orders-etl:stage an active cost allocation tag?" in line for line in lines)


def test_a_change_of_the_settings_is_planned_and_made_and_thresholds_of_others_stay(account: Account) -> None:
    account.apply(WANTED)
    theirs = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 50.0}
    whom = [{"SubscriptionType": "EMAIL", "Address": "boss@shop.example"}]
    account.budgets.create_notification(**OF, Notification=theirs, Subscribers=whom)
    began = account.described()["TimePeriod"]
    more = structs.replace(WANTED, budget_dollars=80, budget_emails=("a@shop.example", "b@shop.example"))
    lines = account.plan(more)
    assert "  ~ allows: 50 USD MONTHLY -> 80 USD MONTHLY" in lines
    assert "  ~ at 80 % spent: tells data@shop.example -> tells a@shop.example, b@shop.example" in lines
    account.apply(more)
    assert (account.described()["BudgetLimit"]["Amount"], account.described()["TimePeriod"]) == ("80", began)
    both = ["a@shop.example", "b@shop.example"]
    assert account.alerts() == {
        ("ACTUAL", 50.0): ["boss@shop.example"],
        ("ACTUAL", 80.0): both,
        ("FORECASTED", 100.0): both,
        ("ACTUAL", 100.0): both,
    }
    assert account.apply(more)[-1] == UNCHANGED


def test_what_somebody_changed_is_set_back_and_a_threshold_that_is_gone_comes_back(account: Account) -> None:
    account.apply(WANTED)
    account.budgets.update_budget(AccountId=ACCOUNT, NewBudget=MANUAL)
    for each in account.budgets.describe_notifications_for_budget(**OF)["Notifications"][:1]:
        account.budgets.delete_notification(**OF, Notification=each)
    assert f"budget {NAME}: changed (allows, counts, at 80 % spent)" in account.apply(WANTED)
    assert len(account.alerts()) == 3
    assert account.apply(WANTED)[-1] == UNCHANGED


def test_a_budget_that_aws_finds_no_thresholds_of_gets_them(account: Account) -> None:
    tags = [{"Key": TAG, "Value": f"orders-etl/test/{BUCKET}"}]
    account.budgets.create_budget(AccountId=ACCOUNT, Budget=MANUAL, ResourceTags=tags)
    missing = ClientError({"Error": {"Code": "NotFoundException", "Message": "none"}}, "Describe")

    class WithoutLists:
        def __getattr__(self, name: str) -> Any:
            return getattr(account.budgets, name)

        def get_paginator(self, name: str) -> Any:
            return Denying(missing)

    account.clients = replace(account.clients, budgets=WithoutLists())
    assert f"budget {NAME}: changed (allows, counts, {', '.join(THRESHOLDS)})" in account.apply(WANTED)
    assert len(account.alerts()) == 3


def test_a_budget_whose_setting_is_cleared_is_removed_and_the_plan_says_so(account: Account) -> None:
    account.apply(WANTED)
    assert account.plan(NONE) == [f"budget {NAME}: remove", "1 remove. Nothing was touched."]
    assert account.apply(NONE) == [
        f"budget {NAME}: removed: the settings do not want it any more",
        "Everything is in place.",
    ]
    assert account.budgets.describe_budgets(AccountId=ACCOUNT).get("Budgets", []) == []
    assert account.apply(NONE) == [UNCHANGED]


def test_destroy_removes_it_whatever_the_settings_say_now(account: Account) -> None:
    for settings in (WANTED, NONE):
        account.apply(WANTED)
        assert Budget(account.target(settings), account.clients).remove(delete_data=False) == "removed"


def test_a_budget_that_somebody_else_made_is_never_removed(account: Account) -> None:
    account.budgets.create_budget(AccountId=ACCOUNT, Budget=MANUAL)
    assert account.apply(NONE) == [UNCHANGED]
    assert "kept" in Budget(account.target(NONE), account.clients).remove(delete_data=True)
    assert account.described()["BudgetLimit"]["Amount"] == "7"


def test_a_budget_of_another_stage_is_refused_and_left(account: Account) -> None:
    tags = [{"Key": TAG, "Value": "orders-etl/test/their-bucket"}]
    account.budgets.create_budget(AccountId=ACCOUNT, Budget=MANUAL, ResourceTags=tags)
    with pytest.raises(SetupError, match="it belongs to stage orders-etl/test/their-bucket"):
        account.apply(WANTED)
    assert account.apply(NONE) == [UNCHANGED]
    assert account.described()["BudgetLimit"]["Amount"] == "7"


def test_without_an_address_the_alarms_topic_is_told_once_its_policy_lets_budgets_publish(account: Account) -> None:
    settings = structs.replace(WANTED, budget_emails=(), alarm_topic=TOPIC)
    with pytest.raises(SetupError, match="is not there: make it, correct ALARM_TOPIC_ARN, or give ETL_BUDGET_EMAILS"):
        account.apply(settings)
    account.clients.sns.create_topic(Name="alarms")
    with pytest.raises(SetupError, match="add this statement to its policy") as refused:
        account.apply(settings)
    statement = json.loads("{" + str(refused.value).partition("policy: {")[2])
    assert statement == publish_statement(account.target(settings))
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    account.clients.sns.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy)
    account.apply(settings)
    assert set(map(tuple, account.alerts().values())) == {(TOPIC,)}
    assert account.apply(settings)[-1] == UNCHANGED


def test_a_topic_of_another_account_is_refused(account: Account) -> None:
    theirs = TOPIC.replace(ACCOUNT, "999999999999")
    with pytest.raises(SetupError, match="another account's, which a budget cannot tell: give ETL_BUDGET_EMAILS"):
        account.apply(structs.replace(WANTED, budget_emails=(), alarm_topic=theirs))


@pytest.mark.parametrize(
    ("changed", "lets"),
    [
        ({}, True),
        ({"Action": ["sns:Subscribe", "sns:*"]}, True),
        ({"Action": "sns:Subscribe"}, False),
        ({"Effect": "Deny"}, False),
        ({"Principal": {"Service": ["events.amazonaws.com", "budgets.amazonaws.com"]}}, True),
        ({"Principal": {"Service": "cloudwatch.amazonaws.com"}}, False),
        ({"Principal": "*", "Condition": {}}, True),
        ({"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}}, False),
    ],
)
def test_a_topics_policy_is_read_for_who_may_publish(changed: dict[str, Any], lets: bool) -> None:
    statement = publish_statement(target_with(Stage("test", "orders-etl", structs.replace(WANTED, alarm_topic=TOPIC))))
    assert lets_budgets_publish({"Statement": [statement | changed]}) is lets
    assert not lets_budgets_publish({})


class Denying:
    """A client of a service that the caller may not use, or that cannot be reached."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            raise self._error

        return call


DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeBudget")
UNREACHABLE = EndpointConnectionError(endpoint_url="https://budgets.amazonaws.com")


@pytest.mark.parametrize("error", [DENIED, UNREACHABLE], ids=["denied", "unreachable"])
def test_who_may_not_look_at_budgets_and_wants_none_deploys_and_is_told(account: Account, error: Exception) -> None:
    account.clients = replace(account.clients, budgets=Denying(error))
    line, last = account.apply(NONE)
    assert line.startswith(f"Not looked for, as the settings want none of it: budget {NAME}. ")
    assert last == UNCHANGED
    lines: list[str] = []
    foundations.destroy(account.target(NONE), account.clients, lines.append, delete_data=False)
    assert line in lines
    with pytest.raises(SetupError):
        account.apply(WANTED)


def test_who_may_not_look_and_wants_one_is_told_which_right_is_missing(account: Account) -> None:
    account.clients = replace(account.clients, budgets=Denying(DENIED))
    with pytest.raises(SetupError, match="DescribeBudget was denied: allow budgets:ViewBudget to the caller"):
        account.apply(WANTED)


def test_another_failure_is_none_that_can_be_passed_over(account: Account) -> None:
    busy = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "DescribeBudget")
    account.clients = replace(account.clients, budgets=Denying(busy))
    with pytest.raises(SetupError, match="AWS is busy"):
        account.apply(NONE)


def test_where_aws_has_no_budgets_in_dollars_one_is_refused_and_none_is_asked_for(account: Account) -> None:
    clients = replace(account.clients, budgets=Denying(AssertionError("no call is to be made")))
    on, off = (
        Budget(replace(account.target(each), partition="aws-us-gov", region="us-gov-west-1"), clients)
        for each in (WANTED, NONE)
    )
    lines: list[str] = []
    foundations.apply([], lines.append, [off])
    assert lines == [UNCHANGED]
    with pytest.raises(SetupError, match="no budgets in dollars in us-gov-west-1"):
        foundations.apply([on], lines.append)


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({"ETL_BUDGET_DOLLARS": "50"}, "ETL_BUDGET_DOLLARS is '50': give ETL_BUDGET_EMAILS or ALARM_TOPIC_ARN too"),
        ({"ETL_BUDGET_DOLLARS": "49.50"}, "ETL_BUDGET_DOLLARS is '49.50': give a whole number from 0"),
        ({"ETL_BUDGET_EMAILS": "data"}, "ETL_BUDGET_EMAILS is 'data': give up to 10 e-mail addresses"),
        ({"ETL_BUDGET_EMAILS": "data@shop"}, "give up to 10 e-mail addresses"),
        ({"ETL_BUDGET_EMAILS": "data@shop..example"}, "give up to 10 e-mail addresses"),
        ({"ETL_BUDGET_EMAILS": "a@shop.example, "}, "give up to 10 e-mail addresses"),
        ({"ETL_BUDGET_EMAILS": ",".join(["a@b.c"] * 11)}, "give up to 10 e-mail addresses"),
    ],
)
def test_settings_that_could_tell_nobody_are_rejected(variables: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingError, match=fault):
        Settings.from_environment({"ETL_BUCKET": BUCKET, **variables})


def test_several_addresses_are_read_with_commas_between() -> None:
    given = {"ETL_BUCKET": BUCKET, "ETL_BUDGET_DOLLARS": "50", "ETL_BUDGET_EMAILS": "a@b.example, c@d.example"}
    assert Settings.from_environment(given).budget_emails == ("a@b.example", "c@d.example")
