"""The console as a person uses it: drop, reject, fix and resend, loaded, asked, drawn, at both widths."""

from __future__ import annotations

import csv
import json
import os
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from local.emulator import PROJECT
from tests.console.conftest import DROP, Visit, Visiting
from tests.local.product import Product

pytestmark = pytest.mark.aws
PICTURE = PROJECT / "docs" / "console.png"
MOST_PICTURE_BYTES = 200_000


def order(order_id: str, **more: Any) -> dict[str, Any]:
    line = {"product_id": 1, "name": "Cup", "category": "Kitchen", "price": 2.5, "quantity": 2}
    return {"order_id": order_id, "order_date": "2024-07-05", "total_amount": 5, "products": [line]} | more


def drag(page: Page, name: str, *records: Any) -> None:
    page.evaluate(DROP, [name, "".join(f"{json.dumps(each)}\n" for each in records), 1])


def choose(page: Page, *files: Path) -> None:
    """Choose files with the keyboard alone."""
    page.locator("#choose").focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(list(files))


def file_card(page: Page, name: str, status: str) -> Any:
    return page.locator(f'[data-file="{name}"][data-status={status}]')


def keys_of(product: Product, name: str) -> list[str]:
    listed = product.s3.list_objects_v2(Bucket=product.settings.bucket, Prefix=product.orders.incoming)
    return [each["Key"] for each in listed.get("Contents", []) if each["Key"].endswith(name)]


def ask(visit: Visit, query: str, **fields: str) -> Page:
    page = visit.open(f"/ask?query={query}")
    for name, value in fields.items():
        page.locator(f'input[name="{name}"]').fill(value)
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".answer .q-table tbody tr").first).to_be_visible()
    return page


@pytest.mark.parametrize(("width", "colours"), [(400, "dark"), pytest.param(1600, "light", marks=pytest.mark.slow)])
def test_from_a_drop_over_a_rejection_and_its_correction_to_the_chart(
    visit: Visiting, stage: dict[str, str], product: Product, width: int, colours: str
) -> None:
    name = f"walk{width}"
    at = visit(stage, width, colours)
    page = at.page
    at.fits()
    bad = order(f"{name}-2", order_date="05/07/2024")
    drag(page, f"{name}.ndjson", order(f"{name}-1"), bad, order(f"{name}-3", total_amount="many"))
    card = file_card(page, f"{name}.ndjson", "partly_loaded")
    expect(card).to_contain_text("1 of 3")
    at.fits()

    card.get_by_text("See and fix 2 rejected records").click()
    record = page.locator('[data-record="2"]')
    expect(record).to_contain_text("order_date")
    expect(record).to_contain_text("is not an ISO 8601 date")
    area = record.locator("textarea")
    expect(area).to_have_value(json.dumps(bad))
    expect(page.locator("#send")).to_be_disabled()
    area.fill("{")
    expect(record).to_contain_text("not JSON")
    expect(page.locator("#send")).to_be_disabled()
    page.reload()
    at.drawn()
    expect(area).to_have_value("{")
    area.fill(json.dumps(bad | {"order_date": "2024-07-05"}, indent=1))
    expect(page.locator("#send")).to_have_text("sendSend 1 record again")
    at.fits()
    page.locator("#send").dblclick()
    expect(file_card(page, f"{name}-fixed-1.ndjson", "loaded")).to_contain_text("1 of 1")
    expect(record).to_contain_text(f"sent again in {name}-fixed-1.ndjson")
    at.fits()
    (key,) = keys_of(product, f"{name}-fixed-1.ndjson")
    assert product.rows(key, "order_id") == [[f"{name}-2"]]

    page.reload()
    at.drawn()
    expect(page.locator('[data-record="2"]')).to_contain_text("sent again")
    expect(page.locator("#send")).to_be_disabled()

    for path in ("/sources", f"/source?key={key}", "/tables", "/health"):
        at.open(path)
        at.fits()
    expect(page.get_by_text("documents rejected")).to_be_visible()
    expect(page.locator(".chart canvas")).to_be_visible()
    ask(at, "sales_by_month")
    expect(page.locator(".chart canvas")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text("2024-07")
    expect(page.locator(".answer")).to_contain_text("about, for the scan")
    at.fits()


@pytest.mark.slow
def test_files_are_chosen_with_the_keyboard_also_twice_and_one_that_cannot_be_read_says_why(
    visit: Visiting, stage: dict[str, str], tmp_path: Path
) -> None:
    page = visit(stage).page
    choose(page, PROJECT / "sample_data" / "orders_etl.json")
    expect(file_card(page, "orders_etl.json", "loaded")).to_have_count(1)
    choose(page, PROJECT / "sample_data" / "orders_etl.json")
    expect(file_card(page, "orders_etl.json", "loaded")).to_have_count(2)
    files = [tmp_path / name for name in ("good.json", "broken.json", "table.csv")]
    for file, text in zip(files, [json.dumps([order("k-1")]), '[{"order_id": 1', "a;b"], strict=True):
        file.write_text(text)
    choose(page, *files)
    expect(file_card(page, "good.json", "loaded")).to_contain_text("1 of 1")
    expect(file_card(page, "broken.json", "quarantined")).to_contain_text("byte")
    refused = page.locator('[data-file="table.csv"]')
    expect(refused).to_contain_text("is of no supported type: name it .json")


@pytest.mark.slow
def test_records_are_filtered_by_the_kind_of_their_reason(visit: Visiting, stage: dict[str, str]) -> None:
    at = visit(stage)
    page = at.page
    drag(
        page,
        "kinds.ndjson",
        order("r-1", total_amount="x"),
        order("r-2", total_amount="y"),
        order("r-3", order_date="z"),
    )
    file_card(page, "kinds.ndjson", "partly_loaded").get_by_text("See and fix").click()
    expect(page.locator("[data-record]")).to_have_count(3)
    page.get_by_label("Filter by reason").click()
    page.get_by_role("option", name=re.compile("finite number")).click()
    expect(page.locator("[data-record]")).to_have_count(2)


def test_sources_are_searched_by_key_and_have_their_history(
    visit: Visiting, stage: dict[str, str], product: Product
) -> None:
    for i in (1, 2):
        key = product.drop("kept again.json", [order(f"s-{i}")])
        product.finished(key, product.s3.head_object(Bucket=product.settings.bucket, Key=key)["VersionId"])
    at = visit(stage)
    page = at.open("/sources")
    page.get_by_label("Search by key").fill("KEPT AGAIN")
    expect(page.locator("a.item")).to_have_count(1)
    page.locator("a.item").click()
    expect(page.get_by_text("newest, its rows are in the tables")).to_be_visible()
    expect(page.locator("table.plain tbody tr")).to_have_count(2)
    page = at.open("/sources?contains=nothing-has-this")
    expect(page.get_by_text("Nothing has this in its key")).to_be_visible()


def test_decimals_sort_as_numbers_and_texts_of_data_are_never_html(
    visit: Visiting, stage: dict[str, str], product: Product
) -> None:
    hostile = "<img src=x onerror=document.title='hacked'>"
    totals = {"a": 9, "b": 100.25, "c": 25}
    orders = [
        order(f"html-{name}", total_amount=amount, customer={"customer_id": name, "name": hostile})
        for name, amount in totals.items()
    ]
    product.finished(product.drop("<b>hostile.json", orders))
    at = visit(stage)
    page = ask(at, "sales_per_customer")
    table = page.locator(".answer .q-table")
    expect(table.get_by_text(hostile).first).to_be_visible()
    assert page.locator(".answer img").count() == 0
    heading = table.locator("th", has_text="total_sales")
    column = heading.evaluate("heading => heading.cellIndex")
    cells = table.locator(f"tbody tr td:nth-child({column + 1})")
    amounts = sorted(map(float, cells.all_inner_texts()))
    assert {9.0, 100.25, 25.0} <= set(amounts)
    expect(heading).to_have_attribute("tabindex", "0")
    heading.focus()
    for ordered in (amounts, amounts[::-1]):
        page.keyboard.press("Enter")
        expect(cells).to_have_text([f"{amount:.4f}" for amount in ordered])
    page = at.open("/sources?contains=hostile")
    expect(page.get_by_text("<b>hostile.json")).to_be_visible()
    assert "hacked" not in page.title()


@pytest.mark.slow
def test_an_answer_is_downloaded_as_csv_and_asked_again_with_curl(
    visit: Visiting, stage: dict[str, str], product: Product, tmp_path: Path
) -> None:
    product.finished(product.drop("csv.json", [order("csv-1")]))
    at = visit(stage)
    page = ask(at, "order_lines_of", order_id="csv-1")
    with page.expect_download() as download:
        page.get_by_text("Download CSV").click()
    download.value.save_as(tmp_path / "answer.csv")
    assert (tmp_path / "answer.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader((tmp_path / "answer.csv").read_text("utf-8-sig").splitlines()))
    assert [row["order_id"] for row in rows] == ["csv-1"]
    page.get_by_text("The same question with curl").click()
    line = page.locator("pre.code").inner_text()
    assert f"{product.deployment.api_url}/queries/order_lines_of?order_id=csv-1" in line
    assert '"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"' in line
    assert product.aws.secret_access_key not in page.content()


def test_what_is_wrong_in_a_form_stands_beside_its_field(visit: Visiting, stage: dict[str, str]) -> None:
    page = visit(stage).open("/ask?query=top_products")
    page.locator('input[name="limit"]').fill("0")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".form")).to_contain_text("give 1")


@pytest.mark.slow
def test_the_colours_follow_the_system_until_they_are_switched(visit: Visiting, stage: dict[str, str]) -> None:
    for colours, other in (("dark", "light"), ("light", "dark")):
        page = visit(stage, colours=colours).page
        expect(page.locator("body")).to_have_class(re.compile(f"body--{colours}"))
        switch = page.locator(".top button")
        while other not in (page.locator("body").get_attribute("class") or ""):
            label = switch.get_attribute("aria-label") or ""
            switch.click()
            expect(switch).not_to_have_attribute("aria-label", label)
        while "system" not in (switch.get_attribute("aria-label") or ""):
            label = switch.get_attribute("aria-label") or ""
            switch.click()
            expect(switch).not_to_have_attribute("aria-label", label)


def test_the_picture_of_the_readme_is_what_the_console_looks_like(
    visit: Visiting, stage: dict[str, str], product: Product, tmp_path: Path
) -> None:
    sample = PROJECT / "sample_data" / "orders_etl.json"
    product.finished(product.drop("orders_etl.json", sample.read_bytes().decode()))
    at = visit(stage)
    at.page.set_viewport_size({"width": 1600, "height": 1240})
    page = ask(at, "sales_by_month", to="2024-08-31")
    expect(page.locator(".chart canvas")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    picture = PICTURE if os.environ.get("UPDATE_GOLDENS") else tmp_path / "console.png"
    page.screenshot(path=picture)
    for made in (picture, PICTURE):
        content = made.read_bytes()
        assert struct.unpack(">II", content[16:24]) == (1600, 1240)
        assert len(content) < MOST_PICTURE_BYTES
