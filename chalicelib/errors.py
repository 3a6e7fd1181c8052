"""Every error this product raises on purpose: one root, a few kinds, each carrying what offended."""

from __future__ import annotations

from msgspec import Struct

MAX_SHOWN = 80


class Shown(str):
    """Text that is printable. Its `repr` is the text in quotes: what is escaped already is not escaped again."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f'"{self}"' if "'" in self and '"' not in self else f"'{self}'"


def shown(value: object, limit: int = MAX_SHOWN) -> Shown:
    """Return `value` as it may be quoted in a message: printable, on one line, at most `limit` characters."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    if len(text) <= limit and text.isprintable():
        return Shown(text)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[: limit + 1])
    return Shown(text if len(text) <= limit else text[: limit - 1] + "…")


class EtlError(Exception):
    """Root of all errors raised on purpose. `str(error)` names the value, its place and the remedy."""


class SettingFault(Struct, frozen=True):
    """What is wrong with a setting: its variable, its value (None where it is not set), and what to do."""

    name: str
    value: str | None
    remedy: str

    def __str__(self) -> str:
        given = "is not set" if self.value is None else f"is {shown(self.value)!r}"
        return f"{self.name} {given}: {self.remedy}"


class SettingError(EtlError):
    """Settings are missing, malformed, or contradict each other. `faults` has all that is wrong, at least one."""

    def __init__(self, *faults: SettingFault) -> None:
        self.faults = faults
        listed = f"{len(faults)} settings are wrong:\n- " + "\n- ".join(map(str, faults))
        super().__init__(str(faults[0]) if len(faults) == 1 else listed)


class ContractError(EtlError, ValueError):
    """Contracts have faults. `problems` says where and how, one for each, and what to do.

    `file` is the contract.toml that has them all, None where they are of several contracts, or of none.
    """

    def __init__(self, problems: list[str], file: str | None = None) -> None:
        self.problems = problems
        self.file = file
        heading = f"{'the contracts have' if file is None else f'{file} has'} {len(problems)} faults:"
        super().__init__(problems[0] if len(problems) == 1 else "\n- ".join([heading, *problems]))


class StageError(EtlError):
    """A stage is not in .chalice/config.json as it has to be. The message names the file and the remedy."""


class UnreadableFile(EtlError):
    """A source object cannot be read to its end: nothing of it may be loaded. Trying again will not help.

    `byte_offset` counts decompressed bytes from 0, and is None where no position is known. Of a gzip file that is
    itself cut or damaged it counts compressed bytes: those that were read.
    """

    def __init__(self, reason: str, byte_offset: int | None = None) -> None:
        self.reason = reason
        self.byte_offset = byte_offset
        at = "" if byte_offset is None else f" (at byte {byte_offset})"
        super().__init__(f"{reason}{at}")


class OutOfTime(EtlError):
    """A load would not end before its process is stopped from outside. Sizes are in bytes, as stored."""

    def __init__(self, key: str, read: int, size: int) -> None:
        self.key = key
        self.read = read
        self.size = size
        super().__init__(
            f"{shown(key)!r}: the time ran out after {read} of {size} bytes, and nothing was published: split the "
            "file, or load it with python -m operate replay, which has no time limit"
        )


class LostRace(EtlError):
    """The ledger entry of one key changed too often while it was being loaded: the event has to come again."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"the ledger entry of {shown(key)!r} keeps changing: the event has to come again")


class UnreadableEntry(EtlError):
    """An object of the ledger is no entry. The message says why, and quotes nothing of it."""


class UnreadableBatch(EtlError):
    """A batch of a backfill is not as Step Functions makes it. The message says why."""


class ObjectsDelayed(EtlError):
    """Objects of a batch could not be loaded for what may pass: the batch has to come again, later."""

    def __init__(self, kinds: dict[str, int], count: int) -> None:
        self.kinds = kinds
        super().__init__(_unloaded(kinds, count))


class ObjectsFailed(EtlError):
    """Objects of a batch could not be loaded, and trying again at once will not help."""

    def __init__(self, kinds: dict[str, int], count: int) -> None:
        self.kinds = kinds
        super().__init__(_unloaded(kinds, count))


def _unloaded(kinds: dict[str, int], count: int) -> str:
    listed = ", ".join(f"{kind} {times}" for kind, times in kinds.items())
    return f"{sum(kinds.values())} of {count} objects could not be loaded ({listed}): the log has their keys"


class NotThereYet(EtlError):
    """A version that S3 has just announced cannot be read yet: the event has to come again."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(
            f"{shown(key)!r}: the version that was announced a short time ago is not there yet, as may be while "
            "versioning was just switched on: the event has to come again"
        )


class CountMismatch(EtlError):
    """Orders read are not orders loaded plus orders rejected: a fault of ours, nothing is published."""

    def __init__(self, read: int, loaded: int, rejected: int) -> None:
        self.read = read
        self.loaded = loaded
        self.rejected = rejected
        super().__init__(f"read {read} orders but loaded {loaded} and rejected {rejected}: nothing was published")


class ParameterError(EtlError):
    """Parameters of a saved query are wrong. `problems` maps each parameter's name to what is wrong and the remedy."""

    def __init__(self, query: str, problems: dict[str, str]) -> None:
        self.query = query
        self.problems = problems
        listed = "; ".join(f"{shown(name)}: {problem}" for name, problem in problems.items())
        super().__init__(f"query {shown(query)!r}: {listed}")


class UnknownQuery(EtlError):
    """No saved query has this name."""

    def __init__(self, name: str, names: list[str]) -> None:
        self.name = name
        self.names = names
        super().__init__(f"no saved query is named {shown(name)!r}: use one of {', '.join(names)}")


class UnknownContract(EtlError):
    """No contract has this name."""

    def __init__(self, name: str, names: list[str]) -> None:
        self.name = name
        self.names = names
        super().__init__(f"no contract is named {shown(name)!r}: use one of {', '.join(names)}")


class QueryFailed(EtlError):
    """Athena ended an execution in FAILED or CANCELLED. `reason` is Athena's own."""

    def __init__(self, execution_id: str, state: str, reason: str) -> None:
        self.execution_id = execution_id
        self.state = state
        self.reason = reason
        super().__init__(f"execution {execution_id} ended {state}: {reason}")


class DeadlinePassed(EtlError):
    """A wait reached its deadline. What was waited for goes on; it was not started again."""

    def __init__(self, what: str, seconds: float) -> None:
        self.what = what
        self.seconds = seconds
        super().__init__(f"{what} did not finish within {seconds:g} s")


class ExecutionNotFound(EtlError):
    """No execution of a saved query in the workgroup has this id."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"no execution {shown(execution_id)!r} of a saved query: check the id")


class AwsError(EtlError):
    """A call to AWS failed, after the client's retries. The message has the call and AWS's code: nothing of an order.

    `kind` is AWS's code, or the name of botocore's error where AWS gave no answer. botocore's error is the cause.
    `is_temporary` says whether the same call may succeed `retry_after` seconds later.
    """

    is_temporary = False
    retry_after = 5.0

    def __init__(self, kind: str, call: str = "") -> None:
        self.kind = kind
        self.call = call
        super().__init__(f"{call}: {kind}" if call else kind)


class Throttled(AwsError):
    """AWS refused a call for its rate."""

    is_temporary = True


class ServiceUnavailable(AwsError):
    """AWS gave no answer, or answered that it cannot serve now."""

    is_temporary = True


class RequestError(EtlError):
    """A request to the REST API is wrong. `problems` maps each field to what is wrong with it and the remedy."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{shown(name)}: {problem}" for name, problem in problems.items()))


class RequestTooLarge(EtlError):
    """The body of a request is longer than any that would be right. Sizes are in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"the body has {size} bytes: send at most {limit}")


class UnknownUpload(EtlError):
    """The id given does not name an upload."""

    def __init__(self, upload_id: str) -> None:
        self.upload_id = upload_id
        super().__init__(f"no upload {shown(upload_id)!r}: check the id, or ask for an upload with POST /uploads")


class UnknownSource(EtlError):
    """No file was ever dropped under this key, as far as bucket and ledger know."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"nothing was dropped under {shown(key)!r}: GET /sources lists what was")


class DamagedRejections(EtlError):
    """The file of an object's rejected records is not as its load wrote it. `count` records of it can be read."""

    def __init__(self, file: str, count: int) -> None:
        self.file, self.count = file, count
        super().__init__(
            f"the rejected records in {shown(file)!r} are damaged behind the first {count}: somebody wrote over the "
            "file. Have the API's operator load the object again (python -m operate replay --key), which writes it anew"
        )


class RowTooLarge(EtlError):
    """One row of a result is larger than an answer may be."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"a row of execution {execution_id} is too large for an answer: download the CSV instead")


class ResultTooLarge(EtlError):
    """A result is larger than what can be made of it for a spreadsheet."""

    def __init__(self, size: str, limit: str) -> None:
        self.size, self.limit = size, limit
        super().__init__(f"format=excel takes up to {limit}, and this result has {size}: leave format out for the CSV")


def kind_of(error: Exception) -> str:
    """Return what logs and metrics count an error as: AWS's code, else the name of its class."""
    return error.kind if isinstance(error, AwsError) else type(error).__name__


def redacted_message(error: Exception) -> str:
    """Return an error in words that hold nothing of an order: an error that is not ours may quote one."""
    return str(error) if isinstance(error, EtlError) else type(error).__name__
