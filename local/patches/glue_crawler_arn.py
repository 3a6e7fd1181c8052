"""A crawler is a crawler to IAM.

Gap: MiniStack takes the name in StartCrawler and its kin for a table's when it asks IAM, so that a policy for one
crawler is refused. Drop this file when a role that may only `glue:StartCrawler` on `crawler/<name>` can start it.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions

TOUCHES = {"ministack.core.iam_actions.extract_resource_arn": "82f51700695c"}


def apply() -> None:
    """Name the crawler to IAM in every call about one."""
    resource_arn = iam_actions.extract_resource_arn

    def with_crawler(
        service: str, method: str, path: str, headers: Any, body: Any, query: Any, region: str, account: str
    ) -> Any:
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if service == "glue" and action.endswith("Crawler") and (name := _name_in(body)):
            return f"arn:aws:glue:{region}:{account}:crawler/{name}"
        return resource_arn(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = with_crawler


def _name_in(body: bytes | str | None) -> str | None:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return None
    name = data.get("Name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else None
