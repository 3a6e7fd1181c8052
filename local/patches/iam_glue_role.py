"""The AWS-managed policy AWSGlueServiceRole exists, so that a crawler's role can carry it.

Gap: MiniStack knows only some of AWS's own policies and refuses to attach this one. Statements about networks and
instances are left out: nothing here has them. Drop this file when the policy can be attached without it.
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSGlueServiceRole.html
"""

from __future__ import annotations

import json

from ministack.services import iam

TOUCHES = {
    "ministack.services.iam._make_aws_managed_record": "2936b10ab95b",
    "ministack.services.iam._lookup_policy": "761a3508bf1f",
}

ARN = "arn:aws:iam::aws:policy/service-role/AWSGlueServiceRole"
DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "glue:*",
                "s3:GetBucketLocation",
                "s3:ListBucket",
                "s3:ListAllMyBuckets",
                "s3:GetBucketAcl",
                "iam:ListRolePolicies",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "cloudwatch:PutMetricData",
            ],
            "Resource": ["*"],
        },
        {"Effect": "Allow", "Action": ["s3:CreateBucket"], "Resource": ["arn:aws:s3:::aws-glue-*"]},
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": ["arn:aws:s3:::aws-glue-*/*", "arn:aws:s3:::*/*aws-glue-*/*"],
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": ["arn:aws:s3:::crawler-public*", "arn:aws:s3:::aws-glue-*"],
        },
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": ["arn:aws:logs:*:*:*:/aws-glue/*"],
        },
    ],
}


def apply() -> None:
    """Put the policy beside those that MiniStack knows."""
    name = ARN.partition(":policy/")[2]
    iam._aws_managed_policies[ARN] = iam._make_aws_managed_record(name, json.dumps(DOCUMENT))
