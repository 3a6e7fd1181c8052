"""What is done to a stage, in its order: everything to have it stand, or to have it gone."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from chalicelib.stage import Stage, read_stage
from glue_setup import foundations
from glue_setup.clients import CONFIG, connect, find_place
from release import record
from release.presence import forget_what_is_gone
from release.steps import Patience, Step, forget_packages, run

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

CREDENTIALS = (
    "The lines above name the permission, setting or name that is in the way. Without any: are the credentials those "
    "of the right account (aws sts get-caller-identity)?"
)


NOT_YET = (
    "Unable to validate the following destination configurations",
    "The role defined for the function cannot be assumed by Lambda",
)
"""What AWS says of a permission or a role that Chalice has just made, while it settles; Chalice does not wait."""


@dataclass
class Deployer:
    """Takes one stage of the project up or down, with the credentials of the session."""

    project: Path
    stage_name: str
    smoke: tuple[str, ...] = ()
    """Further arguments of the smoke test."""
    patience: Patience = field(default_factory=Patience)
    session: boto3.Session = field(default_factory=boto3.Session)

    def deploy(self, configure: tuple[str, ...]) -> None:
        """Bring the stage up. `configure` are further arguments of that command. Raises SetupError."""
        of_stage = ("--stage", self.stage_name)
        app = _App(self)
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
                before=app.before,
                after=app.after,
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
        self._tell()

    def destroy(self, delete_data: bool) -> None:
        """Take the stage down: the app, then the foundations; bucket, data and logs only with `delete_data`."""
        of_stage = ("--stage", self.stage_name)
        stage = self.stage()
        clients = connect(self.session, self.stage_name)
        s3 = clients.s3
        if delete_data:
            # Before the app goes: the foundations would refuse it only then.
            foundations.check_owners(foundations.data(stage, find_place(self.session, self.stage_name), clients))
        record.fetch(s3, stage.settings.bucket, self.project, self.stage_name)
        steps = []
        if forget_what_is_gone(self.session, self.project, self.stage_name):
            steps.append(
                Step(
                    "Delete the app",
                    "chalice",
                    ("delete", *of_stage),
                    CREDENTIALS,
                    after=lambda ok: (
                        record.forget(s3, stage.settings.bucket, self.project, self.stage_name) if ok else None
                    ),
                )
            )
        else:
            record.forget(s3, stage.settings.bucket, self.project, self.stage_name)
            print("No app is deployed, as far as .chalice/deployed and the bucket tell.", flush=True)
        arguments = ("destroy", *of_stage, *(["--delete-data"] if delete_data else []))
        steps.append(Step("Remove the foundations", "glue_setup", arguments, CREDENTIALS))
        run(steps, self.project, shlex.join(["python", "-m", "release", *arguments]))
        for policy in (self.project / ".chalice").glob(f"policy-{self.stage_name}-*.json"):
            policy.unlink()

    def stage(self) -> Stage:
        """Return the stage as it is configured now."""
        return read_stage(self.project, self.stage_name)

    def _tell(self) -> None:
        stage = self.stage()
        place = find_place(self.session, self.stage_name)
        deployed = record.read(self.project, self.stage_name)
        settings = stage.settings
        url = (deployed.api_url if deployed else None) or "none"
        incoming = f"s3://{settings.bucket}/{settings.incoming_prefix}"
        print(
            f"\nStage {stage.name} stands in account {place.account}, {place.region}.\n\n"
            f"  Drop orders into  {incoming}\n"
            f"  REST API          {url}\n"
            f"  Athena            workgroup {settings.workgroup}, database {settings.database}\n"
            f"  Logs              aws logs tail /aws/lambda/{stage.function('load_orders')} --follow\n\n"
            "Try it:\n\n"
            f"  aws s3 cp sample_data/orders_etl.json {incoming}\n"
            '  eval "$(aws configure export-credentials --format env)"\n'
            '  curl --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\\n'
            '    -H "x-amz-security-token: $AWS_SESSION_TOKEN" \\\n'
            f'    --aws-sigv4 aws:amz:{place.region}:execute-api "{url}/queries/sales_by_month"\n',
            flush=True,
        )


class _App:
    """What surrounds `chalice deploy`: a fresh package, the record of the last time, no REST API left by a failure."""

    def __init__(self, deployer: Deployer) -> None:
        self._of = deployer
        self._there: set[str] = set()

    def before(self) -> None:
        """Bring the record here, and drop the package: after a file was only renamed, Chalice would take it again."""
        stage = self._of.stage()
        s3 = connect(self._of.session, stage.name).s3
        if record.fetch(s3, stage.settings.bucket, self._of.project, stage.name):
            print("It was deployed from elsewhere before: its record is brought here from the bucket.", flush=True)
        forget_packages(self._of.project)
        self._there = self._apis(stage)

    def after(self, succeeded: bool) -> None:
        """Keep a copy of the record; after a failure, remove a REST API that Chalice made and did not note down."""
        stage = self._of.stage()
        if succeeded:
            record.keep(connect(self._of.session, stage.name).s3, stage.settings.bucket, self._of.project, stage.name)
            return
        deployed = record.read(self._of.project, stage.name)
        noted = {deployed.api_id} if deployed else set()
        for api_id in self._apis(stage) - self._there - noted:
            self._client().delete_rest_api(restApiId=api_id)
            print(f"REST API {api_id}, made by the failed deployment, is removed.", file=sys.stderr, flush=True)

    def _apis(self, stage: Stage) -> set[str]:
        pages = self._client().get_paginator("get_rest_apis").paginate()
        return {api["id"] for page in pages for api in page["items"] if api.get("name") == stage.app}

    def _client(self) -> APIGatewayClient:
        return self._of.session.client("apigateway", config=CONFIG)
