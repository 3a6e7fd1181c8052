"""Which version of AWS's managed layer the loader runs on: the one whose pyarrow the tests run with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from chalicelib.errors import shown
from glue_setup.errors import SetupError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

VERSION = "3.17.1"
"""The layer's version that carries the pyarrow of requirements-runtime.txt."""
BROKEN = {"3.17.0": "it crashes on dates (fixed in 3.17.1, https://github.com/aws/aws-sdk-pandas/issues/3398)"}
"""Versions that must not be used, and why."""
LAYER = "AWSSDKPandas-Python"
"""How the layer's name begins, in every region and for every Python."""
MODULES = frozenset({"pyarrow", "numpy", "pandas"})
"""What we take from the layer."""
CODECS = frozenset({"snappy", "gzip"})
"""The Parquet codecs that the layer's pyarrow is built with; the wheel on PyPI has more, which hides a wrong one."""
UNZIPPED_BYTES = 204_000_000
"""The size of the largest version measured (3.16.1, x86_64), unzipped."""
LAMBDA_BYTES = 262_144_000
"""What Lambda allows for a package and its layers together, unzipped: 250 MiB."""
UPLOAD_BYTES = 50_000_000
"""What Lambda allows for a zipped package that is uploaded directly, as Chalice does."""


class NoLayer(SetupError):
    """The region has no layer of this version for this Python and processor."""


def parameter(version: str, python: str, architecture: str) -> str:
    """Return the public SSM parameter that holds the layer's ARN. `python` is `3.11`, `architecture` Lambda's name."""
    return f"/aws/service/aws-sdk-pandas/{version}/py{python}/{architecture}/layer-arn"


def layer_arn(client: SSMClient, version: str, python: str, architecture: str) -> str:
    """Look up the layer's ARN in the client's region.

    Raises NoLayer when the region does not have it, SetupError for a version that is known to be broken; ClientError.
    """
    if version in BROKEN:
        raise SetupError(f"layer version {version} cannot be used: {BROKEN[version]}; take {VERSION}")
    name = parameter(version, python, architecture)
    try:
        arn = client.get_parameter(Name=name)["Parameter"].get("Value", "")
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ParameterNotFound":
            raise
        raise NoLayer(
            f"region {client.meta.region_name} has no layer at {name}: deploy with another Python, or give the ARN of "
            "your own copy of the layer (LAYER=arn:..., or --layer)"
        ) from None
    if f":layer:{LAYER}" not in arn:
        raise SetupError(f"{name} holds {shown(arn)!r}, which is no ARN of the layer")
    return arn
