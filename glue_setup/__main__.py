"""Command line: `python -m glue_setup plan|apply|destroy|policies|wire --stage STAGE`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from chalicelib.errors import AwsError, EtlError
from chalicelib.stage import Stage, read_stage
from glue_setup import foundations
from glue_setup.clients import connect, find_place
from glue_setup.errors import SetupError, explained
from glue_setup.policies import FUNCTIONS

if TYPE_CHECKING:
    from glue_setup.clients import Clients
    from glue_setup.place import Place
    from glue_setup.resource import Resource

FAILED, INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed or refused, 2 wrong usage."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return _run(given)
    except (AwsError, ClientError, BotoCoreError) as error:
        print(f"glue_setup {given.command}: {explained(error)}", file=sys.stderr)
    except EtlError as error:
        print(f"glue_setup {given.command}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\nglue_setup {given.command}: interrupted; run it again to go on", file=sys.stderr)
        return INTERRUPTED
    return FAILED


def _run(given: argparse.Namespace) -> int:
    stage = read_stage(given.project, given.stage)
    if given.command == "policies":
        return _policies(stage, given)
    session = boto3.Session()
    place = find_place(session, stage.name)
    clients = connect(session, stage.name)
    print(f"Stage {stage.name} in account {place.account}, {place.region}:", flush=True)
    wiring = foundations.wiring(stage, place, clients)
    if given.command == "wire":
        foundations.apply(wiring, _say)
        return 0
    resources = _resources(stage, place, clients, everything=given.command == "destroy")
    if given.command == "plan":
        return 0 if foundations.plan(resources, _say) else FAILED
    if given.command == "apply":
        foundations.apply(resources, _say)
    else:
        foundations.destroy([*resources, *wiring], _say, given.delete_data)
    return 0


def _resources(stage: Stage, place: Place, clients: Clients, everything: bool) -> list[Resource]:
    # The Athena edge and the views' SQL are needed here only, not for writing policies.
    from chalicelib.assembly import datasets
    from chalicelib.aws.athena import Athena
    from chalicelib.queries.saved import view_statements

    settings = stage.settings
    return foundations.foundations(
        stage,
        place,
        clients,
        view_statements(datasets(settings)[0]),
        Athena(clients.athena, settings, {}),
        everything=everything,
    )


def _policies(stage: Stage, given: argparse.Namespace) -> int:
    try:
        place = find_place(boto3.Session(), stage.name, given.account, given.region)
    except (ClientError, NoCredentialsError) as error:
        raise SetupError(f"the account is unknown: {explained(error)}; or give --account") from None
    for function, policy in FUNCTIONS.items():
        path = given.project / ".chalice" / f"policy-{stage.name}-{function}.json"
        text = json.dumps(policy(stage, place), indent=2) + "\n"
        try:
            same = path.exists() and path.read_text(encoding="utf-8") == text
            if not same:
                path.write_text(text, encoding="utf-8")
        except OSError as problem:
            raise SetupError(f"{path} cannot be written: {problem}") from None
        _say(f"{path}: {'unchanged' if same else 'written'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m glue_setup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in (
        ("plan", "show what apply would create or change; touches nothing"),
        ("apply", "make bucket, database, table or crawler, workgroup and views; safe to run again"),
        ("destroy", "remove what apply made; keeps the bucket and its data unless told otherwise"),
        ("wire", "after `chalice deploy`: failed events go to the queue, and the sweep is watched; safe to run again"),
        ("policies", "write the IAM policy of each Lambda function to .chalice/policy-STAGE-FUNCTION.json"),
    ):
        command = commands.add_parser(name, help=told, description=told)
        command.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
        command.add_argument("--project", type=Path, default=Path(), metavar="DIR", help="the project (default: here)")
        if name == "destroy":
            command.add_argument("--delete-data", action="store_true", help="also delete the bucket with all its data")
        if name == "policies":
            command.add_argument("--account", type=_account, help="12 digits (default: the caller's, asked of AWS)")
            command.add_argument("--region", help="default: AWS_DEFAULT_REGION or the profile's")
    return parser


def _account(text: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an account: give 12 digits")
    return text


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
