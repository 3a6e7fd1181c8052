"""All foundations of a stage in the order in which they stand on each other, and what is done to them in turn.

This one list is what plan, apply, destroy and Terraform work by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from chalicelib.errors import EtlError, shown
from chalicelib.queries.views import view_statements
from glue_setup import backfill, policies, refresh, refresh_after_loads
from glue_setup.alarms import alarms, needs_data
from glue_setup.backfill import BACKFILL
from glue_setup.bucket import Bucket
from glue_setup.budget import Budget
from glue_setup.clients import Clients
from glue_setup.crawler import Crawler, CrawlerRole, crawler_name
from glue_setup.dashboard import dashboard
from glue_setup.errors import DENIED, Refused, SetupError, explained
from glue_setup.events import EventRule, EventsTopic
from glue_setup.logs import LogGroup
from glue_setup.machines import ServiceRole, StateMachine
from glue_setup.monitoring import Alarm, Dashboard
from glue_setup.policies import FUNCTIONS
from glue_setup.queue import FailedQueue
from glue_setup.refresh import REFRESH, SCHEDULE
from glue_setup.refresh_after_loads import AFTER_LOADS, AFTER_LOADS_RULE
from glue_setup.rejected import RejectedTable
from glue_setup.resource import OWNER, Plan, Resource
from glue_setup.tables import Database, Table
from glue_setup.target import Target
from glue_setup.views import View
from glue_setup.wiring import FailedEvents
from glue_setup.workgroup import Workgroup

Say = Callable[[str], None]


def foundations(target: Target, clients: Clients, everything: bool = False) -> list[Resource]:
    """Return the resources of a stage in the order in which they are made.

    The crawler and its role are among them where the stage uses one, or with `everything`: destroy also removes a
    crawler from the time before the stage changed its mind.
    """
    settings, datasets = target.settings, target.datasets
    crawls = everything or settings.crawler or settings.catalog_mode == "crawler"
    drawn = dashboard(target, [request["AlarmName"] for request in alarms(target)])
    return [
        *data(target, clients),
        Database(target, clients),
        *([CrawlerRole(target, clients), Crawler(target, clients)] if crawls else []),
        *(Table(target, clients, dataset, table) for dataset in datasets for table in dataset.tables),
        RejectedTable(target, clients),
        Workgroup(target, clients),
        *(View(target, clients, dataset, *each) for dataset in datasets for each in view_statements(dataset)),
        *(LogGroup(target, clients, function) for function in FUNCTIONS),
        *([EventsTopic(target, clients)] if settings.events_topic else []),
        *optional(target, clients, everything),
        *(Alarm(target, clients, request) for request in alarms(target, everything) if not needs_data(request)),
        Dashboard(target, clients, drawn),
    ]


def optional(target: Target, clients: Clients, everything: bool = False) -> list[Resource]:
    """Return what settings switch on and off and holds no data: what they want, or all of it."""
    settings = target.settings
    return [
        *machines(target, clients, everything),
        *([EventRule(target, clients)] if settings.events_topic or everything else []),
        *([Budget(target, clients)] if settings.budget_dollars or everything else []),
    ]


def switched_off(target: Target, clients: Clients) -> list[Resource]:
    """Return what the settings of a stage do not want, and may have wanted before: apply removes it."""
    names = {each.name for each in optional(target, clients)}
    return [each for each in optional(target, clients, everything=True) if each.name not in names]


def machines(target: Target, clients: Clients, everything: bool = False) -> list[Resource]:
    """Return the state machines of a stage with their roles: those that its settings want, or all of them."""
    made: list[Resource] = []
    if everything or target.settings.backfill_concurrency:
        made += [
            ServiceRole(target, clients, BACKFILL, "states", policies.backfill(target)),
            StateMachine(target, clients, BACKFILL, backfill.definition(target)),
        ]
    if everything or target.settings.refreshes:
        crawler = crawler_name(target.settings) if refresh.has_crawler(target) else ""
        made += [
            ServiceRole(target, clients, REFRESH, "states", policies.refresh(target, crawler)),
            StateMachine(target, clients, REFRESH, refresh.definition(target)),
        ]
    if everything or target.settings.refresh_minutes:
        made += [
            ServiceRole(target, clients, SCHEDULE, "events", policies.starting(target, REFRESH)),
            refresh.schedule(target, clients),
        ]
    if everything or target.settings.refresh_after_loads:
        debounce = refresh_after_loads.definition(target)
        made += [
            ServiceRole(target, clients, AFTER_LOADS, "states", policies.starting(target, REFRESH)),
            StateMachine(target, clients, AFTER_LOADS, debounce, refresh_after_loads.TYPE),
            ServiceRole(target, clients, AFTER_LOADS_RULE, "events", policies.starting(target, AFTER_LOADS)),
            refresh_after_loads.rule(target, clients),
        ]
    return made


def data(target: Target, clients: Clients) -> list[Resource]:
    """Return the resources that hold a stage's data: its bucket and its queue."""
    return [Bucket(target, clients), FailedQueue(target, clients)]


def wiring(target: Target, clients: Clients) -> list[Resource]:
    """Return what is made once the functions and the schedule are there, which `chalice deploy` makes."""
    return [
        FailedEvents(target, clients, "load", queue=True),
        FailedEvents(target, clients, "sweep", queue=False),
        *(Alarm(target, clients, request) for request in alarms(target) if needs_data(request)),
    ]


def plan(resources: Sequence[Resource], say: Say, unwanted: Sequence[Resource] = ()) -> bool:
    """Say what apply would do, touching nothing. Return False if apply would refuse to do it."""
    words: dict[str, int] = {}
    for resource in resources:
        with _named(resource):
            word = _plan_one(resource, say)
        words[word] = words.get(word, 0) + 1
    doomed = _still_there(unwanted, say)
    for resource in doomed:
        say(f"{resource.name}: remove")
    words |= {"remove": len(doomed)} if doomed else {}
    say(", ".join(f"{count} {word}" for word, count in words.items()) + ". Nothing was touched.")
    return "refused" not in words


def apply(resources: Sequence[Resource], say: Say, unwanted: Sequence[Resource] = ()) -> None:
    """Make everything as it should be, and remove of the `unwanted` what is there and this stage's.

    Raises SetupError at the first failure; a second run goes on from there. Everything is looked at before anything is
    touched, so that a refusal leaves all as it was.
    """
    _refuse(resources, lambda resource: resource.waits() or resource.plan())
    made = waiting = 0
    for resource in resources:
        with _named(resource):
            reason = resource.waits()
            if reason:
                waiting += 1
                say(f"{resource.name}: not yet: {reason}")
                continue
            done = resource.apply()
            remains = resource.remains()
        made += done.word != "unchanged"
        say(f"{resource.name}: {_outcome(done)}")
        for line in remains:
            say(f"  = {line}")
    for resource in _still_there(unwanted, say):
        with _named(resource):
            say(f"{resource.name}: {resource.remove(delete_data=False)}: the settings do not want it any more")
        made += 1
    what = "All but what waits" if waiting else "Everything"
    say(f"{what} is in place." if made else f"{what} was in place: unchanged.")


def destroy(target: Target, clients: Clients, say: Say, delete_data: bool) -> None:
    """Remove what apply and wire made, the last first. The bucket and the data in it only with `delete_data`.

    Raises SetupError, before anything is touched, when those data would be another stage's.
    """
    if delete_data:
        check_owners(target, clients)
    off = {each.name for each in switched_off(target, clients)}
    with _tolerance(say) as tolerated:
        for resource in reversed([*foundations(target, clients, everything=True), *wiring(target, clients)]):
            with _named(resource), tolerated(resource) if resource.name in off else nullcontext():
                say(f"{resource.name}: {resource.remove(delete_data)}")


def check_owners(target: Target, clients: Clients) -> None:
    """Raise SetupError when deleting the stage's data would delete another stage's."""
    _refuse(data(target, clients), lambda resource: resource.find())


def _still_there(unwanted: Sequence[Resource], say: Say) -> list[Resource]:
    """Return the resources that are there and carry this stage's name, the last made first."""
    there = []
    with _tolerance(say) as tolerated:
        for resource in reversed(unwanted):
            with _named(resource), suppress(Refused), tolerated(resource):
                existing = resource.find()
                if existing is not None and OWNER in resource.state(existing):
                    there.append(resource)
    return there


@contextmanager
def _tolerance(say: Say) -> Iterator[Callable[[Resource], AbstractContextManager[None]]]:
    """Have it stop nothing that somebody may not look for what his settings do not want, and say so in one line."""
    hidden: dict[str, str] = {}

    @contextmanager
    def tolerated(resource: Resource) -> Iterator[None]:
        try:
            yield
        except (ClientError, EndpointConnectionError, ConnectTimeoutError) as error:
            if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") not in DENIED:
                raise
            hidden[resource.name] = explained(error)

    yield tolerated
    if hidden:
        why = next(iter(hidden.values()))
        say(f"Not looked for, as the settings want none of it: {', '.join(hidden)}. {why}")


def _plan_one(resource: Resource, say: Say) -> str:
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
    for remark in [] if planned.creates else resource.remarks(planned.existing):
        say(f"  = {remark}")
    for line in [] if planned.creates else resource.remains():
        say(f"  = {line}")
    return planned.word


def _refuse(resources: Sequence[Resource], look: Callable[[Resource], Any]) -> None:
    """Look at all resources. Raises SetupError with everything that was Refused for."""
    reasons: list[str] = []
    for resource in resources:
        with _named(resource):
            try:
                look(resource)
            except Refused as refused:
                reasons += [f"  ! {refused.resource}: {reason}" for reason in refused.reasons]
    if reasons:
        raise SetupError("refused, and nothing was touched:\n" + "\n".join(reasons))


def _outcome(done: Plan) -> str:
    if done.creates:
        return "created"
    return f"changed ({', '.join(change.field for change in done.changes)})" if done.changes else "unchanged"


def _value(value: str | None) -> str:
    return "absent" if value is None else shown(value, 120)


@contextmanager
def _named(resource: Resource) -> Iterator[None]:
    """Put the resource's name before what goes wrong with it."""
    try:
        yield
    except SetupError:
        raise
    except (ClientError, BotoCoreError, EtlError) as error:
        raise SetupError(f"{resource.name}: {explained(error)}") from error
