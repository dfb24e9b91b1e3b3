from __future__ import annotations

import ast
from pathlib import Path

from grpc_tools import protoc

from lmcache_jvm import lmcache_pb2 as pb

_PROTO = Path(__file__).parents[3] / "lmcache-server/src/main/proto"


def test_committed_code_is_that_of_the_proto_file(tmp_path: Path) -> None:
    assert protoc.main(["protoc", f"-I{_PROTO}", f"--python_out={tmp_path}", "lmcache/v1/lmcache.proto"]) == 0
    made = ast.parse((tmp_path / "lmcache/v1/lmcache_pb2.py").read_text())
    # Versions of protoc differ in all of their code but this one constant, the file itself.
    descriptors = [
        node.value for node in ast.walk(made) if isinstance(node, ast.Constant) and type(node.value) is bytes
    ]
    assert pb.DESCRIPTOR.serialized_pb in descriptors, "run connectors/vllm/generate"
