"""What is done to a stage, in its order: everything to have it stand, or to have it gone."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from chalicelib.contracts.reading import SAMPLE_NAME
from chalicelib.queries import saved
from chalicelib.stage import Stage, read_stage
from glue_setup import foundations
from glue_setup.clients import CONFIG, connect
from glue_setup.target import target_of
from release import record
from release.steps import Patience, Step, forget_packages, run

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_s3 import S3Client

CREDENTIALS = (
    "The lines above name the permission, setting or name that is in the way. Without any: are the credentials those "
    "of the right account (aws sts get-caller-identity)?"
)


NOT_YET = (
    "Unable to validate the following destination configurations",
    "The role defined for the function cannot be assumed by Lambda",
)
"""What AWS says of a permission or a role that Chalice has just made, while it settles; Chalice does not wait."""
RETIRED = "load_orders"
"""What version 0.1 named the function that loads."""


@dataclass
class Deployer:
    """Takes one stage of the project up or down, with the credentials of the session."""

    project: Path
    stage_name: str
    smoke: tuple[str, ...] = ()
    """Further arguments of the smoke test."""
    patience: Patience = field(default_factory=Patience)
    session: boto3.Session = field(default_factory=boto3.Session)
    _apis_before: set[str] = field(default_factory=set)

    def deploy(self, configure: tuple[str, ...]) -> None:
        """Bring the stage up. `configure` are further arguments of that command. Raises SetupError."""
        of_stage = ("--stage", self.stage_name)
        steps = [
            Step(
                "Configure the stage",
                "release",
                ("configure", *of_stage, *configure),
                "Give what the line above asks for.",
            ),
            Step("Lay the foundations", "glue_setup", ("apply", *of_stage), CREDENTIALS),
            Step("Write the functions' policies", "glue_setup", ("policies", *of_stage), CREDENTIALS),
            Step(
                "Deploy the app",
                "chalice",
                ("deploy", *of_stage),
                "Chalice's last lines say which call AWS refused. A wrong setting is named with what it takes.",
                before=self.before_app,
                after=self.after_app,
                passing=NOT_YET,
            ),
            Step("Keep what fails to load in a queue", "glue_setup", ("wire", *of_stage), CREDENTIALS),
            Step(
                "Test it: drop a file, ask, compare, remove it",
                "release",
                ("smoke", *of_stage, *self.smoke),
                "The app is deployed; the line above says what did not work and where to look.",
            ),
        ]
        again = shlex.join(["python", "-m", "release", "deploy", *of_stage, *configure])
        run(steps, self.project, again, self.patience)
        self._print_addresses()

    def before_app(self) -> None:
        """Bring the record here, and drop the package: after a file was only renamed, Chalice would take it again."""
        stage, s3 = self._stage, self._s3
        if record.fetch(s3, stage.settings.bucket, self.project, stage.name):
            print("It was deployed from elsewhere before: its record is brought here from the bucket.", flush=True)
        forget_packages(self.project)
        record.drop_notification(s3, stage.settings.bucket, stage.function(RETIRED))
        self._apis_before = self._apis()

    def after_app(self, succeeded: bool) -> None:
        """Keep a copy of the record; after a failure, remove a REST API that Chalice made and did not note down."""
        stage = self._stage
        if succeeded:
            record.keep(self._s3, stage.settings.bucket, self.project, stage.name)
            return
        deployed = record.read(self.project, stage.name)
        noted = {deployed.api_id} if deployed else set()
        for api_id in self._apis() - self._apis_before - noted:
            self._gateway.delete_rest_api(restApiId=api_id)
            print(f"REST API {api_id}, made by the failed deployment, is removed.", file=sys.stderr, flush=True)

    def destroy(self, delete_data: bool) -> None:
        """Take the stage down: the app, then the foundations; bucket, data and logs only with `delete_data`."""
        of_stage = ("--stage", self.stage_name)
        stage, s3 = self._stage, self._s3
        bucket = stage.settings.bucket
        if delete_data:
            # Before the app goes: the foundations would refuse it only then.
            foundations.check_owners(target_of(self.session, stage), connect(self.session, stage.name))
        record.fetch(s3, bucket, self.project, stage.name)

        def forget(succeeded: bool) -> None:
            if succeeded:
                record.forget(s3, bucket, self.project, stage.name)

        steps = []
        if record.drop_missing(self.session, self.project, stage.name):
            steps.append(Step("Delete the app", "chalice", ("delete", *of_stage), CREDENTIALS, after=forget))
        else:
            forget(True)
            print("No app is deployed, as far as .chalice/deployed and the bucket tell.", flush=True)
        arguments = ("destroy", *of_stage, *(["--delete-data"] if delete_data else []))
        steps.append(Step("Remove the foundations", "glue_setup", arguments, CREDENTIALS))
        run(steps, self.project, shlex.join(["python", "-m", "release", *arguments]))
        for policy in (self.project / ".chalice").glob(f"policy-{stage.name}-*.json"):
            policy.unlink()

    @property
    def _stage(self) -> Stage:
        """The stage as it is configured now."""
        return read_stage(self.project, self.stage_name)

    @property
    def _s3(self) -> S3Client:
        return connect(self.session, self.stage_name).s3

    @property
    def _gateway(self) -> APIGatewayClient:
        return self.session.client("apigateway", config=CONFIG)

    def _apis(self) -> set[str]:
        pages = self._gateway.get_paginator("get_rest_apis").paginate()
        return {api["id"] for page in pages for api in page["items"] if api.get("name") == self._stage.app}

    def _print_addresses(self) -> None:
        stage = self._stage
        target = target_of(self.session, stage)
        deployed = record.read(self.project, stage.name, os.environ.get("AWS_ENDPOINT_URL"))
        settings = stage.settings
        url = (deployed.api_url if deployed else None) or "none"
        incoming = [f"s3://{settings.bucket}/{dataset.incoming}" for dataset in target.datasets]
        sample = f"chalicelib/contracts/{target.datasets[0].name}/{SAMPLE_NAME}"
        queries = saved.load(target.datasets[:1]).values()
        ready = [f"/{each.name}" for each in queries if not any(one.required for one in each.parameters)]
        print(
            f"\nStage {stage.name} stands in account {target.account}, {target.region}.\n\n"
            f"  Drop files into   {', '.join(incoming)}\n"
            f"  REST API          {url}\n"
            f"  Athena            workgroup {settings.workgroup}, database {settings.database}\n"
            f"  Logs              aws logs tail {target.log_group('load')} --follow\n\n"
            "Try it:\n\n"
            f"  aws s3 cp {sample} {incoming[0]}\n"
            '  eval "$(aws configure export-credentials --format env)"\n'
            '  curl --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\\n'
            '    -H "x-amz-security-token: $AWS_SESSION_TOKEN" \\\n'
            f'    --aws-sigv4 aws:amz:{target.region}:execute-api "{url}/queries{next(iter(ready), "")}"\n',
            flush=True,
        )
