"""The pages that are made of contracts: what each takes and becomes, and the saved queries of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from chalicelib.contracts.column_types import TAKES, Type
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.sources import DESCRIPTIONS, FromDocument, FromRecord, Origin, Product, RowNumber
from chalicelib.contracts.values import CurrencyAt, Dates, DigitsAt, DivisorAt, FixedDigits
from chalicelib.dataset import REJECTED_TABLE, Dataset
from chalicelib.queries.saved import SavedQuery
from chalicelib.queries.two_months import query_name

REJECTED_GRAIN = (
    "one row per rejected record, and per file that was refused whole",
    "of the newest version of each source",
)


def contract_page(dataset: Dataset, queries: Iterable[SavedQuery]) -> str:
    """Return docs/contract-NAME.md: documents, tables, columns, views, saved queries."""
    contract = dataset.contract
    source = f"chalicelib/contracts/{contract.name}/contract.toml"
    blocks = [
        f"# The contract `{contract.name}`",
        f"Made by `python -m docs.generate` from [{source}](../{source}), which is the only place where the columns "
        "are declared. [contract.md](contract.md) tells which values are taken, [contracts.md](contracts.md) how a "
        "contract is written.",
        contract.description,
        "\n".join(f"- {fact}" for fact in _facts(dataset)),
    ]
    for each in contract.tables:
        blocks += _table_blocks(contract, each, dataset.database)
    listed = [f"[`{each.name}`](queries.md#{each.name})" for each in queries if each.contract == contract.name]
    blocks += ["## Saved queries", f"{', '.join(listed) or 'None'}."]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _facts(dataset: Dataset) -> Iterator[str]:
    contract = dataset.contract
    folder = f"the folder `{contract.incoming}` of the incoming prefix" if contract.incoming else "the incoming prefix"
    yield f"Files are dropped below {folder}."
    if contract.records:
        yield f"A file may hold its documents in an array at {_either(contract.records)}."
    if contract.at:
        yield f"The document is at `{contract.at}` of each record."
    yield f"A document is identified by {_listed(contract.identity)}: one that comes again replaces the earlier one."
    if contract.version:
        yield f"The version with the greatest `{contract.version}` is the latest; then the latest `source_modified_at`."
    date = contract.date_column.name
    yield f"It is kept under the month of `{date}`, from {contract.earliest} to one year after the file."
    if contract.date_is_fixed:
        yield (
            "That date is the same in all versions of a document; "
            f"`{query_name(dataset)}` shows those of which it is not."
        )


def _table_blocks(contract: Contract, each: Table, database: str) -> Iterator[str]:
    yield f"## The table `{each.name}` in database `{database}`"
    yield each.description
    rows = f"element of `{each.rows}`; a document without any keeps one row" if each.rows else "document"
    yield f"One row for each {rows}."
    columns = [[f"`{c.name}`", f"`{c.glue_type}`", _source(c), _rule(contract, c)] for c in each.columns]
    yield table(["column", "type", "from", "rule"], columns)
    views = [f"- `{name}`: {said}" for name, said in _views(each)]
    yield "\n".join(views)


def _views(each: Table) -> Iterator[tuple[str, str]]:
    if each.latest:
        yield each.latest, "the same rows, of the latest version of each document alone."
    if each.documents:
        totals = ", with `line_count`" if each.row_number else ""
        amount = any(isinstance(c.source, Product) and each.level(c) == each.depth for c in each.columns)
        totals += " and `line_total`" if totals and amount else ""
        yield each.documents, f"one row a document, in its latest version{totals}."


def queries_page(prose: str, datasets: Iterable[Dataset], queries: Mapping[str, SavedQuery]) -> str:
    """Return docs/queries.md: the prose, then what each contract has to ask, and its saved queries."""
    sections = []
    for dataset in datasets:
        own = [query for query in queries.values() if query.contract == dataset.name]
        sections.append(f"## Of the contract `{dataset.name}`")
        sections.append(_grains(dataset.contract))
        sections += [query_section(query) for query in own] or ["No saved query."]
    sections.append("## Of every stage")
    sections.append(table(["ask", "grain", ""], [[f"`{REJECTED_TABLE}`", *REJECTED_GRAIN]]))
    sections += [query_section(query) for query in queries.values() if not query.contract]
    return prose.replace("{{example}}", _example(queries)).replace("{{queries}}", "\n\n".join(sections))


def _grains(contract: Contract) -> str:
    """Return a table of what can be asked: views before tables, the coarsest grain first."""
    rows = []
    for each in contract.tables:
        grain = f"one row per element of `{each.rows}`" if each.rows else "one row per document"
        if each.documents:
            rows.append([f"`{each.documents}`", "one row per document", "its latest version"])
        if each.latest:
            rows.append([f"`{each.latest}`", grain, "of the latest version of each document"])
        rows.append([f"`{each.name}`", grain, "of every version that was ever dropped"])
    return table(["ask", "grain", ""], rows)


def query_section(query: SavedQuery) -> str:
    """Return the part of docs/queries.md that tells of one query."""
    lines = [f"### `{query.name}`", "", f"**{query.title}.** {query.description}", ""]
    if query.parameters:
        lines += ["| parameter | type | default | from – to | |", "|---|---|---|---|---|"]
    for each in query.parameters:
        default = "required" if each.required else f"`{each.default}`"
        bounds = f"{each.minimum or ''} – {each.maximum or ''}" if each.minimum or each.maximum else ""
        lines.append(f"| `{each.name}` | {each.type} | {default} | {bounds} | {each.description} |")
    if query.parameters:
        lines.append("")
    given = "&".join(f"{each.name}={each.example}" for each in query.parameters)
    return "\n".join([*lines, "```", f"GET /queries/{query.name}" + (f"?{given}" if given else ""), "```"])


def _example(queries: Mapping[str, SavedQuery]) -> str:
    """Return how a query is bound in Python: the first that takes parameters, with the examples of them."""
    query = next((each for each in queries.values() if each.parameters and each.contract), None) or next(
        iter(queries.values()), None
    )
    if query is None:
        return "queries, name, given = saved.load(datasets(settings)), None, {}"
    given = ", ".join(f'"{each.name}": "{each.example}"' for each in query.parameters)
    return f'statement = saved.find(queries, "{query.name}").bind({{{given}}})'


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _source(column: Column) -> str:
    match column.source:
        case FromDocument(paths):
            return ", else ".join(f"`{path}`" for path in paths)
        case FromRecord(paths):
            return "around the document: " + ", else ".join(f"`{path}`" for path in paths)
        case RowNumber(of):
            return f"position in `{of}`, from 1"
        case Product(factors):
            return " × ".join(factors) + ", exact"
        case Origin() as origin:
            return DESCRIPTIONS[origin].removesuffix(".")


def _rule(contract: Contract, column: Column) -> str:
    rules = [column.description]
    if isinstance(column.source, FromDocument | FromRecord):
        accepts = _takes(column)
        rules.insert(0, f"{'**Required.** ' if column.required else ''}{accepts[:1].upper()}{accepts[1:]}.")
        if column == contract.date_column:
            rules.insert(1, f"From {contract.earliest.year} to one year after the file.")
        rules[1:1] = [f"{each}." for each in _options(column)]
    elif column.source is Origin.MONTH:
        rules.insert(0, f"{TAKES[Type.MONTH]}.")
    return " ".join(filter(None, rules))


def _takes(column: Column) -> str:
    if column.formats in ((), (Dates.ISO,)):
        return TAKES[column.type]
    named = (each.value if isinstance(each, Dates) else each.pattern for each in column.formats)
    return f"date as {', else '.join(f'`{name}`' for name in named)}"


def _options(column: Column) -> Iterator[str]:
    match column.minor_units:
        case FixedDigits(digits):
            yield f"Divided by {10**digits}"
        case DivisorAt(path):
            yield f"Divided by what `{path}` holds"
        case DigitsAt(path):
            yield f"In minor units, of as many decimals as `{path}` holds"
        case CurrencyAt(path):
            yield f"In minor units of the currency at `{path}`"
    if column.zone not in (None, "UTC"):
        yield f"Without an offset in {column.zone}"
    if column.nulls:
        values = [*map(repr, sorted(column.nulls.texts)), *map(str, sorted(column.nulls.numbers))]
        values += [str(each).lower() for each in sorted(column.nulls.booleans)]
        yield f"NULL where it is {', '.join(values)}"


def _either(paths: Iterable[object]) -> str:
    return " or ".join(f"`{path}`" for path in paths)


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
