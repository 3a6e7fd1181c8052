"""Settings as the environment has them: read one by one, held against each other, all that is wrong named at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.errors import SettingError, SettingFault

if TYPE_CHECKING:
    from chalicelib.settings import Setting, Settings

LOCAL_STAGE = "local"
"""The stage that lives in the embedded AWS on a laptop."""

RETIRED = dict.fromkeys(
    ("GLUE_TABLE", "ETL_TABLE_PREFIX"), "remove it: a table's name, which is its folder's too, is the contract's"
)
"""Settings that there are no more, and what to do instead."""


def read_values(cls: type[Settings], settings: Mapping[str, Setting], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of every setting that is given, by its field. Raises SettingError."""
    values: dict[str, Any] = {}
    faults = {name: SettingFault(name, environment[name], RETIRED[name]) for name in RETIRED if name in environment}
    for name, setting in settings.items():
        raw = environment.get(setting.variable)
        try:
            if raw:
                values[name] = setting.parse(raw)
            elif setting.is_required:
                raise ValueError("give the name of the stage's bucket in .chalice/config.json")
        except ValueError as problem:
            faults[name] = SettingFault(setting.variable, raw, str(problem))
    # The default of the one gives way to a value of the other, where it would contradict it.
    most = values.get("max_source_bytes", settings["max_source_bytes"].default)
    values.setdefault("upload_max_bytes", min(settings["upload_max_bytes"].default, most))
    read = {"bucket": "", **values}
    clashes = [fault for names, fault in contradictions(cls(**read)) if not names & faults.keys()]
    if faults or clashes:
        raise SettingError(*faults.values(), *clashes)
    return read


def contradictions(settings: Settings) -> Iterator[tuple[set[str], SettingFault]]:
    """Yield what cannot hold together: the names of the settings, and what to do.

    A limit that another one keeps from ever being reached is none: nothing goes wrong by it.
    """
    for one in settings.prefixes:
        if sum(other.startswith(one) for other in settings.prefixes) > 1:
            remedy = f"give six prefixes of which none begins another; {one} begins another, or is given twice"
            names = {name for name in settings.__struct_fields__ if name.endswith("_prefix")}
            yield names, SettingFault("ETL_*_PREFIX", ", ".join(settings.prefixes), remedy)
            break
    if settings.api_auth == "none" and settings.stage != LOCAL_STAGE:
        remedy = f"give iam or api_key: only the {LOCAL_STAGE} stage may do without"
        yield {"api_auth", "stage"}, SettingFault("API_AUTH", "none", remedy)
    if settings.events_topic and not settings.events:
        remedy = "leave it out, or set ETL_EVENTS=true: there are no events to pass on"
        yield {"events", "events_topic"}, SettingFault("ETL_EVENTS_TOPIC", settings.events_topic, remedy)
    if settings.refresh_after_loads and not settings.events:
        remedy = "leave it out, or set ETL_EVENTS=true: a refresh is started by the event of a load"
        fault = SettingFault("ETL_REFRESH_AFTER_LOADS_SECONDS", str(settings.refresh_after_loads), remedy)
        yield {"events", "refresh_after_loads"}, fault
    if settings.budget_dollars and not settings.budget_emails and not settings.alarm_topic:
        remedy = "give ETL_BUDGET_EMAILS or ALARM_TOPIC_ARN too, or leave it out: it would tell nobody"
        names = {"budget_dollars", "budget_emails", "alarm_topic"}
        yield names, SettingFault("ETL_BUDGET_DOLLARS", str(settings.budget_dollars), remedy)
    # The sweep looks at what was written since its last whole round, and the lookback before. A load that was too
    # young to be dead in that round was written at most the grace time before it.
    lookback = settings.sweep_lookback_hours * 3600
    if settings.sweep_grace_seconds > lookback:
        remedy = (
            f"give at most the {lookback} seconds of ETL_SWEEP_LOOKBACK_HOURS ({settings.sweep_lookback_hours}), or "
            "raise that: the sweep would no longer look at a load when its grace is over"
        )
        fault = SettingFault("ETL_SWEEP_GRACE_SECONDS", str(settings.sweep_grace_seconds), remedy)
        yield {"sweep_grace_seconds", "sweep_lookback_hours"}, fault
    if settings.upload_max_bytes > settings.max_source_bytes:
        remedy = (
            f"give at most ETL_MAX_SOURCE_BYTES ({settings.max_source_bytes}), or raise that: a link would take files "
            "that the loader rejects"
        )
        fault = SettingFault("UPLOAD_MAX_BYTES", str(settings.upload_max_bytes), remedy)
        yield {"upload_max_bytes", "max_source_bytes"}, fault
