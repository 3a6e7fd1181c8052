"""Rejected records that are corrected and sent again: each once, one by one or all at once, and nothing is lost."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Coroutine
from typing import Any, BinaryIO

import pytest

from console import desk as module
from console import drops as drops_module
from console.desk import Desk
from console.drops import SENT_AT_ONCE, TRIES, Drop, Drops, worth_showing
from console.errors import ConsoleError

SOURCE = {"key": "orders_json_incoming/x/orders.json", "received_at": "2026-11-26T10:00:00+00:00", "contract": "orders"}


def record(number: int, raw: str = '{"a": 1}', exact: bool = True) -> dict[str, Any]:
    return {"record_number": number, "path": "a", "reason": f"{number} is not taken", "raw": raw, "exact": exact}


class FakeApi:
    """Takes uploads and loads them; `fails` is raised by the next send."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fails: ConsoleError | None = None
        self.looks: list[Any] = []
        """What the next looks at a file are answered by, before it is loaded."""
        self.links: list[str] = []

    def call(self, method: str, path: str, *, body: dict[str, str]) -> dict[str, Any]:
        self.links.append(body["filename"])
        return {"upload_id": body["filename"], "max_bytes": 1000, **body}

    def send(self, link: dict[str, Any], file: BinaryIO, name: str) -> None:
        if self.fails:
            raise self.fails
        self.files[name] = file.read()

    def get(self, path: str) -> dict[str, Any]:
        answer = self.looks.pop(0) if self.looks else {"status": "loaded", "key": path}
        if isinstance(answer, Exception):
            raise answer
        return answer


def pages(*some: list[dict[str, Any]]) -> Any:
    def ask(more: dict[str, Any]) -> dict[str, Any]:
        at = int(more.get("page_token", "0"))
        token = str(at + 1) if at + 1 < len(some) else None
        total = sum(map(len, some))
        return {"records": some[at], "orders_rejected": total, "quarantine_url": "u", "next_page_token": token}

    return ask


def drops(api: FakeApi) -> Drops:
    tasks: set[asyncio.Task[None]] = set()

    def spawn(coroutine: Coroutine[Any, Any, None]) -> None:
        tasks.add(asyncio.get_running_loop().create_task(coroutine))

    return Drops(api, spawn)  # type: ignore[arg-type]


def made(api: FakeApi, *some: list[dict[str, Any]]) -> Desk:
    desk = Desk(drops(api), SOURCE)
    desk.read(pages(*some))
    return desk


async def ended(desk: Desk) -> None:
    while not all(drop.ended for drop in desk._drops.files):
        await asyncio.sleep(0.01)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


def test_what_is_corrected_is_sent_once_however_often_one_clicks(api: FakeApi) -> None:
    async def play() -> None:
        desk = made(api, [record(1), record(2), record(3)])
        desk.edit(desk.all[0], '{"a":\n 2}')
        desk.edit(desk.all[1], '{"a": ')
        assert [each.number for each in desk.ready] == [1]
        assert desk.send() is not None
        assert desk.send() is None
        desk.edit(desk.all[1], '{"a": 3}')
        desk.send()
        await ended(desk)
        assert api.files == {"orders-fixed-1.ndjson": b'{"a": 2}\n', "orders-fixed-2.ndjson": b'{"a": 3}\n'}
        assert desk.sent == {1: "orders-fixed-1.ndjson", 2: "orders-fixed-2.ndjson"}

    asyncio.run(play())


def test_records_whose_file_did_not_reach_s3_can_be_sent_again(api: FakeApi) -> None:
    async def play() -> None:
        desk = made(api, [record(1)])
        desk.edit(desk.all[0], '{"a": 2}')
        api.fails = ConsoleError("S3 does not answer", "try again")
        drop = desk.send()
        await ended(desk)
        while desk.sent:
            await asyncio.sleep(0.01)
        assert drop is not None
        assert drop.error is api.fails
        api.fails = None
        desk.send()
        await ended(desk)
        assert list(api.files.values()) == [b'{"a": 2}\n']

    asyncio.run(play())


def test_a_text_is_replaced_in_all_records_of_a_kind_that_were_not_sent(api: FakeApi) -> None:
    async def play() -> None:
        desk = made(api, [record(1), record(2), record(3) | {"reason": "missing"}, record(4, exact=False)])
        desk.sent[2] = "orders-fixed-1.ndjson"
        desk.kind = list(desk.kinds)[1]
        assert desk.replace("1", "7.50") == 1
        assert [each.text for each in desk.all] == ['{"a": 7.50}', '{"a": 1}', '{"a": 1}', '{"a": 1}']
        assert desk.replace("", "x") == 0

    asyncio.run(play())


def test_more_records_than_are_read_at_once_are_read_one_after_the_other(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_RECORDS", 2)
    ask = pages([record(1)], [record(2)], [record(3)])
    desk = Desk(drops(api), SOURCE)
    desk.read(ask)
    assert ([each.number for each in desk.all], desk.total) == ([1, 2], 3)
    assert desk.next_page
    desk.read(ask)
    assert [each.number for each in desk.all] == [1, 2, 3]
    assert desk.next_page is None


def test_corrections_outlive_the_page_and_are_of_one_version_of_the_source(api: FakeApi) -> None:
    desk = made(api, [record(1)])
    desk.edit(desk.all[0], '{"a": 2}')
    again = Desk(desk._drops, SOURCE)
    again.read(pages([record(1)]))
    assert again.all[0].text == '{"a": 2}'
    newer = Desk(desk._drops, SOURCE | {"received_at": "2026-11-27T10:00:00+00:00"})
    newer.read(pages([record(1, json.dumps({"a": 5}))]))
    assert newer.all[0].text == '{"a": 5}'


DOWN = ConsoleError("the API does not answer", "try again")


def test_a_file_is_watched_through_answers_that_fail_and_is_never_said_to_have_failed_for_them(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drops_module, "PAUSE", 0.001)

    async def play() -> None:
        made = drops(api)
        api.looks = [DOWN, DOWN, {"status": "loading"}, *[DOWN] * (TRIES - 1)]
        drop = made.add("a.json", 1, None, lambda: io.BytesIO(b"1"))
        while not drop.ended:
            await asyncio.sleep(0.001)
        assert drop.state == "loaded"
        api.looks = [DOWN] * TRIES
        drop = made.add("b.json", 1, None, lambda: io.BytesIO(b"1"))
        while not drop.ended:
            await asyncio.sleep(0.001)
        assert (drop.state, drop.error) == ("unknown", DOWN)
        made.look_again(drop)
        while not drop.ended:
            await asyncio.sleep(0.001)
        assert (drop.state, drop.error) == ("loaded", None)

    asyncio.run(play())


@pytest.mark.parametrize("fault", [KeyError("upload_id"), ValueError("not JSON"), OSError("gone")])
def test_whatever_fails_ends_a_file_and_is_said(api: FakeApi, fault: Exception) -> None:
    def opened() -> BinaryIO:
        raise fault

    async def play() -> None:
        drop = drops(api).add("a.json", 1, None, opened)
        async with asyncio.timeout(5):
            while not drop.ended:
                await asyncio.sleep(0.001)
        assert drop.state == "failed"

    asyncio.run(play())


def test_a_link_is_asked_for_when_a_files_turn_has_come(api: FakeApi) -> None:
    sending, released = [], threading.Event()

    class Slow(FakeApi):
        def send(self, link: dict[str, Any], file: BinaryIO, name: str) -> None:
            sending.append(name)
            released.wait(5)

    api = Slow()

    async def play() -> None:
        made = drops(api)
        for i in range(10):
            made.add(f"{i}.json", 1, None, lambda: io.BytesIO(b"1"))
        while len(sending) < SENT_AT_ONCE:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        assert len(api.links) == SENT_AT_ONCE, "a link that waits expires"
        assert [drop.state for drop in made.files].count("queued") == 10 - SENT_AT_ONCE
        released.set()
        while not all(drop.ended for drop in made.files):
            await asyncio.sleep(0.001)
        assert {drop.state for drop in made.files} == {"loaded"}

    asyncio.run(play())


def test_of_hundreds_of_files_none_is_left_out_that_did_not_load(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drops_module, "MOST_KEPT", 20)

    async def play() -> None:
        made = drops(api)
        for i in range(60):
            fails = i in (0, 30, 59)
            made.add(f"{i}.json", 2000 if fails else 1, None, lambda: io.BytesIO(b"1"))
        assert len(made.files) == 60, "all of them are on their way"
        while not all(drop.ended for drop in made.files):
            await asyncio.sleep(0.001)
        assert len(made.files) == 20
        assert [drop.name for drop in made.files if drop.state == "failed"] == ["59.json", "30.json", "0.json"]
        numbers = [int(drop.name.removesuffix(".json")) for drop in made.files]
        assert numbers == sorted(numbers, reverse=True)

    asyncio.run(play())


def test_the_newest_files_are_shown_and_older_ones_that_need_somebody() -> None:
    files = [Drop(f"{i}.json", 1, status="loaded") for i in range(300)]
    files[50].error, files[60].status, files[70].upload_id = DOWN, "partly_loaded", "x"
    files[70].error = DOWN
    names = [drop.name for drop in worth_showing(files, 3)]
    assert names == ["0.json", "1.json", "2.json", "50.json", "60.json", "70.json"]
    assert worth_showing(files[:2], 3) == files[:2]
