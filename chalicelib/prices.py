"""What AWS asks for what a load takes, and what a load costs by that: an estimate at list price. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

AS_OF = "2026-11-24"
"""When the default prices were read, those of us-east-1."""

_PRICE = re.compile(r"\s*(?P<name>[a-z_]+)\s*=\s*(?P<dollars>\d{1,6}(?:\.\d{1,12})?)\s*", re.ASCII)


class Prices(Struct, frozen=True):
    """Dollars for a GB-second of Lambda on x86_64, an invocation, a request to S3 that writes, one that reads, and an
    event sent to EventBridge."""

    gb_second: float = 0.0000166667
    invocation: float = 0.0000002
    put: float = 0.000005
    get: float = 0.0000004
    event: float = 0.000001

    @classmethod
    def parse(cls, text: str) -> Prices:
        """Read prices such as `gb_second=0.0000133334, put=0.0000054`; those left out are the default.

        Raises ValueError with the remedy.
        """
        known = cls.__struct_fields__
        given: dict[str, float] = {}
        for part in text.split(","):
            match = _PRICE.fullmatch(part)
            if match is None or match["name"] not in known or match["name"] in given:
                raise ValueError(
                    f"{part.strip()!r} is no price: give dollars as in gb_second=0.0000166667, with commas between, "
                    f"each of {', '.join(known)} once at most"
                )
            given[match["name"]] = float(match["dollars"])
        return cls(**given)

    def __str__(self) -> str:
        return ", ".join(
            f"{name}={getattr(self, name):.12f}".rstrip("0").rstrip(".") for name in self.__struct_fields__
        )


US_EAST_1 = Prices()


class Usage(Struct, frozen=True):
    """What one load took: seconds, and requests to S3 that wrote and that read, each as many as it takes untroubled."""

    seconds: float
    puts: int
    gets: int


def load_dollars(prices: Prices, usage: Usage, *, memory_mb: int, sends_event: bool) -> float:
    """Return what a load costs that has an invocation of a Lambda of `memory_mb` to itself.

    Loads that run side by side share their seconds and the invocation: the bill is less than their sum. Outside of
    Lambda, where there is no such memory (0), only requests and the event cost.
    """
    computing = usage.seconds * memory_mb / 1024 * prices.gb_second + prices.invocation if memory_mb else 0.0
    requests = usage.puts * prices.put + usage.gets * prices.get
    return round(computing + requests + prices.event * sends_event, 10)
