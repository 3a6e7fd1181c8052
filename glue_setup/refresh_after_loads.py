"""What starts a refresh after loads: a rule on their events, and a small state machine that lets one pass at a time.

Each event has the small machine start an execution of the refresh that is named after the end of the time that the load
falls in, and that waits for this end. The first load of that time starts it, the others find the name taken; whatever
was loaded before the end is there when the refresh looks, and what comes later belongs to the next one. No state is
kept, nothing is asked, and a load while a refresh runs is followed by another.
"""

from __future__ import annotations

from typing import Any

from chalicelib.aws.events import SOURCE
from glue_setup.clients import Clients
from glue_setup.refresh import BEGINS_AT, REFRESH
from glue_setup.starting_rule import StartingRule
from glue_setup.statements import Document
from glue_setup.target import Target

AFTER_LOADS = "refresh-after-loads"
"""What the names of the small state machine, its role and the rule end with."""
AFTER_LOADS_RULE = "refresh-after-loads-rule"
"""What the name of the role ends with by which the rule starts it."""

TYPE = "EXPRESS"
"""A dollar for a million loads; a STANDARD one costs fifty, and may be started less often a second."""

LOADED = ("Source Loaded", "Source Partly Loaded")
"""The events after which there are rows that were not there before."""

NAME_TAKEN = ["StepFunctions.ExecutionAlreadyExistsException"]
"""The error of an execution's name that was used before; while it runs, AWS answers as if it had just been started."""


def pattern(target: Target) -> Document:
    """Return which events start a refresh: those of loads into this stage's tables."""
    return {"source": [SOURCE], "detail-type": list(LOADED), "detail": {"bucket": [target.settings.bucket]}}


def definition(target: Target) -> dict[str, Any]:
    """Return the small state machine. The times are those of Step Functions, in milliseconds since 1970."""
    length = target.settings.refresh_after_loads * 1000 or 1
    end = f"$fromMillis(($floor($toMillis($states.context.Execution.StartTime) / {length}) + 1) * {length})"
    again = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "BackoffRate": 2,
        "MaxAttempts": 6,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }
    start = {
        "Type": "Task",
        "Resource": f"arn:{target.partition}:states:::states:startExecution",
        "Arguments": {
            "StateMachineArn": target.machine(REFRESH),
            # 2026-11-27T02:05:00.000Z, without what a name may not have.
            "Name": f"{{% 'after-loads-' & $replace($substringBefore({end}, '.'), ':', '') %}}",
            "Input": {BEGINS_AT: f"{{% {end} %}}"},
        },
        "Retry": [{"ErrorEquals": NAME_TAKEN, "MaxAttempts": 0}, again],
        "Catch": [{"ErrorEquals": NAME_TAKEN, "Next": "Started"}],
        "Next": "Started",
    }
    return {
        "Comment": f"Starts one refresh of the stage {target.stage.name} for all loads of a time",
        "QueryLanguage": "JSONata",
        "StartAt": "StartRefresh",
        "States": {"StartRefresh": start, "Started": {"Type": "Succeed"}},
    }


def rule(target: Target, clients: Clients) -> StartingRule:
    """Return the rule that starts the small state machine for each load."""
    return StartingRule(
        target,
        clients,
        f"rule {target.prefix}-{AFTER_LOADS}",
        AFTER_LOADS,
        AFTER_LOADS_RULE,
        pattern=pattern(target),
        bus=target.settings.event_bus,
    )
