"""Every link of the documentation leads to a file that is there, and to a heading in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(PROJECT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "tests/**/*.md", "benchmarks/**/*.md", "examples/**/*.md", "native/**/*.md")
    for path in PROJECT.glob(pattern)
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def links_of(text: str) -> set[str]:
    """Return the links of a page that lead within the project, as they are written, those of its code aside."""
    return {link for link in LINK.findall(CODE.sub("`code`", text)) if not re.match(r"[a-z]+:", link)}


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    anchors: dict[str, int] = {}
    for heading in re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    ):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        number = anchors[slug] = anchors.get(slug, -1) + 1
        if number:
            anchors[f"{slug}-{number}"] = 0
    return set(anchors)


def is_dead(page: Path, link: str) -> bool:
    """Tell whether a link of a page leads to no file, or to no heading of it."""
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    if not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors_of(target.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_no_link_is_dead(page: str) -> None:
    path = PROJECT / page
    assert {link for link in links_of(path.read_text("utf-8")) if is_dead(path, link)} == set()


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` & [c](x.md): d\n\n## Twice\n## Twice\n[a](gone.md) `[b](code.md)` [c](#twice-1) [d](#none)\n"
    )
    links = links_of(page.read_text())
    assert links == {"x.md", "gone.md", "#twice-1", "#none"}
    assert {link for link in links if is_dead(page, link)} == {"x.md", "gone.md", "#none"}
    assert "a-b--c-d" in anchors_of(page.read_text())
