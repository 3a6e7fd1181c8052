"""The stage that a command is for, and its bucket."""

from __future__ import annotations

import argparse

import boto3

from chalicelib.assembly import storage
from chalicelib.loading.store import ObjectStore
from chalicelib.settings import Settings
from chalicelib.stage import read_stage
from glue_setup.clients import CONFIG, check_endpoint


def bucket_of(options: argparse.Namespace) -> tuple[Settings, ObjectStore]:
    """Return settings and bucket of the stage that the command line names.

    Raises StageError and SettingError, and SetupError where the local stage's would be a bucket of AWS.
    """
    settings = read_stage(options.project, options.stage).settings
    check_endpoint(boto3.Session().client("s3", config=CONFIG), options.stage)
    return settings, storage(settings.bucket)
