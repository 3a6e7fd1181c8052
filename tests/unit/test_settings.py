"""Settings: all that is wrong is named at once, and what cannot hold together is rejected together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import SettingError
from chalicelib.settings import GIB, MIB, Settings
from chalicelib.writing.parquet import OPEN_BYTES
from tests.builders import KEY, RULES, body, died, order, sweep
from tests.unit.memory_store import MemoryStore


def read(**variables: Any) -> Settings:
    return Settings.from_environment({"ETL_BUCKET": "some-bucket"} | {k: str(v) for k, v in variables.items()})


def faults(**variables: Any) -> dict[str, str]:
    """Return what each fault says, by its variable."""
    with pytest.raises(SettingError) as caught:
        read(**variables)
    for fault in caught.value.faults:
        assert str(fault) in str(caught.value)
    return {fault.name: str(fault) for fault in caught.value.faults}


def test_the_defaults_hold_together() -> None:
    assert read() == Settings(bucket="some-bucket")


def test_everything_that_is_wrong_is_named_at_once() -> None:
    rejected = faults(
        ETL_BUCKET="",
        ETL_LEDGER_PREFIX="no-slash",
        ETL_SWEEP_MINUTES="often",
        API_AUTH="none",
        ETL_STAGE="prod",
        ETL_SWEEP_GRACE_SECONDS=90_000,
    )
    assert rejected == {
        "ETL_BUCKET": "ETL_BUCKET is '': give the name of the stage's bucket in .chalice/config.json",
        "ETL_LEDGER_PREFIX": "ETL_LEDGER_PREFIX is 'no-slash': give one lower-case folder name that ends with a slash",
        "ETL_SWEEP_MINUTES": "ETL_SWEEP_MINUTES is 'often': give a whole number from 2 to 1440",
        "API_AUTH": "API_AUTH is 'none': give iam or api_key: only the local stage may do without",
        "ETL_SWEEP_GRACE_SECONDS": "ETL_SWEEP_GRACE_SECONDS is '90000': give at most the 86400 seconds of "
        "ETL_SWEEP_LOOKBACK_HOURS (24), or raise that: the sweep would no longer look at a load when its grace is over",
    }


def test_several_faults_are_a_list_and_one_is_a_sentence() -> None:
    with pytest.raises(SettingError) as caught:
        read(ETL_STAGE="a b", API_AUTH="magic")
    assert str(caught.value) == (
        "2 settings are wrong:\n- ETL_STAGE is 'a b': give the stage's name\n"
        "- API_AUTH is 'magic': give iam, api_key or none"
    )
    with pytest.raises(SettingError) as caught:
        read(ETL_STAGE="a b")
    assert str(caught.value) == "ETL_STAGE is 'a b': give the stage's name"


def test_what_is_malformed_contradicts_nothing() -> None:
    assert set(faults(ETL_SWEEP_GRACE_SECONDS=90_000, ETL_SWEEP_LOOKBACK_HOURS="x")) == {"ETL_SWEEP_LOOKBACK_HOURS"}
    assert set(faults(API_AUTH="none", ETL_STAGE="a b")) == {"ETL_STAGE"}


@pytest.mark.parametrize("hours", [1, 24, 168])
def test_a_dead_load_is_still_looked_at_when_its_grace_is_over(hours: int) -> None:
    assert read(ETL_SWEEP_LOOKBACK_HOURS=hours, ETL_SWEEP_GRACE_SECONDS=hours * 3600)
    if hours < 168:
        rejected = faults(ETL_SWEEP_LOOKBACK_HOURS=hours, ETL_SWEEP_GRACE_SECONDS=hours * 3600 + 1)
        assert set(rejected) == {"ETL_SWEEP_GRACE_SECONDS"}


@pytest.mark.parametrize(
    ("beyond", "is_announced"), [(0, True), (1200, False)], ids=["the longest grace", "a longer one"]
)
def test_the_sweep_finds_a_dead_load_up_to_the_longest_grace_that_is_taken(beyond: int, is_announced: bool) -> None:
    grace = timedelta(seconds=3600 + beyond)
    rules = replace(RULES, grace=grace, lookback=timedelta(hours=1))
    store = MemoryStore()
    died(store, store.drop(KEY, body(order(1))))
    announced = []
    for _ in range(30):
        store.pass_time(minutes=15)
        announced += sweep(store, rules)[1]
    assert bool(announced) is is_announced


def test_a_link_offers_nothing_that_the_loader_rejects_for_its_size() -> None:
    rejected = faults(UPLOAD_MAX_BYTES=2 * GIB, ETL_MAX_SOURCE_BYTES=GIB)
    assert "ETL_MAX_SOURCE_BYTES (1073741824)" in rejected["UPLOAD_MAX_BYTES"]
    assert read(UPLOAD_MAX_BYTES=GIB, ETL_MAX_SOURCE_BYTES=GIB).upload_max_bytes == GIB
    assert read(ETL_MAX_SOURCE_BYTES=5 * MIB).upload_max_bytes == 5 * MIB


@pytest.mark.parametrize(("variable", "value"), [("GLUE_TABLE", "lake"), ("ETL_TABLE_PREFIX", "lake/")])
def test_a_setting_that_there_is_no_more_is_rejected_with_what_to_do_instead(variable: str, value: str) -> None:
    remedy = "remove it: a table's name, which is its folder's too, is the contract's"
    assert faults(**{variable: value}) == {variable: f"{variable} is {value!r}: {remedy}"}


def test_prefixes_are_five_different_ones() -> None:
    rejected = faults(ETL_LEDGER_PREFIX="athena_results/")
    assert "athena_results/ begins another, or is given twice" in rejected["ETL_*_PREFIX"]


def test_a_file_is_no_larger_than_what_lambdas_disk_is_given_for_unfinished_ones() -> None:
    assert read(ETL_ROLL_BYTES=OPEN_BYTES).roll_bytes == OPEN_BYTES
    assert set(faults(ETL_ROLL_BYTES=OPEN_BYTES + 1)) == {"ETL_ROLL_BYTES"}


@pytest.mark.parametrize(
    "unusual",
    [
        {"CATALOG_MODE": "crawler"},  # it has a schedule of its own
        {"GLUE_CRAWLER": "c"},  # for engines that read registered partitions
        {"ETL_SWEEP_MINUTES": 1440, "ETL_SWEEP_GRACE_SECONDS": 60, "ETL_SWEEP_LOOKBACK_HOURS": 1},
        {"ETL_MAX_DECOMPRESSED_BYTES": MIB, "ETL_MAX_RECORD_BYTES": 256 * MIB},
        {"ETL_MAX_SOURCE_BYTES": MIB, "ETL_MAX_RECORD_BYTES": 256 * MIB},
        {"API_AUTH": "none", "ETL_STAGE": "local"},
    ],
    ids=str,
)
def test_what_is_only_unusual_is_not_rejected(unusual: dict[str, Any]) -> None:
    assert read(**unusual)


def test_a_refresh_after_loads_needs_their_events() -> None:
    assert faults(ETL_REFRESH_AFTER_LOADS_SECONDS=300, ETL_EVENTS="false") == {
        "ETL_REFRESH_AFTER_LOADS_SECONDS": "ETL_REFRESH_AFTER_LOADS_SECONDS is '300': leave it out, or set "
        "ETL_EVENTS=true: a refresh is started by the event of a load"
    }
    assert read(ETL_REFRESH_AFTER_LOADS_SECONDS=0, ETL_EVENTS="false").refreshes is False


@pytest.mark.parametrize("seconds", ["9", "-1", "86401", "soon", "010000"])
def test_the_seconds_of_a_refresh_after_loads_are_none_or_ten_and_more(seconds: str) -> None:
    (fault,) = faults(ETL_REFRESH_AFTER_LOADS_SECONDS=seconds).values()
    assert "give 0 for none, or a whole number from 10 to 86400" in fault
