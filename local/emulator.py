"""Start the embedded AWS, wait until it answers, stop it and all that it started."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from local import faults
from local.errors import EmulatorChanged, LocalError, PortInUse
from local.output import TAIL_LINES, tail_of_file
from local.serve import CHANGED_EXIT

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
REGION = "us-east-1"
DEFAULT_PORT = 4566
ACCOUNT = "123456789012"
"""The account everything belongs to. As an access key it stands for the account's root user."""

START_SECONDS = 60.0
STOP_SECONDS = 6.0


@dataclass(frozen=True)
class Emulator:
    """A running embedded AWS.

    `log` is what MiniStack prints, and the functions that events start; CloudWatch Logs has the output of all.
    """

    port: int
    secret_access_key: str = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)
    private: Path
    log: Path

    access_key_id: str = ACCOUNT
    region: str = REGION

    @property
    def endpoint_url(self) -> str:
        """The one address of all services."""
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What AWS tools and SDKs need in their environment to use this AWS as root, and no other."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    def session(self) -> boto3.Session:
        """Return a boto3 session of the account's root user that reads no AWS profile or configuration of the user.

        Its clients still need `endpoint_url`.
        """
        return session_of(self.environment)

    def client(self, service: str, credentials: Mapping[str, str] | None = None) -> Any:
        """Return a boto3 client of `service`, as root or with the keyword arguments of boto3 in `credentials`."""
        return self.session().client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint_url,
            config=Config(retries={"mode": "standard"}, s3={"addressing_style": "path"}, proxies={}),
            **(credentials or {}),
        )

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines of the log, without stack traces."""
        return tail_of_file(self.log, lines)


def session_of(environment: Mapping[str, str]) -> boto3.Session:
    """Return a session with the credentials and the region of these variables, and of nothing else."""
    nothing = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    own = botocore.session.Session(session_vars={name: (None, None, value, None) for name, value in nothing.items()})
    return boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
        botocore_session=own,
    )


@contextlib.contextmanager
def running(
    port: int | None = None, log: Path | None = None, announced: Path | None = None, played: str | None = None
) -> Iterator[Emulator]:
    """Run an embedded AWS on 127.0.0.1 for the length of the `with` block.

    `port` None takes a free one. `log` None keeps the log in the private directory, which goes at the end. An env
    file that the caller writes to `announced` (see local.env_file) goes at the end too, even if the caller is killed.
    `played` names the faults of real AWS that it plays (see local.faults); None takes LOCAL_FAULTS.

    Raises PortInUse, EmulatorChanged when MiniStack is not what the patches were written for, and LocalError with the
    tail of the log when it does not come up within `START_SECONDS`.
    """
    emulator = start(port, log, announced, played)
    try:
        yield emulator
    finally:
        stop(emulator)


def start(
    port: int | None = None, log: Path | None = None, announced: Path | None = None, played: str | None = None
) -> Emulator:
    """Start an embedded AWS and wait until it answers; see `running` for arguments and errors."""
    played = os.environ.get(faults.VARIABLE, "") if played is None else played
    faults.parse(played)  # refused here and not in the child's log
    port = _free_port() if port is None else _checked_port(port)
    private = Path(tempfile.mkdtemp(prefix="orders-etl-aws-"))
    log = log or private / "aws.log"
    secret = secrets.token_hex(20)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.serve", str(private)]
    if announced is not None:
        command += ["--env-file", str(announced.resolve())]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=_child_environment(port, private, secret) | {faults.VARIABLE: played},
            stdin=subprocess.PIPE,  # its end tells the child that we are gone
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone, and the group holds all Lambda workers
        )
    emulator = Emulator(port=port, secret_access_key=secret, process=process, private=private, log=log)
    try:
        _wait_until_ready(emulator)
    except BaseException:
        stop(emulator)
        raise
    return emulator


def stop(emulator: Emulator) -> None:
    """End the embedded AWS, its Lambda workers and its private directory. Does nothing when it has ended."""
    process = emulator.process
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)
    shutil.rmtree(emulator.private, ignore_errors=True)


def _child_environment(port: int, private: Path, secret: str) -> dict[str, str]:
    """Make the environment of the child from nothing, so that no AWS profile, proxy or Docker of the user leaks in.

    Lambda workers inherit it.
    """
    for folder in ("home", "tmp"):
        (private / folder).mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {
        "HOME": str(private / "home"),
        "TMPDIR": str(private / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": "localhost",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "S3_DATA_DIR": str(private / "s3"),
        "STATE_DIR": str(private / "state"),
        "DOCKER_HOST": f"unix://{private}/no-docker",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "INFO",
        "SFN_WAIT_SCALE": "0.05",  # what state machines wait for between two tries takes a twentieth of the time
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _checked_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left is free
        try:
            probe.bind((HOST, port))
        except OverflowError:
            raise LocalError(f"port {port} does not exist", "give a number from 1024 to 65535") from None
        except OSError as refused:
            if refused.errno == errno.EADDRINUSE:
                raise PortInUse(port) from None
            raise LocalError(f"port {port}: {refused.strerror}", "give a number from 1024 to 65535") from None
    return port


def _wait_until_ready(emulator: Emulator) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        status = emulator.process.poll()
        if status == CHANGED_EXIT:
            problem, _, remedy = emulator.tail(1).partition("\t")
            raise EmulatorChanged(problem, remedy)
        if status is not None:
            raise LocalError(
                f"the embedded AWS ended at its start (exit status {status})", "see the log", emulator.tail()
            )
        if _answers(f"{emulator.endpoint_url}/_ministack/health"):
            return
        time.sleep(0.05)
    raise LocalError(
        f"the embedded AWS did not answer on port {emulator.port} within {START_SECONDS:g} s",
        "see the log; try again when the machine is less busy",
        emulator.tail(),
    )


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through the user's proxy
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
