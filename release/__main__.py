"""Command line: `python -m release deploy|configure|smoke|terraform|destroy --stage STAGE`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from chalicelib.assembly import datasets
from chalicelib.aws.athena import Athena
from chalicelib.aws.glue import find_table
from chalicelib.errors import AwsError, EtlError
from chalicelib.stage import Stage, read_stage, stage_in
from glue_setup.bucket import Bucket
from glue_setup.clients import CONFIG, connect, find_place
from glue_setup.errors import SetupError, explained
from release import configuration, layers, record, terraforming
from release.asking import Direct, Rest
from release.deploying import Deployer
from release.smoke import AGAIN_SECONDS, FIRST_SECONDS, LATER_SECONDS, Asks, Smoke
from release.steps import Patience

FAILED, INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed or refused, 2 wrong usage."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
    except (AwsError, ClientError, BotoCoreError) as error:
        print(f"release {given.command}: {explained(error)}", file=sys.stderr)
    except EtlError as error:
        print(f"release {given.command}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\nrelease {given.command}: interrupted; run it again to go on", file=sys.stderr)
        return INTERRUPTED
    else:
        return 0
    return FAILED


def _configure(given: argparse.Namespace) -> None:
    text = configuration.read(given.project)
    config = json.loads(text)
    configuration.configured(text, given.stage, given.bucket, None)  # refuses the bucket before AWS is asked anything
    layer = given.layer
    if configuration.managed_layers(config, given.stage) and not layer:
        session = boto3.Session()
        _same_region(configuration.region_of(config, given.stage), session.region_name, given.stage)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        architecture = configuration.architecture_of(config, given.stage)
        client = session.client("ssm", config=CONFIG)
        try:
            layer = layers.layer_arn(client, given.layer_version, python, architecture)
        except layers.NoLayer:
            # The one that somebody has filled in stays.
            if configuration.region_of(config, given.stage) is None:
                raise
    changed = configuration.configured(text, given.stage, given.bucket, layer)
    if given.bucket:
        _refuse_other_owner(stage_in(json.loads(changed), given.stage, given.project / ".chalice" / "config.json"))
    if changed != text:
        configuration.write(given.project, changed)
    stage = read_stage(given.project, given.stage)
    print(f".chalice/config.json: {'unchanged' if changed == text else 'written'}")
    print(f"  bucket {stage.settings.bucket}")
    for arn in sorted(set(configuration.managed_layers(json.loads(changed), given.stage))):
        print(f"  layer {arn}")


def _refuse_other_owner(stage: Stage) -> None:
    """Raise Refused for a bucket of another stage, account or region, before it is written down as this stage's."""
    session = boto3.Session()
    try:
        place = find_place(session, stage.name)
    except (NoCredentialsError, NoRegionError):
        # A configuration can be written without them. What uses it next cannot do without, and refuses the same.
        return
    clients = connect(session, stage.name)
    Bucket(clients.s3, stage, place, clients.tls).check_owner()


def _same_region(configured: str | None, now: str | None, stage: str) -> None:
    if configured and now and configured != now:
        raise SetupError(
            f"stage {stage} was configured for {configured}, and the region is {now}: set AWS_DEFAULT_REGION="
            f"{configured}, or, for a deployment elsewhere, add a stage to .chalice/config.json"
        )


def _smoke(given: argparse.Namespace) -> None:
    stage = read_stage(given.project, given.stage)
    session = boto3.Session()
    clients = connect(session, stage.name)
    asks: Asks | None = _asks(stage, session, given.project)
    if not find_table(clients.glue, stage.settings.database, datasets(stage.settings)[0].table):
        if stage.settings.catalog_mode != "crawler":
            raise SetupError(
                f"table {datasets(stage.settings)[0].table} is not there: python -m glue_setup apply --stage {stage.name}"
            )
        asks = None
    log_group = f"/aws/lambda/{stage.function('load_orders')}"
    smoke = Smoke(clients.s3, stage.settings, log_group, within=given.within, again=given.again)
    smoke.run(asks, lambda line: print(f"  {line}", flush=True))


def _asks(stage: Stage, session: boto3.Session, project: Path) -> Asks:
    deployed = record.read(project, stage.name)
    if deployed and deployed.api_url and stage.settings.api_auth != "api_key":
        return Rest(session, deployed.api_url)
    return Direct(Athena(session.client("athena", config=CONFIG), stage.settings, {}), stage.settings)


def _deploy(given: argparse.Namespace) -> None:
    configure = []
    for name in ("bucket", "layer", "layer_version"):
        value = getattr(given, name)
        if value and (name, value) != ("layer_version", layers.VERSION):
            configure += [f"--{name.replace('_', '-')}", value]
    smoke = ("--again", f"{given.again:g}", *(("--within", f"{given.within:g}") if given.within else ()))
    Deployer(given.project, given.stage, smoke, Patience(pause=given.pause)).deploy(tuple(configure))


def _destroy(given: argparse.Namespace) -> None:
    Deployer(given.project, given.stage).destroy(given.delete_data)


def _terraform(given: argparse.Namespace) -> None:
    stage = read_stage(given.project, given.stage)
    place = find_place(boto3.Session(), stage.name, given.account, given.region)
    out = given.out or given.project / "build" / "terraform" / stage.name
    terraforming.write(given.project, stage, place, out)
    print(
        f"{out}: {terraforming.APP}, {terraforming.FOUNDATIONS}, {terraforming.PACKAGE}\n\n"
        f"  cd {out} && terraform init && terraform apply\n"
        f"  python -m glue_setup apply --stage {stage.name}   # the views, which Terraform has no resource for\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, told in (
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
        command = commands.add_parser(name, help=told, description=told)
        command.set_defaults(run=run)
        command.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
        command.add_argument("--project", type=Path, default=Path(), metavar="DIR", help="the project (default: here)")
        if name in ("deploy", "configure"):
            command.add_argument("--bucket", help="the stage's bucket; needed once, it need not exist")
            command.add_argument(
                "--layer-version", default=layers.VERSION, help=f"of AWS's managed layer (default: {layers.VERSION})"
            )
            command.add_argument("--layer", metavar="ARN", help="a layer of your own instead")
        if name in ("deploy", "smoke"):
            told = f"for the smoke test's load (default: {LATER_SECONDS:g}, the first time {FIRST_SECONDS:g})"
            command.add_argument("--within", type=_seconds, metavar="SECONDS", help=told)
            told = f"after which a file that S3 has not announced is put again (default: {AGAIN_SECONDS:g})"
            command.add_argument("--again", type=_seconds, default=AGAIN_SECONDS, metavar="SECONDS", help=told)
        if name == "deploy":
            told = f"before a step that failed for a passing reason is run again (default: {Patience.pause:g})"
            command.add_argument("--pause", type=_seconds, default=Patience.pause, metavar="SECONDS", help=told)
        if name == "terraform":
            command.add_argument("--out", type=Path, metavar="DIR", help="default: build/terraform/STAGE")
            command.add_argument("--account", help="12 digits (default: the caller's, asked of AWS)")
            command.add_argument("--region", help="default: AWS_DEFAULT_REGION or the profile's")
        if name == "destroy":
            command.add_argument("--delete-data", action="store_true", help="also delete bucket, data and logs")
    return parser


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
