"""What `--help` of every command ends with: an example that can be pasted."""

from __future__ import annotations

import argparse
from typing import Any


class HelpFormatter(argparse.HelpFormatter):
    """Wraps descriptions as argparse does, and leaves the lines of examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("example") else super()._fill_text(text, width, indent)


def examples(*commands: str) -> dict[str, Any]:
    """Return the arguments by which an argument parser shows these commands as its examples."""
    heading = "examples" if len(commands) > 1 else "example"
    return {"epilog": f"{heading}:\n" + "\n".join(f"  {each}" for each in commands), "formatter_class": HelpFormatter}
