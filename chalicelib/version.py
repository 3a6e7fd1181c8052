"""The version of the product. pyproject.toml, the OpenAPI document and the changelog follow it."""

from __future__ import annotations

VERSION = "0.2.0"
