"""Rows of Athena as a pandas DataFrame, for people in a notebook: no function of the pipeline imports this."""

from __future__ import annotations

from typing import Any

import pandas as pd

from chalicelib.aws.athena import Athena
from chalicelib.aws.athena_results import Execution

DTYPES: dict[str, Any] = {
    "varchar": "string",
    "tinyint": "Int64",
    "smallint": "Int64",
    "integer": "Int64",
    "bigint": "Int64",
    "boolean": "boolean",
    "timestamp": "datetime64[ms]",
}


def dataframe(athena: Athena, execution: Execution) -> pd.DataFrame:
    """Return every row of a succeeded execution, all in memory. Raises as `Athena.page` does.

    Integers are Int64, booleans boolean, text string, timestamps datetime64[ms], decimals Decimal objects.
    """
    pages = list(athena.pages(execution))
    frame = pd.DataFrame([row for page in pages for row in page.rows], columns=[name for name, _ in pages[0].columns])
    for position, (_, type_) in enumerate(pages[0].columns):
        if type_ in DTYPES:
            frame.isetitem(position, frame.iloc[:, position].astype(DTYPES[type_]).array)
    return frame
