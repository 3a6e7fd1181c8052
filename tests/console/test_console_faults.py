"""The console when something is wrong: who may not use it, credentials, permissions, an API that is down or endless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, expect

from console.app import doorway
from tests.console.conftest import DROP, TOKEN, Start, Visiting
from tests.console.fake_api import EndlessQuery, FakeApi, fake_api, takes_files
from tests.local.calls import user
from tests.local.product import Product

pytestmark = pytest.mark.slow

EXPIRED = {"message": "The security token included in the request is expired"}
DENIED = {"Message": "User: arn:aws:iam::1:user/x is not authorized to perform: execute-api:Invoke"}


@pytest.fixture(scope="module")
def served() -> Iterator[FakeApi]:
    with fake_api() as made:
        yield made


@pytest.fixture
def api(served: FakeApi) -> FakeApi:
    """An API that knows nothing until the test says what."""
    served.answers.clear()
    return served


@pytest.mark.parametrize("width", [400, 1600])
def test_a_running_query_is_cancelled(visit: Visiting, api: FakeApi, width: int) -> None:
    query = EndlessQuery(api)
    at = visit(api.environment, width)
    page = at.open("/ask")
    page.get_by_role("button", name="Run").click()
    cancel = page.get_by_role("button", name="Cancel")
    cancel.click()
    expect(page.get_by_text("The query was cancelled.")).to_be_visible()
    expect(cancel).to_be_hidden()
    assert query.state == "CANCELLED"
    expect(page.get_by_role("button", name="Run")).to_be_enabled()
    at.fits()


def test_expired_credentials_are_said_in_words_with_what_to_do_and_work_again_once_renewed(
    visit: Visiting, api: FakeApi
) -> None:
    at = visit(api.environment, 400)
    api.always(403, EXPIRED)
    page = at.open("/sources")
    expect(page.get_by_text("Your AWS credentials have expired.")).to_be_visible()
    expect(page.get_by_text("Log in to AWS again")).to_be_visible()
    at.fits()
    api.always(200, {"sources": [], "looked_through": 0, "complete": True, "next_page_token": None})
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Nothing was dropped yet")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, DENIED, "You may not call GET /sources."),
        (403, {"message": "Missing Authentication Token"}, "The deployed API has no GET /sources."),
        (504, {"message": "Endpoint request timed out"}, "took longer than the gateway waits"),
        (503, {"Message": "a service this API stands on does not answer: try again in 5 s"}, "Try again in 5 s."),
    ],
)
def test_what_the_gateway_refuses_is_said_in_words(
    visit: Visiting, api: FakeApi, status: int, body: dict[str, str], words: str
) -> None:
    at = visit(api.environment)
    api.always(status, body)
    expect(at.open("/sources").get_by_text(words)).to_be_visible()


def test_an_api_that_is_down_is_said_on_every_page_and_for_a_file(visit: Visiting, start: Start) -> None:
    with fake_api() as gone:
        start(gone.environment)
    at = visit(gone.environment, 400)
    for path in ("/sources", "/ask", "/tables"):
        page = at.open(path)
        expect(page.get_by_role("alert").first).to_contain_text("does not answer")
        expect(page.get_by_role("button", name="Try again").first).to_be_visible()
        at.fits()
    page = at.open("/")
    with page.expect_file_chooser() as chooser:
        page.locator("#choose").click()
    chooser.value.set_files({"name": "a.json", "mimeType": "application/json", "buffer": b"[]"})
    expect(page.locator('[data-file="a.json"]')).to_contain_text("does not answer")


@pytest.mark.parametrize(
    ("status", "body"), [(200, []), (200, None), (200, "<html>"), (403, ["x"]), (500, "x"), (400, {"Fields": []})]
)
def test_what_is_no_answer_of_the_api_ends_a_file_and_is_said_in_words(
    visit: Visiting, api: FakeApi, status: int, body: Any
) -> None:
    at = visit(api.environment)
    api.always(status, body)
    page = at.open("/")
    name = f"{status}{len(str(body))}.json"
    page.evaluate(DROP, [name, "[]", 1])
    card = page.locator(f'[data-file="{name}"]')
    expect(card.get_by_role("alert")).to_be_visible()
    expect(card.locator(".badge")).to_have_text("failed")
    if status == 200:
        expect(card).to_contain_text("is not the API: it answered POST /uploads with application/json")


def test_a_hundred_files_that_are_dropped_at_once_all_arrive(visit: Visiting, api: FakeApi) -> None:
    takes_files(api)
    page = visit(api.environment).open("/")
    before = api.asked.count("POST /s3")
    page.evaluate("window.stays = true")
    page.evaluate(DROP, ["many.json", "[]", 100])
    expect(page.get_by_text(re.compile(r"^\d+ files: 100 loaded(, \d+ failed)?$"))).to_be_visible(timeout=60_000)
    expect(page.locator("[data-status=loaded]")).to_have_count(30)
    page.get_by_role("button", name="Show 30 more").click()
    expect(page.locator("[data-status=loaded]")).to_have_count(60)
    assert api.asked.count("POST /s3") == before + 100
    assert page.evaluate("window.stays"), "the page was not loaded anew"
    first = page.locator("[data-file]").first
    expect(first).to_have_attribute("data-file", "99-many.json")
    expect(first).to_contain_text("$0.000028")


def test_who_leaves_the_page_is_asked_only_while_files_are_sent(visit: Visiting, api: FakeApi) -> None:
    takes_files(api)
    at = visit(api.environment)
    page, asked = at.open("/"), list[str]()

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    for sending, types in ((0, list[str]()), (1, ["beforeunload"])):
        page.evaluate(DROP, [f"leave{sending}.json", "[]", 1])
        expect(page.locator(f'[data-file="leave{sending}.json"][data-status=loaded]')).to_be_visible()
        page.evaluate(f"window.sending = {sending}")
        page.locator("h1").click()
        page.get_by_role("link", name="Drop").click()
        expect(page.locator("h1")).to_be_visible()
        at.drawn()
        assert asked == types


def test_rejected_records_that_are_gone_are_not_said_to_be_in_the_tables(visit: Visiting, api: FakeApi) -> None:
    page: dict[str, Any] = {"records": [], "next_page_token": None, "quarantine_url": None, "orders_rejected": 2}
    source = {"key": "orders_json_incoming/a.json", "status": "partly_loaded", "reason": None, "contract": "orders"}
    api.answers |= {"GET /source": lambda: (200, source), "GET /rejected": lambda: (200, page)}
    at = visit(api.environment)
    expect(at.open("/fix?key=orders_json_incoming/a.json").get_by_text("2 records were rejected")).to_be_visible()


@pytest.mark.aws
@pytest.mark.parametrize("width", [320, 400])
def test_pages_fit_a_narrow_screen_with_letters_of_twice_the_size(
    visit: Visiting, stage: dict[str, str], width: int
) -> None:
    at = visit(stage, width)
    for path in ("/", "/sources", "/source?key=x", "/fix?key=x", "/ask", "/ask?query=gone", "/tables", "/health"):
        at.open(path).evaluate("document.documentElement.style.fontSize = '200%'")
        at.fits()
        if "gone" in path:
            expect(at.page.get_by_text("There is no saved query gone")).to_be_visible()


@pytest.mark.aws
def test_health_says_which_permission_is_missing_and_shows_the_rest(
    visit: Visiting, stage: dict[str, str], product: Product
) -> None:
    allowed = ("execute-api:Invoke", "sqs:GetQueueUrl", "sqs:GetQueueAttributes")
    key, secret = user(product.aws, "console-user", *((action, "*") for action in allowed))
    page = visit(stage | {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}).open("/health")
    expect(page.get_by_text("You lack the permission cloudwatch:DescribeAlarms.")).to_be_visible()
    expect(page.get_by_text("events whose load failed to the end")).to_be_visible()


def test_the_page_by_which_the_browser_is_opened_leads_in(
    browser: Browser, start: Start, api: FakeApi, tmp_path: Path
) -> None:
    base = start(api.environment)
    door = doorway(tmp_path, f"{base}/?token={TOKEN}")
    assert door.stat().st_mode & 0o777 == 0o600
    context = browser.new_context()
    page = context.new_page()
    page.goto(door.as_uri())
    expect(page.get_by_role("heading", name="Drop files")).to_be_visible()
    assert TOKEN not in page.url
    context.close()


def test_nobody_uses_the_console_without_its_token_from_another_site_or_under_another_name(
    start: Start, api: FakeApi
) -> None:
    base = start(api.environment)
    cookie = {"Cookie": f"console_{base.rpartition(':')[2]}={TOKEN}"}
    pages = ["/", "/ask", "/fix?key=x", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"]
    with httpx.Client(base_url=base, trust_env=False, timeout=30) as http:
        for page in pages:
            assert http.get(page).status_code == 403
            assert http.get(f"{page}{'&' if '?' in page else '?'}token=wrong").status_code == 403
            assert http.get(page, headers=cookie | {"Origin": "https://evil.example"}).status_code == 403
            assert http.get(page, headers=cookie | {"Host": "evil.example"}).status_code == 421
        answer = http.get("/", headers=cookie)
        assert (answer.status_code, answer.headers["X-Frame-Options"]) == (200, "DENY")
        entered = http.get(f"/?token={TOKEN}")
        assert entered.status_code == 200
        assert "HttpOnly" in entered.headers["set-cookie"]
        assert "SameSite=strict" in entered.headers["set-cookie"]
