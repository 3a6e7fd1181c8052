"""Command line: `python -m glue_setup plan|apply|destroy|policies|wire --stage STAGE`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

import boto3
from botocore.exceptions import ClientError, NoCredentialsError

from chalicelib.assembly import check_contracts
from chalicelib.help_text import examples
from chalicelib.stage import read_stage
from glue_setup import command_line, foundations, policies
from glue_setup.clients import connect
from glue_setup.command_line import FAILED, say
from glue_setup.errors import SetupError, explained
from glue_setup.target import target_of

EXAMPLES = {"policies": " --account 123456789012 --region eu-west-1"}
"""What the example of a command has behind its stage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed or refused, 2 wrong usage."""
    options = parser().parse_args(arguments)
    return command_line.run(f"glue_setup {options.command}", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    stage = read_stage(options.project, options.stage)
    if options.command != "destroy":
        check_contracts(stage.settings)
    session = boto3.Session()
    if options.command == "policies":
        try:
            target = target_of(session, stage, options.account, options.region)
        except (ClientError, NoCredentialsError) as error:
            raise SetupError(f"the account is unknown: {explained(error)}; or give --account") from None
        policies.write(target, options.project)
        return 0
    target = target_of(session, stage)
    clients = connect(session, stage.name)
    say(f"Stage {stage.name} in account {target.account}, {target.region}:")
    if options.command == "destroy":
        foundations.destroy(target, clients, say, options.delete_data)
    elif options.command == "wire":
        foundations.apply(foundations.wiring(target, clients), say)
    else:
        made, unwanted = foundations.foundations(target, clients), foundations.switched_off(target, clients)
        if options.command == "plan":
            return 0 if foundations.plan(made, say, unwanted) else FAILED
        foundations.apply(made, say, unwanted)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the commands."""
    prog = "python -m glue_setup"
    made = argparse.ArgumentParser(prog=prog, description=__doc__, **examples(f"{prog} plan --stage dev"))
    commands = made.add_subparsers(dest="command", required=True)
    for name, text in (
        ("plan", "show what apply would create or change; touches nothing"),
        ("apply", "make bucket, database, tables or crawler, workgroup and views; safe to run again"),
        ("destroy", "remove what apply made; keeps the bucket and its data unless told otherwise"),
        ("wire", "after `chalice deploy`: failed events go to the queue, and the sweep is watched; safe to run again"),
        ("policies", "write the IAM policy of each Lambda function to .chalice/policy-STAGE-FUNCTION.json"),
    ):
        command = commands.add_parser(
            name, help=text, description=text, **examples(f"{prog} {name} --stage dev{EXAMPLES.get(name, '')}")
        )
        command_line.add_stage(command)
        if name == "destroy":
            command.add_argument("--delete-data", action="store_true", help="also delete the bucket with all its data")
        if name == "policies":
            command.add_argument("--account", type=_account, help="12 digits (default: the caller's, asked of AWS)")
            command.add_argument("--region", help="default: AWS_DEFAULT_REGION or the profile's")
    return made


def _account(text: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an account: give 12 digits")
    return text


if __name__ == "__main__":
    sys.exit(main())
