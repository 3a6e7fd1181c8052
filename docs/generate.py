"""Writes the documents that are made from the code; `python -m docs.generate --check` fails when one is stale."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from chalicelib import assembly
from chalicelib.api.openapi import document
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import read
from chalicelib.dataset import Dataset
from chalicelib.flatten.notebook import flatten_orders
from chalicelib.help_text import examples
from chalicelib.queries import saved
from chalicelib.settings import ALL_SETTINGS, Settings
from docs.contract_pages import contract_page, queries_page, table
from docs.limits_pages import limits_document
from docs.scale_pages import scale_document

DOCS = Path(__file__).parent
PARTS = DOCS / "parts"
SETTINGS = Settings(bucket="any")

EXAMPLE_ORDER = {
    "id": 7001,
    "placedAt": "2024-07-05T10:15:00+02:00",
    "grandTotal": 45.5,
    "buyer": {"number": "B-17"},
    "shipping": {"method": "express", "address": {"city": "Lyon", "zip": "69001"}},
    "items": [
        {"product": {"sku": "CUP-4"}, "unitPrice": 12.25, "qty": 2},
        {"product": {"sku": "PRESS"}, "unitPrice": 21, "qty": 1, "gift": True},
    ],
}


def main() -> int:
    """Write or check the documents; exit status 1 when one is stale."""
    options = parser().parse_args()
    stale = []
    made = documents()
    for name, text in made.items():
        path = DOCS / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        if options.check:
            stale.append(name)
        else:
            path.write_text(text, "utf-8")
    for path in sorted(DOCS.glob("contract-*.md")):
        if path.name not in made and options.check:
            stale.append(path.name)
        elif path.name not in made:
            path.unlink()
    for name in stale:
        print(
            f"docs/{name} is not what code and contracts make: run `make docs` (python -m docs.generate)",
            file=sys.stderr,
        )
    return 1 if stale else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    prog = "python -m docs.generate"
    made = argparse.ArgumentParser(prog=prog, description=__doc__, **examples(f"{prog} --check"))
    made.add_argument("--check", action="store_true", help="change nothing; fail when a document is stale")
    return made


def part(name: str) -> str:
    """Return the prose of a document, whose links lead from docs/parts, as they lead from docs/."""
    return (PARTS / name).read_text("utf-8").replace("](../", "](")


def documents(settings: Settings = SETTINGS) -> dict[str, str]:
    """Return every generated document by its name in docs/."""
    datasets = assembly.datasets(settings)
    return {
        "contract.md": contract_document(each.name for each in datasets),
        "settings.md": settings_document(),
        "limits.md": limits_document(part("limits.md")),
        "scale.md": scale_document(part("scale.md")),
        **pages_of(datasets),
        "openapi.json": openapi_document(),
    }


def pages_of(datasets: tuple[Dataset, ...]) -> dict[str, str]:
    """Return the documents that are made of contracts: one of each, and one of all saved queries."""
    queries = saved.load(datasets)
    pages = {f"contract-{each.name}.md": contract_page(each, queries.values()) for each in datasets}
    return {**pages, "queries.md": queries_page(part("queries.md"), datasets, queries)}


def contract_document(names: Iterable[str]) -> str:
    """Return docs/contract.md: the prose of parts/contract.md, with its example worked out."""
    prose = part("contract.md")
    example = (PARTS / "purchases.toml").read_text("utf-8")
    pages = ", ".join(f"[contract-{name}.md](contract-{name}.md)" for name in names)
    return (
        prose.replace("{{contracts}}", pages)
        .replace("{{example}}", f"```toml\n{example.strip()}\n```")
        .replace("{{example order}}", f"```json\n{json.dumps(EXAMPLE_ORDER, indent=2)}\n```")
        .replace("{{example rows}}", example_rows())
    )


def example_contract() -> Contract:
    """Return the contract of the worked example."""
    return read(PARTS / "purchases.toml")


def example_rows() -> str:
    """Return what the worked example makes of its order, as a Markdown table."""
    frame = flatten_orders(EXAMPLE_ORDER, contract=example_contract())
    hidden = ("source_key", "source_version", "source_modified_at", "record_number")
    names = [name for name in frame.columns if name not in hidden]
    return table(
        names, [["" if value is None else f"{value}" for value in row] for row in frame[names].values.tolist()]
    )


def settings_document() -> str:
    """Return docs/settings.md: every setting with its unit, default and effect."""
    rows = []
    for each in ALL_SETTINGS.values():
        shown = str(each.default).lower() if isinstance(each.default, bool) else each.default
        default = "required" if each.is_required else f"`{shown}`" if each.default else "empty"
        rows.append([f"`{each.variable}`", each.unit or "-", default, each.effect])
    return part("settings.md").replace("{{settings}}", table(["variable", "unit", "default", "effect"], rows))


def openapi_document() -> str:
    """Return docs/openapi.json: the REST API with the default settings."""
    settings = Settings(bucket="any")
    datasets = assembly.datasets(settings)
    api = document([each.name for each in datasets], saved.load(datasets), settings, "")
    return json.dumps(api, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
