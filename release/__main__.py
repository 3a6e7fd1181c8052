"""Command line: `python -m release deploy|configure|smoke|terraform|destroy --stage STAGE`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import boto3
from botocore.exceptions import NoCredentialsError, NoRegionError

from chalicelib.assembly import check_contracts, datasets
from chalicelib.aws.athena import Athena
from chalicelib.aws.glue import find_table
from chalicelib.dataset import Dataset
from chalicelib.help_text import examples
from chalicelib.queries import saved
from chalicelib.stage import Stage, read_stage, stage_in
from glue_setup import command_line
from glue_setup.bucket import Bucket
from glue_setup.clients import CONFIG, Clients, connect
from glue_setup.command_line import say
from glue_setup.errors import SetupError
from glue_setup.target import target_of
from release import configuration, layers, record, terraforming
from release.asking import Direct, Rest, query_of
from release.deploying import Deployer
from release.smoke import AGAIN_SECONDS, FIRST_SECONDS, LATER_SECONDS, Asks, Smoke, differences
from release.steps import Patience


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed or refused, 2 wrong usage."""
    options = parser().parse_args(arguments)
    return command_line.run(f"release {options.command}", lambda: options.run(options))


def _configure(options: argparse.Namespace) -> None:
    text = configuration.read(options.project)
    config = json.loads(text)
    # A bucket, a setting or a contract is refused before AWS is asked anything, and before anything is written.
    filled = configuration.configured(text, options.stage, options.bucket, None)
    stage = stage_in(json.loads(filled), options.stage, options.project / ".chalice" / "config.json")
    check_contracts(stage.settings)
    layer = options.layer
    if configuration.managed_layers(config, options.stage) and not layer:
        session = boto3.Session()
        _same_region(configuration.region_of(config, options.stage), session.region_name, options.stage)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        architecture = configuration.architecture_of(config, options.stage)
        client = session.client("ssm", config=CONFIG)
        try:
            layer = layers.layer_arn(client, options.layer_version, python, architecture)
        except layers.NoLayer:
            # The one that somebody has filled in stays.
            if configuration.region_of(config, options.stage) is None:
                raise
    changed = configuration.configured(text, options.stage, options.bucket, layer)
    if options.bucket:
        _refuse_other_owner(stage)
    if changed != text:
        configuration.write(options.project, changed)
    print(f".chalice/config.json: {'unchanged' if changed == text else 'written'}")
    print(f"  bucket {stage.settings.bucket}")
    for arn in sorted(set(configuration.managed_layers(json.loads(changed), options.stage))):
        print(f"  layer {arn}")


def _refuse_other_owner(stage: Stage) -> None:
    """Raise Refused for a bucket of another stage, account or region, before it is written down as this stage's."""
    session = boto3.Session()
    try:
        target = target_of(session, stage)
    except (NoCredentialsError, NoRegionError):
        # A configuration can be written without them. What uses it next cannot do without, and refuses the same.
        return
    Bucket(target, connect(session, stage.name)).find()


def _same_region(configured: str | None, now: str | None, stage: str) -> None:
    if configured and now and configured != now:
        raise SetupError(
            f"stage {stage} was configured for {configured}, and the region is {now}: set AWS_DEFAULT_REGION="
            f"{configured}, or, for a deployment elsewhere, add a stage to .chalice/config.json"
        )


def _smoke(options: argparse.Namespace) -> None:
    stage = read_stage(options.project, options.stage)
    session = boto3.Session()
    clients = connect(session, stage.name)
    deployed = datasets(stage.settings)
    dataset = _dataset(deployed, options.contract)
    asks: Asks | None = _asks(stage, clients, session, options.project, dataset)
    table = dataset.contract.main.name
    if not find_table(clients.glue, dataset.database, table):
        if stage.settings.catalog_mode != "crawler":
            raise SetupError(f"table {table} is not there: python -m glue_setup apply --stage {stage.name}")
        asks = None
    smoke = Smoke(
        clients.s3,
        dataset,
        f"/aws/lambda/{stage.function('load')}",
        differences=lambda: differences(clients.glue, dataset),
        within=options.within,
        again=options.again,
    )
    smoke.run(asks, lambda line: say(f"  {line}"))


def _dataset(deployed: tuple[Dataset, ...], name: str | None) -> Dataset:
    """Return the dataset of the contract that is named, or the first. Raises SetupError where there is none."""
    for each in deployed:
        if name in (None, each.name):
            return each
    raise SetupError(f"there is no contract {name!r}: give one of {', '.join(each.name for each in deployed)}")


def _asks(stage: Stage, clients: Clients, session: boto3.Session, project: Path, dataset: Dataset) -> Asks:
    queries = saved.load(datasets(stage.settings))
    query = query_of(dataset.contract, queries.values())
    deployed = record.read(project, stage.name, os.environ.get("AWS_ENDPOINT_URL"))
    if query and deployed and deployed.api_url and stage.settings.api_auth != "api_key":
        return Rest(session, deployed.api_url, query)
    return Direct(Athena(clients.athena, stage.settings, queries), dataset, query)


def _deploy(options: argparse.Namespace) -> None:
    configure = []
    for name in ("bucket", "layer", "layer_version"):
        value = getattr(options, name)
        if value and (name, value) != ("layer_version", layers.VERSION):
            configure += [f"--{name.replace('_', '-')}", value]
    smoke = ("--again", f"{options.again:g}", *(("--within", f"{options.within:g}") if options.within else ()))
    Deployer(options.project, options.stage, smoke, Patience(pause=options.pause)).deploy(tuple(configure))


def _destroy(options: argparse.Namespace) -> None:
    Deployer(options.project, options.stage).destroy(options.delete_data)


def _terraform(options: argparse.Namespace) -> None:
    stage = read_stage(options.project, options.stage)
    check_contracts(stage.settings)
    target = target_of(boto3.Session(), stage, options.account, options.region)
    out = options.out or options.project / "build" / "terraform" / stage.name
    terraforming.write(options.project, target, out)
    print(
        f"{out}: {terraforming.APP}, {terraforming.FOUNDATIONS}, {terraforming.PACKAGE}\n\n"
        f"  cd {out} && terraform init && terraform apply\n"
        f"  python -m glue_setup apply --stage {stage.name}   # the views, which Terraform has no resource for\n"
    )


def parser() -> argparse.ArgumentParser:
    """Return the parser of the commands."""
    prog = "python -m release"
    deploy = f"{prog} deploy --stage dev --bucket my-orders-dev"
    made = argparse.ArgumentParser(prog=prog, description=__doc__, **examples(deploy))
    commands = made.add_subparsers(dest="command", required=True)
    for name, run, text in (
        ("deploy", _deploy, "configure the stage, lay its foundations, deploy the app, test it; safe to run again"),
        ("configure", _configure, "write the stage's bucket and layer into .chalice/config.json"),
        ("smoke", _smoke, "drop a file into the deployed stage, ask for it, compare, remove it again"),
        ("terraform", _terraform, "write a directory for Terraform: the app's package, the app, its foundations"),
        (
            "destroy",
            _destroy,
            "delete the app and the foundations; keeps the bucket and its data unless told otherwise",
        ),
    ):
        example = f"{prog} {name} --stage dev{' --bucket my-orders-dev' * (name in ('deploy', 'configure'))}"
        command = commands.add_parser(name, help=text, description=text, **examples(example))
        command.set_defaults(run=run)
        command_line.add_stage(command)
        if name in ("deploy", "configure"):
            command.add_argument("--bucket", help="the stage's bucket; needed once, it need not exist")
            command.add_argument(
                "--layer-version", default=layers.VERSION, help=f"of AWS's managed layer (default: {layers.VERSION})"
            )
            command.add_argument("--layer", metavar="ARN", help="a layer of your own instead")
        if name in ("deploy", "smoke"):
            text = f"for the smoke test's load (default: {LATER_SECONDS:g}, the first time {FIRST_SECONDS:g})"
            command.add_argument("--within", type=_seconds, metavar="SECONDS", help=text)
            text = f"after which a file that S3 has not announced is put again (default: {AGAIN_SECONDS:g})"
            command.add_argument("--again", type=_seconds, default=AGAIN_SECONDS, metavar="SECONDS", help=text)
        if name == "smoke":
            text = "whose sample has the document that is dropped (default: the first)"
            command.add_argument("--contract", metavar="NAME", help=text)
        if name == "deploy":
            text = f"before a step that failed for a passing reason is run again (default: {Patience.pause:g})"
            command.add_argument("--pause", type=_seconds, default=Patience.pause, metavar="SECONDS", help=text)
        if name == "terraform":
            command.add_argument("--out", type=Path, metavar="DIR", help="default: build/terraform/STAGE")
            command.add_argument("--account", help="12 digits (default: the caller's, asked of AWS)")
            command.add_argument("--region", help="default: AWS_DEFAULT_REGION or the profile's")
        if name == "destroy":
            command.add_argument("--delete-data", action="store_true", help="also delete bucket, data and logs")
    return made


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds, more than 0, at most 3600")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
