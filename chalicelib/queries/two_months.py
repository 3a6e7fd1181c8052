"""The saved query that shows whether a contract is right to say `date_is_fixed`: documents that stand in two months."""

from __future__ import annotations

from chalicelib.dataset import Dataset


def query_name(dataset: Dataset) -> str:
    """Return the query's name."""
    return f"{dataset.name}_in_two_months"


def query_text(dataset: Dataset) -> str | None:
    """Return the query as a file of it would have it; None for a contract whose documents may move.

    It reads two columns of all months, and nothing but the table: a view would show such a document twice.
    """
    contract = dataset.contract
    if not contract.date_is_fixed:
        return None
    main = contract.main
    month, key = main.partition.name, ", ".join(main.identity)
    return f"""-- title: Documents in two months
-- description: Documents of {dataset.name} with versions in more than one month, which the views show once a month. None may be here while the contract says date_is_fixed: take that out of it, or have the older files replaced.
SELECT
  {key},
  MIN({month}) AS first_month,
  MAX({month}) AS last_month,
  COUNT(DISTINCT {month}) AS month_count
FROM ${{table}}
GROUP BY {key}
HAVING MIN({month}) < MAX({month})
ORDER BY {key}
"""  # noqa: S608, E501 - names are the contract's own; a header line is one line
