"""`bulwark-policies` with descriptor sets that a real protoc has written."""

import pathlib
import subprocess

import pytest
from grpc_tools import protoc

from programs import ROOT

# The debug build that `swift test` has made: nothing here is timed.
TOOL = ROOT / ".build" / "debug" / "bulwark-policies"
PROTOS = ROOT / "Protos"
SERVICE = "consensus.v1.ConsensusService"
SOURCE = "consensus/v1/consensus.proto"


def descriptor_set(include: pathlib.Path, file: str, output: pathlib.Path, *options: str) -> str:
    well_known = pathlib.Path(protoc.__file__).with_name("_proto")
    arguments = ["protoc", f"-I{include}", f"-I{PROTOS}", f"-I{well_known}", f"--descriptor_set_out={output}"]
    assert protoc.main([*arguments, *options, file]) == 0
    return str(output)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def shown(*arguments: str) -> dict[str, list[str]]:
    """The rows below each method, with single spaces."""
    result = run("show", *arguments)
    assert result.returncode == 0, result.stderr
    methods: dict[str, list[str]] = {}
    for block in result.stdout.split("\n\n"):
        method, *rows = block.strip().splitlines()
        methods[method] = [" ".join(row.split()) for row in rows]
    return methods


def test_the_annotations_of_the_proto_are_shown_behind_those_of_files(tmp_path):
    descriptors = descriptor_set(PROTOS, SOURCE, tmp_path / "all.pb", "--include_imports")
    config = tmp_path / "policies.yaml"
    config.write_text(f"policies: {{ {SERVICE}/ProposeBlock: {{ rate_limit: {{ rate: 25 }} }} }}")
    methods = shown("--descriptor-set", descriptors, "--config", str(config))
    assert len(methods) == 13
    proposals = methods[f"{SERVICE}/ProposeBlock"]
    assert f"rate_limit.rate = 25 policies.yaml ({SERVICE}/ProposeBlock)" in proposals
    assert f"rate_limit.burst = 100 {SOURCE} ({SERVICE}/ProposeBlock)" in proposals
    assert f"retry_budget.ratio = 0.1 {SOURCE} ({SERVICE})" in proposals
    assert f"bulkhead.scope = peer {SOURCE} ({SERVICE}/StreamVotes)" in methods[f"{SERVICE}/StreamVotes"]


def test_a_set_without_what_it_imports_is_refused(tmp_path):
    result = run("show", "--descriptor-set", descriptor_set(PROTOS, SOURCE, tmp_path / "one.pb"))
    assert result.returncode == 1
    assert f"{SOURCE} imports bulwark/policy.proto" in result.stderr
    assert "--include_imports" in result.stderr


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ('timeout: "soon"', 'timeout is "soon"; allowed: a duration'),
        ('retry {} hedging {}', "retry is set together with hedging"),
        ('circuit_breaker { failure_threshold: nan }', "circuit_breaker.failure_threshold is nan; allowed: a number"),
    ],
)
def test_an_annotation_that_cannot_be_is_named(tmp_path, option, complaint):
    (tmp_path / "app.proto").write_text(
        f"""
        syntax = "proto3";
        package app;
        import "bulwark/policy.proto";
        message Empty {{}}
        service Service {{
          rpc Call(Empty) returns (Empty) {{ option (bulwark.policy) = {{ {option} }}; }}
        }}
        """
    )
    result = run("show", "--descriptor-set", descriptor_set(tmp_path, "app.proto", tmp_path / "a.pb", "--include_imports"))
    assert result.returncode == 1
    assert f"app.proto: app.Service/Call: {complaint}" in result.stderr
