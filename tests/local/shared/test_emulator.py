"""The embedded AWS starts, is reachable from this machine only, believes nobody without a secret, and ends whole."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local import emulator as emulator_module
from local.emulator import HOST, PROJECT, Emulator, running
from local.errors import LocalError, PortInUse
from local.pipeline import wait_for

SLEEPER = "import time\ndef handler(event, context):\n    time.sleep(event['seconds'])\n"


def start_worker(aws: Emulator) -> None:
    """Make a Lambda function and leave one of its workers busy for longer than the test takes."""
    aws.client("iam").create_role(RoleName="sleeper", AssumeRolePolicyDocument="{}")
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", SLEEPER)
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="sleeper",
        Runtime="python3.12",
        Handler="app.handler",
        Role=f"arn:aws:iam::{aws.access_key_id}:role/sleeper",
        Code={"ZipFile": package.getvalue()},
        Timeout=600,
    )
    functions.invoke(FunctionName="sleeper", InvocationType="RequestResponse", Payload=b'{"seconds": 0}')
    functions.invoke(FunctionName="sleeper", InvocationType="Event", Payload=b'{"seconds": 600}')


def group_is_empty(group: int) -> bool:
    """Tell whether no process of this group is left, zombies apart that only their parent can collect."""
    members = subprocess.run(["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in members.splitlines()]
    return not any(int(pgid) == group and not stat.startswith("Z") for pgid, stat in lines)


@pytest.mark.aws
def test_nothing_is_left_after_stop() -> None:
    with running() as aws:
        start_worker(aws)
        assert not group_is_empty(aws.process.pid)
        assert aws.private.exists()
    assert group_is_empty(aws.process.pid)
    assert not aws.private.exists()
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, aws.port)) != 0


@pytest.mark.aws
def test_nothing_is_left_after_the_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from pathlib import Path\n"
            "from local import env_file\n"
            "from local.emulator import start\n"
            "from tests.local.shared.test_emulator import start_worker\n"
            "announced = Path(sys.argv[1])\n"
            "aws = start(announced=announced)\n"
            "env_file.write(announced, aws.environment)\n"
            "start_worker(aws)\n"
            "print(aws.process.pid, aws.private, flush=True)\n"
            "time.sleep(600)\n",
            str(tmp_path / "env"),
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    with parent.stdout:
        try:
            line = parent.stdout.readline()
        finally:
            parent.kill()
            parent.wait(60)
    group, private = line.split()
    wait_for(lambda: group_is_empty(int(group)), seconds=60)
    assert not Path(private).exists()
    assert not (tmp_path / "env").exists()


@pytest.mark.aws
def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Emulator] = []

    def interrupted(emulator: Emulator) -> None:
        started.append(emulator)
        raise KeyboardInterrupt

    monkeypatch.setattr(emulator_module, "_wait_until_ready", interrupted)
    with contextlib.suppress(KeyboardInterrupt), running():
        pass
    assert group_is_empty(started[0].process.pid)
    assert not started[0].private.exists()


def test_a_port_in_use_is_an_error_with_the_remedy() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(PortInUse, match=f"port {port} on 127.0.0.1 is in use.*LOCAL_PORT=4567 make local"),
            running(port),
        ):
            pass


def test_a_start_that_takes_too_long_is_an_error_with_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator_module, "START_SECONDS", 0.0)
    with pytest.raises(LocalError, match="did not answer on port"), running():
        pass


@pytest.mark.aws
def test_it_listens_on_loopback_only(aws: Emulator) -> None:
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("needs /proc")
    listening = "0A"
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    addresses = {row[1] for row in rows if row[3] == listening and row[1].endswith(f":{aws.port:04X}")}
    assert addresses == {f"0100007F:{aws.port:04X}"}


@pytest.mark.aws
def test_the_root_users_secret_is_needed(aws: Emulator) -> None:
    assert aws.client("sts").get_caller_identity()["Arn"].endswith(":root")
    wrong = {"aws_secret_access_key": "guessed", "aws_access_key_id": aws.access_key_id}
    for service, method in (("s3", "list_buckets"), ("lambda", "list_functions"), ("iam", "list_users")):
        with pytest.raises(ClientError) as refused:
            getattr(aws.client(service, wrong), method)()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.aws
def test_the_users_own_aws_configuration_is_not_read(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of somebody")
    assert aws.client("sts").get_caller_identity()["Account"] == aws.access_key_id


def test_a_terminated_child_is_noticed() -> None:
    with running() as aws:
        os.kill(aws.process.pid, signal.SIGKILL)
        aws.process.wait(5)
    assert group_is_empty(aws.process.pid)
