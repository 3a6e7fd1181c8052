"""All resources of a stage in the order in which they stand on each other, and what is done to them in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.contracts.model import Contract
from chalicelib.contracts.orders.contract import ORDERS
from chalicelib.errors import AwsError, EtlError, shown
from chalicelib.stage import Stage
from glue_setup import definitions
from glue_setup.alarms import alarms, needs_data
from glue_setup.bucket import Bucket
from glue_setup.crawler import Crawler, CrawlerRole
from glue_setup.dashboard import dashboard
from glue_setup.errors import Refused, SetupError, explained
from glue_setup.logs import LogGroup
from glue_setup.monitoring import Alarm, Dashboard, FedAlarm
from glue_setup.place import Place
from glue_setup.policies import FUNCTIONS
from glue_setup.queue import FailedQueue
from glue_setup.resource import Plan, Resource
from glue_setup.tables import Database, Table
from glue_setup.views import RunsSql, View
from glue_setup.wiring import FailedEvents
from glue_setup.workgroup import Workgroup

if TYPE_CHECKING:
    from glue_setup.clients import Clients

Say = Callable[[str], None]
MAX_ROLE_NAME = 64
"""IAM refuses a longer name."""


def foundations(
    stage: Stage,
    place: Place,
    clients: Clients,
    views: Sequence[tuple[str, str]],
    athena: RunsSql,
    contract: Contract = ORDERS,
    everything: bool = False,
) -> list[Resource]:
    """Return the resources of a stage in the order in which they are made.

    `views` are name and statement of each. The crawler and its role are among them where the stage uses one, or with
    `everything`: destroy also removes a crawler from the time before the stage changed its mind.
    """
    settings = stage.settings
    resources: list[Resource] = [
        *data(stage, place, clients),
        Database(clients.glue, stage),
    ]
    if everything or settings.crawler or settings.catalog_mode == "crawler":
        role = f"{stage.app}-{stage.name}-crawler"[:MAX_ROLE_NAME]
        resources += [
            CrawlerRole(clients.iam, stage, place, role),
            Crawler(clients.glue, stage, place, role),
        ]
    return [
        *resources,
        Table(clients.glue, settings, contract),
        Workgroup(clients.athena, stage, place),
        *(View(clients.glue, athena, settings, name, statement) for name, statement in views),
        *(LogGroup(clients.logs, stage.function(name)) for name in FUNCTIONS),
        *_monitoring(stage, place, clients, everything),
    ]


def data(stage: Stage, place: Place, clients: Clients) -> list[Resource]:
    """Return the resources that hold a stage's data: its bucket and its queue."""
    return [
        Bucket(clients.s3, stage, place, clients.tls),
        FailedQueue(clients.sqs, stage, place, clients.tls),
    ]


def wiring(stage: Stage, place: Place, clients: Clients) -> list[Resource]:
    """Return what is made once the functions and the schedule are there, which `chalice deploy` makes."""
    failed = definitions.failed_events(place.queue(stage.failed_queue))
    return [
        FailedEvents(clients.functions, stage.function("load_orders"), failed),
        FailedEvents(clients.functions, stage.function("sweep_orders"), definitions.sweep_events()),
        *(FedAlarm(clients.cloudwatch, request) for request in alarms(stage, place) if needs_data(request)),
    ]


def _monitoring(stage: Stage, place: Place, clients: Clients, everything: bool) -> list[Resource]:
    requests = alarms(stage, place, everything)
    shown = dashboard(stage, place, [request["AlarmName"] for request in alarms(stage, place)])
    return [
        *(Alarm(clients.cloudwatch, request) for request in requests if not needs_data(request)),
        Dashboard(clients.cloudwatch, f"{stage.app}-{stage.name}", shown),
    ]


def plan(resources: Sequence[Resource], say: Say) -> bool:
    """Say what apply would do, touching nothing. Return False if apply would refuse to do it."""
    words: dict[str, int] = {}
    for resource in resources:
        with _named(resource):
            word = _planned(resource, say)
        words[word] = words.get(word, 0) + 1
    say(", ".join(f"{count} {word}" for word, count in words.items()) + ". Nothing was touched.")
    return "refused" not in words


def apply(resources: Sequence[Resource], say: Say) -> None:
    """Make everything as it should be. Raises SetupError at the first failure; a second run goes on from there.

    Everything is looked at before anything is touched, so that a refusal leaves all as it was.
    """
    _raise(_refused(resources, _plan_if_possible))
    made = waiting = 0
    for resource in resources:
        with _named(resource):
            reason = resource.waits()
            if reason:
                waiting += 1
                say(f"{resource.name}: not yet: {reason}")
                continue
            done = resource.apply()
        made += done.word != "unchanged"
        say(f"{resource.name}: {_told(done)}")
    what = "All but what waits" if waiting else "Everything"
    say(f"{what} is in place." if made else f"{what} was in place: unchanged.")


def destroy(resources: Sequence[Resource], say: Say, delete_data: bool) -> None:
    """Remove what apply made, the last first. The bucket and the data in it only with `delete_data`.

    Raises SetupError, before anything is touched, when those data would be another stage's.
    """
    if delete_data:
        check_owners(resources)
    for resource in reversed(resources):
        with _named(resource):
            say(f"{resource.name}: {resource.remove(delete_data)}")


def check_owners(resources: Sequence[Resource]) -> None:
    """Raise SetupError when deleting the data of these resources would delete another stage's."""
    _raise(_refused(resources, lambda resource: resource.check_owner()))


def _planned(resource: Resource, say: Say) -> str:
    try:
        reason = resource.waits()
        if reason:
            say(f"{resource.name}: not yet: {reason}")
            return "not yet"
        planned = resource.plan()
    except Refused as refused:
        say(f"{resource.name}: refused")
        for problem in refused.reasons:
            say(f"  ! {problem}")
        return "refused"
    say(f"{resource.name}: {planned.word}")
    for change in planned.changes:
        if planned.creates:
            say(f"  + {change.field}: {shown(change.after, 120)}")
        else:
            say(f"  ~ {change.field}: {_value(change.before)} -> {_value(change.after)}")
    return planned.word


def _plan_if_possible(resource: Resource) -> None:
    if not resource.waits():
        resource.plan()


def _refused(resources: Sequence[Resource], look: Callable[[Resource], None]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for resource in resources:
        with _named(resource):
            try:
                look(resource)
            except Refused as refused:
                reasons[refused.resource] = refused.reasons
    return reasons


def _raise(reasons: dict[str, list[str]]) -> None:
    if reasons:
        told = [f"  ! {name}: {reason}" for name, each in reasons.items() for reason in each]
        raise SetupError("refused, and nothing was touched:\n" + "\n".join(told))


def _told(done: Plan) -> str:
    if done.creates:
        return "created"
    return f"changed ({', '.join(change.field for change in done.changes)})" if done.changes else "unchanged"


def _value(value: str | None) -> str:
    return "absent" if value is None else shown(value, 120)


@contextmanager
def _named(resource: Resource) -> Iterator[None]:
    try:
        yield
    except (AwsError, ClientError, BotoCoreError) as error:
        raise SetupError(f"{resource.name}: {explained(error)}") from error
    except SetupError:
        raise
    except EtlError as error:
        raise SetupError(f"{resource.name}: {error}") from error
