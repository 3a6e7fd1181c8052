"""Saved queries and executions: what is asked of Athena, what is answered, and what is never started."""

from __future__ import annotations

import pytest

from chalicelib.api.query_options import QUERY_OPTIONS
from chalicelib.api.requests import page_token
from chalicelib.api.service import MAX_ANSWER_BYTES
from tests.app.front import EXECUTION, HOST, NOW, QUERIES, Front, Reply

API = f"https://{HOST}/api"
PATH = {"execution_id": EXECUTION}
EXCEL = {"format": ["excel"]}


def ask(front: Front, name: str = "preview", **query: str) -> Reply:
    return front.call("GET", "/queries/{name}", path={"name": name}, query={k: [v] for k, v in query.items()})


def test_the_queries_are_listed_with_what_a_form_needs(front: Front) -> None:
    queries = front.call("GET", "/queries").body["queries"]
    assert [each["name"] for each in queries] == list(QUERIES)
    (top,) = [each for each in queries if each["name"] == "top_products"]
    assert top["url"] == f"{API}/queries/top_products"
    limit = top["parameters"][0]
    assert limit["name"] == "limit"
    assert (limit["type"], limit["default"], limit["minimum"], limit["maximum"]) == ("integer", "10", "1", "1000")


def test_no_saved_query_has_a_parameter_that_the_route_keeps_for_itself() -> None:
    for query in QUERIES.values():
        assert not {parameter.name for parameter in query.parameters} & {option.name for option in QUERY_OPTIONS}


def test_an_answer_within_the_wait_has_the_rows(front: Front) -> None:
    answer = ask(front)
    assert answer.status == 200
    assert answer.body["columns"] == [
        {"name": "order_id", "type": "varchar"},
        {"name": "total", "type": "decimal(38,4)"},
    ]
    assert answer.body["rows"] == [["1001", "9.5000"], ["1002", None]]
    assert answer.body["execution_id"] == EXECUTION
    assert answer.body["results_url"] == f"{API}/executions/{EXECUTION}/results"
    assert answer.body["next_page_token"] is None
    assert answer.body["submitted_at"] == NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_an_answer_takes_one_look_at_the_execution_however_often_its_page_is_cut(front: Front) -> None:
    assert ask(front).status == 200
    assert front.athena.calls == ["start", "get", "results"]
    front.athena.calls.clear()
    front.athena.rows = [["x" * 2_000_000, None] for _ in range(4)]
    assert ask(front).status == 200
    assert front.athena.calls == ["start", "get", "results", "results"]


def test_a_query_that_takes_longer_than_the_wait_is_answered_with_a_link(front: Front) -> None:
    front.athena.state = "RUNNING"
    answer = ask(front, wait="3")
    assert answer.status == 202
    assert answer.body["status_url"] == f"{API}/executions/{EXECUTION}"
    assert answer.headers["Location"] == answer.body["status_url"]
    assert front.slept == pytest.approx(3)
    assert len(front.athena.started) == 1


def test_no_wait_is_longer_than_the_gateway(front: Front) -> None:
    front.athena.state = "RUNNING"
    assert ask(front).status == 202
    assert front.slept == pytest.approx(20)
    assert ask(front, wait="26").status == 400
    assert ask(front, wait="25").status == 202
    assert len(front.athena.started) == 2


def test_parameters_reach_athena_as_values(front: Front) -> None:
    answer = ask(front, "order_lines_of", order_id="x' OR '1'='1")
    assert answer.status == 200
    assert front.athena.started[0]["ExecutionParameters"] == ["'x'' OR ''1''=''1'"]
    assert "OR" not in front.athena.started[0]["QueryString"].replace("ORDER", "")


def test_all_that_is_wrong_is_named_at_once_and_nothing_started(front: Front) -> None:
    query = {
        "limit": ["ten"],
        "from": ["2024-13-01"],
        "to": ["a", "b"],
        "foo": ["1"],
        "wait": ["1", "2"],
        "page_size": ["0"],
    }
    answer = front.call(
        "GET",
        "/queries/{name}",
        path={"name": "top_products"},
        query=query | {"max_age": ["1e3"]},
        headers={"Idempotency-Key": "two words"},
    )
    assert answer.status == 400
    assert set(answer.body["Fields"]) == {*query, "max_age", "Idempotency-Key"}
    for name in answer.body["Fields"]:
        assert f"{name}: " in answer.body["Message"]
    assert front.athena.started == []


def test_the_same_key_and_question_have_the_same_token_and_nothing_else_has(front: Front) -> None:
    def token(key: str | None, name: str = "top_products", **query: str) -> str | None:
        headers = {"Idempotency-Key": key} if key else {}
        front.call(
            "GET",
            "/queries/{name}",
            path={"name": name},
            query={k: [v] for k, v in query.items()},
            headers=headers,
        )
        sent: str | None = front.athena.started[-1].get("ClientRequestToken")
        return sent

    assert token(None) is None
    first = token("k1", limit="3")
    assert first is not None
    assert token("k1", limit="3") == first
    assert token("k1", limit="3", wait="0") == first  # the wait is no part of the question
    assert len({first, token("k2", limit="3"), token("k1", limit="4"), token("k1", "preview")}) == 4


def test_one_callers_key_says_nothing_about_anothers(front: Front) -> None:
    headers, path = {"Idempotency-Key": "k"}, {"name": "preview"}
    front.call("GET", "/queries/{name}", path=path, headers=headers)
    front.caller = "arn:aws:iam::123456789012:user/eve"
    front.call("GET", "/queries/{name}", path=path, headers=headers)
    one, other = (request["ClientRequestToken"] for request in front.athena.started)
    assert one != other


def test_rows_that_come_too_late_for_the_gateway_are_left_to_the_link(front: Front) -> None:
    front.athena.start_seconds = 27
    assert ask(front).status == 202
    assert front.athena.pages == []


def test_reuse_of_results_is_asked_for_by_minutes(front: Front) -> None:
    ask(front)
    assert "ResultReuseConfiguration" not in front.athena.started[0]
    ask(front, max_age="60")
    reuse = front.athena.started[1]["ResultReuseConfiguration"]["ResultReuseByAgeConfiguration"]
    assert reuse == {"Enabled": True, "MaxAgeInMinutes": 60}


def test_a_failed_query_says_so_in_words(front: Front) -> None:
    front.athena.state, front.athena.reason = "FAILED", "Query exhausted resources at this scale factor s3://x"
    answer = ask(front)
    assert answer.status == 409
    assert answer.body["ExecutionId"] == EXECUTION
    assert "it needs more memory" in answer.body["Message"]
    assert "s3://" not in answer.text
    execution = front.call("GET", "/executions/{execution_id}", path=PATH).body
    assert (execution["state"], execution["results_url"]) == ("FAILED", None)
    assert "it needs more memory" in execution["reason"]
    for route in ("results", "download"):
        assert front.call("GET", f"/executions/{{execution_id}}/{route}", path=PATH).status == 409


def test_pages_follow_one_another_by_opaque_tokens(front: Front) -> None:
    front.athena.rows = [[str(number), None] for number in range(7)]
    rows, query, pages = [], {"page_size": ["3"]}, 0
    while True:
        page = front.call("GET", "/executions/{execution_id}/results", path=PATH, query=query).body
        rows += page["rows"]
        pages += 1
        if page["next_page_token"] is None:
            break
        query = {"page_size": ["3"], "page_token": [page["next_page_token"]]}
    assert [row[0] for row in rows] == [str(number) for number in range(7)]
    assert pages == 3


@pytest.mark.parametrize("token", ["", " ", "0", "MQ==", "MQ", "ü", "x" * 3000, "-_-_"])
def test_a_text_that_is_no_token_is_refused(front: Front, token: str) -> None:
    # MQ is a token: of Athena's "1".
    query = {"page_token": [token]}
    answer = front.call("GET", "/executions/{execution_id}/results", path=PATH, query=query)
    assert answer.status == (200 if token == "MQ" else 400)


def test_a_token_longer_than_any_of_athenas_is_refused_before_the_execution_is_looked_at(front: Front) -> None:
    query = {"page_token": [page_token("x" * 1025) or ""]}
    answer = front.call("GET", "/executions/{execution_id}/results", path={"execution_id": "unknown"}, query=query)
    assert answer.status == 400
    assert front.athena.calls == []


def test_rows_that_are_long_come_fewer_at_a_time(front: Front) -> None:
    long = 'ä"' * 30_000  # each a character that grows when it is sent
    front.athena.rows = [[long, None] for _ in range(20)]
    answer = ask(front)
    assert answer.status == 200
    assert 0 < len(answer.body["rows"]) < 20
    assert len(answer.text) < MAX_ANSWER_BYTES
    assert answer.body["next_page_token"]


def test_a_row_that_no_answer_can_hold_is_told_with_the_way_out(front: Front) -> None:
    front.athena.rows = [["x" * (MAX_ANSWER_BYTES + 1), None]]
    answer = ask(front)
    assert answer.status == 422
    assert "download the CSV" in answer.body["Message"]


@pytest.mark.parametrize("unknown", ["x", EXECUTION.upper(), EXECUTION[:-1] + "0", "%", "..", "a" * 5000])
def test_an_execution_that_is_not_ours_is_not_there(front: Front, unknown: str) -> None:
    path = {"execution_id": unknown}
    for method, route in (("GET", ""), ("GET", "/results"), ("GET", "/download"), ("DELETE", "")):
        assert front.call(method, f"/executions/{{execution_id}}{route}", path=path).status == 404
    assert front.athena.stopped == []


def test_an_execution_of_other_sql_is_not_there_either(front: Front) -> None:
    front.athena.query = "SELECT * FROM salaries"
    assert front.call("GET", "/executions/{execution_id}", path=PATH).status == 404
    assert front.call("DELETE", "/executions/{execution_id}", path=PATH).status == 404
    assert front.athena.stopped == []


def test_results_before_the_end_are_a_conflict_with_the_time_to_wait(front: Front) -> None:
    front.athena.state = "RUNNING"
    for route in ("results", "download"):
        answer = front.call("GET", f"/executions/{{execution_id}}/{route}", path=PATH)
        assert answer.status == 409
        assert answer.headers["Retry-After"] == "1"


def test_a_download_leads_to_the_csv_and_to_nothing_else(front: Front) -> None:
    front.s3.put(f"athena_results/{EXECUTION}.csv", b"a")
    answer = front.call("GET", "/executions/{execution_id}/download", path=PATH)
    assert answer.status == 303
    link = answer.headers["Location"]
    assert link == answer.body["url"]
    assert link.startswith(f"https://orders-etl-test.s3.eu-central-1.amazonaws.com/athena_results/{EXECUTION}.csv?")
    assert "X-Amz-Expires=300" in link
    assert "preview.csv" in link


@pytest.mark.parametrize(
    "location",
    [
        "s3://orders-etl-test/orders_json_incoming/a.csv",
        "s3://another-bucket/athena_results/a.csv",
        "s3://orders-etl-test/athena_results_of_others/a.csv",
        None,
    ],
)
def test_no_link_leads_out_of_the_results(front: Front, location: str | None) -> None:
    for key in ("orders_json_incoming/a.csv", "athena_results/a.csv", "athena_results_of_others/a.csv"):
        front.s3.put(key, b"a")
    front.athena.location = location
    assert front.call("GET", "/executions/{execution_id}/download", path=PATH).status == 410


def test_a_download_of_results_that_have_expired_says_so(front: Front) -> None:
    answer = front.call("GET", "/executions/{execution_id}/download", path=PATH)
    assert answer.status == 410
    assert "ask again" in answer.body["Message"]


def test_a_download_for_excel_is_made_beside_the_csv_once(front: Front) -> None:
    front.s3.put(f"athena_results/{EXECUTION}.csv", '"name","total"\n"=1+1","-9.5000"\n"Žofie",\n'.encode())
    for _ in range(2):
        answer = front.call("GET", "/executions/{execution_id}/download", path=PATH, query=EXCEL)
        assert answer.status == 303
        assert f"/athena_results/{EXECUTION}.excel.csv?" in answer.headers["Location"]
        assert "preview.csv" in answer.headers["Location"]
    assert front.s3.writes == [f"athena_results/{EXECUTION}.excel.csv"]
    content = front.s3.objects[front.s3.writes[0]][0]
    assert content.decode() == '\ufeff"name","total"\r\n"\'=1+1","-9.5000"\r\n"Žofie",""\r\n'


def test_a_download_for_excel_of_results_that_have_expired_says_so(front: Front) -> None:
    assert front.call("GET", "/executions/{execution_id}/download", path=PATH, query=EXCEL).status == 410
    assert front.s3.writes == []


def test_a_result_larger_than_can_be_made_for_excel_leads_to_the_csv(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.api.spreadsheet.MAX_BYTES", 10)
    front.s3.put(f"athena_results/{EXECUTION}.csv", b'"name"\n"Ada"\n')
    answer = front.call("GET", "/executions/{execution_id}/download", path=PATH, query=EXCEL)
    assert answer.status == 422
    assert answer.body["Message"] == (
        "format=excel takes up to 10 bytes, and this result has 13 bytes: leave format out for the CSV"
    )
    assert front.s3.writes == []


def test_a_format_that_there_is_not_is_refused_with_those_there_are(front: Front) -> None:
    answer = front.call("GET", "/executions/{execution_id}/download", path=PATH, query={"format": ["xlsx"]})
    assert (answer.status, answer.body["Fields"]) == (400, {"format": "'xlsx' is not taken: give csv or excel"})


def test_cancelling_stops_what_runs_and_leaves_what_has_ended(front: Front) -> None:
    assert front.call("DELETE", "/executions/{execution_id}", path=PATH).status == 202
    assert front.athena.stopped == []
    front.athena.state = "RUNNING"
    assert front.call("DELETE", "/executions/{execution_id}", path=PATH).status == 202
    assert front.athena.stopped == [EXECUTION]
