"""`make local` in a clone of its own: it tells where it is while it is up, and leaves nothing when it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from chalicelib.settings import Settings
from local import env_file, up
from local.emulator import HOST
from local.pipeline import Pipeline, wait_for
from tests.contracts import ORDERS, contract, datasets_of
from tests.local.product import clone

pytestmark = pytest.mark.aws

NAMES = [
    "AWS_ENDPOINT_URL",
    "API_URL",
    "ETL_BUCKET",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone, so that a running `make local` of the developer is not disturbed."""
    return clone(tmp_path)


@pytest.fixture
def start(project: Path) -> Iterator[Start]:
    """Return a function that starts `python -m local up` or `aws`; what is still up at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(
        port: int | str, through: tuple[str, ...] = (), command: str = "up", **environment: str
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*through, sys.executable, "-m", "local", command],
            cwd=project,
            env=os.environ | {"LOCAL_PORT": str(port)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def files(folder: Path) -> set[Path]:
    """Return what is in a folder, bytecode apart."""
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_it_tells_where_it_is_and_leaves_nothing(project: Path, start: Start) -> None:
    port = free_port()
    before = files(project)
    process = start(port)
    announced = project / ".local" / "env"
    wait_for(lambda: announced.exists() or process.poll() is not None, seconds=60)
    assert process.poll() is None, process.communicate()[0]

    env = dict(line.split("=", 1) for line in announced.read_text().splitlines())
    assert list(env) == NAMES
    assert env["AWS_ENDPOINT_URL"] == f"http://{HOST}:{port}"
    assert announced.stat().st_mode & 0o077 == 0
    s3 = boto3.client(
        "s3",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        region_name=env["AWS_DEFAULT_REGION"],
    )
    s3.put_object(Bucket=env["ETL_BUCKET"], Key="orders_json_incoming/a.json", Body=b"[]")

    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    assert "Ready. Stop it with Ctrl-C." in printed
    assert "Traceback" not in printed
    assert "\x1b[" not in printed  # colours are for terminals
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0
    assert files(project) - before == {project / ".local", project / ".local" / "aws.log"}


def test_it_says_how_to_drop_a_sample_of_each_contract() -> None:
    class Standing(Pipeline):
        datasets = datasets_of(Settings(bucket="any"), contract("woocommerce"), ORDERS)

    lines = list(up.drops(Standing(None, None), "curl "))  # type: ignore[arg-type]
    drop, incoming = "    -T", '"$AWS_ENDPOINT_URL/$ETL_BUCKET/orders_json_incoming'
    assert [line for line in lines if line.startswith(drop)] == [
        f'{drop} tests/contracts/woocommerce/sample.json {incoming}/woocommerce/sample.json"',
        f'{drop} sample_data/orders_etl.json {incoming}/orders_etl.json"',
    ]


@pytest.mark.slow
def test_it_ends_when_make_was_killed(project: Path, start: Start) -> None:
    port = free_port()
    shell = start(port, through=("sh", "-c", '"$@"; true', "sh"), MAKELEVEL="1")
    announced = project / ".local" / "env"
    wait_for(lambda: announced.exists() or shell.poll() is not None, seconds=60)
    assert shell.poll() is None, shell.communicate()[0]
    shell.kill()
    wait_for(lambda: not announced.exists(), seconds=60)
    with socket.socket() as probe:
        wait_for(lambda: probe.connect_ex((HOST, port)) != 0, seconds=60)


def test_ctrl_c_on_the_way_up_leaves_nothing(project: Path, start: Start) -> None:
    port = free_port()
    before = files(project)
    process = start(port)
    assert process.stdout
    assert "Start the embedded AWS" in process.stdout.readline()
    process.send_signal(signal.SIGINT)  # while the foundations are laid
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    assert "Stopped." in printed
    assert "Traceback" not in printed
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0
    assert files(project) - before == {project / ".local", project / ".local" / "aws.log"}


def test_an_env_file_of_one_that_is_gone_is_removed_and_of_a_living_one_kept(tmp_path: Path) -> None:
    path = tmp_path / "env"
    with socket.socket() as living:
        living.bind((HOST, 0))
        living.listen()
        env_file.write(path, {"AWS_ENDPOINT_URL": f"http://{HOST}:{living.getsockname()[1]}", "SECRET": "s1"})
        env_file.remove_stale(path)
        assert path.exists()
        env_file.remove(path, "the secret of another")
        assert path.exists()
    env_file.remove_stale(path)
    assert not path.exists()
    env_file.remove_stale(path)
    path.write_text("something else")
    env_file.remove_stale(path)
    assert not path.exists()


def test_a_second_one_in_the_same_clone_is_refused_and_the_first_stays_as_it_was(project: Path, start: Start) -> None:
    announced = project / ".local" / "env"
    with socket.socket() as first:
        first.bind((HOST, 0))
        first.listen()
        address = f"http://{HOST}:{first.getsockname()[1]}"
        env_file.write(announced, {"AWS_ENDPOINT_URL": address})
        for command in ("up", "aws"):
            process = start(free_port(), command=command)
            printed, _ = process.communicate(timeout=60)
            assert process.returncode == 1
            assert "an embedded AWS of this project is up already: .local/env says where" in printed
            assert "Start the embedded AWS" not in printed
    assert announced.read_text() == f"AWS_ENDPOINT_URL={address}\n"


def test_a_port_in_use_ends_with_the_remedy(start: Start) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        process = start(other.getsockname()[1])
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "is in use" in printed
    assert "LOCAL_PORT=" in printed
    assert "Traceback" not in printed


def test_a_port_that_is_no_number_is_wrong_usage(start: Start) -> None:
    process = start("http")
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "'http' is not a port: set LOCAL_PORT" in printed
