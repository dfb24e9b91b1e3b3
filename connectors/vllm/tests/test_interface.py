"""The connector against the connector interface of several vLLMs, the newest among them, as their sources have it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from vllm_source import NEWEST, VERSIONS, Source, Unreachable

_HERE = Path(__file__).parent
# Methods that not all versions call, with the first of the checked ones that does.
_SINCE = {
    "requires_kv_delivery": (0, 30, 0),
    "restore_kv_caches": (0, 31, 0),
    "unregister_kv_caches": (0, 31, 0),
}
# Methods that newer versions no longer have, with the first of the checked ones without.
_UNTIL = {
    "prefer_cross_layer_blocks": (0, 30, 0),
    "register_cross_layers_kv_cache": (0, 30, 0),
}
# Where vLLM passes something else under another name, and the connector takes either.
_RENAMED = {("handle_preemptions", (0, 18))}
_CONNECTORS = "vllm/distributed/kv_transfer/kv_connector"


@pytest.fixture(scope="module", params=[*VERSIONS, NEWEST])
def vllm(request: pytest.FixtureRequest) -> Source:
    try:
        source = Source(request.param)
    except Unreachable as error:
        pytest.skip(f"vLLM's source package was not to be had: {error}")
    print(f"vLLM {source.version}")
    return source


def methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {part.name: part for part in node.body if isinstance(part, ast.FunctionDef)}


def parameters(method: ast.FunctionDef) -> tuple[list[str], int, bool]:
    """Names in order, how many have no default, and whether there is a **kwargs."""
    arguments = method.args
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args]]
    return names, len(names) - len(arguments.defaults), arguments.kwarg is not None


def decorators(method: ast.FunctionDef) -> set[str]:
    return {decorator.id for decorator in method.decorator_list if isinstance(decorator, ast.Name)}


def local(path: Path, name: str) -> ast.ClassDef:
    return next(
        node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef) and node.name == name
    )


@pytest.fixture(scope="module")
def base(vllm: Source) -> ast.ClassDef:
    return vllm.classes(f"{_CONNECTORS}/v1/base.py")["KVConnectorBase_V1"]


@pytest.fixture(scope="module")
def connector() -> ast.ClassDef:
    return local(_HERE.parent / "src/lmcache_jvm/vllm.py", "LMCacheConnectorV1")


def test_every_abstract_method_is_there(base: ast.ClassDef, connector: ast.ClassDef) -> None:
    abstract = {name for name, method in methods(base).items() if "abstractmethod" in decorators(method)}
    assert "get_num_new_matched_tokens" in abstract
    assert abstract <= methods(connector).keys()


def test_every_method_is_one_of_vllms_with_its_parameters(
    vllm: Source, base: ast.ClassDef, connector: ast.ClassDef
) -> None:
    theirs = methods(base)
    own = {name: method for name, method in methods(connector).items() if name == "__init__" or name[0] != "_"}
    for name, method in own.items():
        if name not in theirs:
            number = vllm.number()
            known = number < _SINCE.get(name, ()) or number >= _UNTIL.get(name, (99,))
            assert known, f"vLLM {vllm.version} does not call {name}"
            continue
        names, required, more = parameters(method)
        their_names, _, their_more = parameters(theirs[name])
        if (name, vllm.number()[:2]) not in _RENAMED:
            assert names == their_names, name
        # vLLM passes at least what its own method requires; the factory passes all three to __init__.
        assert more == their_more and (name == "__init__" or required == parameters(theirs[name])[1]), name
        assert decorators(method) == decorators(theirs[name]) - {"abstractmethod"}, name


def test_the_factory_passes_all_that_the_connector_takes(vllm: Source) -> None:
    assert "return connector_cls(config, role, kv_cache_config)" in vllm.text(f"{_CONNECTORS}/factory.py")


def test_stand_in_is_true_to_vllm(vllm: Source, base: ast.ClassDef) -> None:
    if vllm.number()[:2] < (0, 26):
        pytest.skip("the stand-in is that of newer versions")
    stand_in = methods(local(_HERE / f"standin/{_CONNECTORS}/v1/base.py", "KVConnectorBase_V1"))
    for name, method in stand_in.items():
        assert parameters(method) == parameters(methods(base)[name]), name


def test_metrics_are_vllms(vllm: Source) -> None:
    theirs = vllm.classes(f"{_CONNECTORS}/v1/metrics.py")
    own = _HERE.parent / "src/lmcache_jvm/vllm_stats.py"
    for ours, base in (("Stats", "KVConnectorStats"), ("PrometheusCounters", "KVConnectorPromMetrics")):
        for name, method in methods(local(own, ours)).items():
            assert parameters(method) == parameters(methods(theirs[base])[name]), f"{ours}.{name}"


def test_registry_is_where_the_plugin_looks(vllm: Source) -> None:
    factory = vllm.classes(f"{_CONNECTORS}/factory.py")["KVConnectorFactory"]
    fields = {part.target.id for part in factory.body if isinstance(part, ast.AnnAssign)}  # type: ignore[union-attr]
    assert "_registry" in fields
    assert parameters(methods(factory)["register_connector"])[0][1:] == ["name", "module_path", "class_name"]


def test_engine_calls_only_what_vllm_has(base: ast.ClassDef) -> None:
    """The tests' engine would prove nothing by calls that vLLM does not make."""
    tree = ast.parse((_HERE / "engine.py").read_text())
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in ("worker", "self.scheduler", "part")
    }
    assert len(called) > 10
    assert called <= methods(base).keys()


def test_what_is_read_of_requests_and_steps_is_there(vllm: Source) -> None:
    output = vllm.classes("vllm/v1/core/sched/output.py")
    for name, read in {
        "NewRequestData": {"req_id", "block_ids", "num_computed_tokens"},
        "CachedRequestData": {"req_ids", "resumed_req_ids", "new_block_ids", "num_computed_tokens"},
        "SchedulerOutput": {
            "scheduled_new_reqs",
            "scheduled_cached_reqs",
            "num_scheduled_tokens",
            "preempted_req_ids",
        },
    }.items():
        fields = {ast.unparse(part.target) for part in output[name].body if isinstance(part, ast.AnnAssign)}
        assert read <= fields, name
    request = ast.unparse(methods(vllm.classes("vllm/v1/request.py")["Request"])["__init__"])
    for field in (
        "request_id",
        "prompt_token_ids",
        "prompt_embeds",
        "kv_transfer_params",
        "cache_salt",
        "lora_request",
        "mm_features",
        "num_preemptions",
    ):
        assert f"self.{field}" in request, field
    assert "num_tokens" in methods(vllm.classes("vllm/v1/request.py")["Request"])


def test_load_failure_policy_is_read_after_the_connector_is_made(vllm: Source) -> None:
    init = ast.unparse(methods(vllm.classes("vllm/v1/core/sched/scheduler.py")["Scheduler"])["__init__"])
    assert init.index("create_connector(") < init.index(".kv_load_failure_policy")


_SCHEDULER = "vllm/v1/core/sched/scheduler.py"


def scheduler(vllm: Source, method: str) -> str:
    return ast.unparse(methods(vllm.classes(_SCHEDULER)["Scheduler"])[method])


def test_blocks_of_a_request_are_freed_when_it_was_sent(vllm: Source) -> None:
    """Saves go on after their request is over: vLLM must keep its blocks until the workers say that they were sent."""
    freed = scheduler(vllm, "_update_from_kv_xfer_finished")
    assert "finished_sending" in freed
    assert "_free_blocks(" in freed[freed.index("finished_sending") :]


def test_a_loaded_request_is_scheduled_when_it_was_received(vllm: Source) -> None:
    assert "finished_recving_kv_req_ids" in scheduler(vllm, "_update_from_kv_xfer_finished")
    # What was promised and did not arrive is computed, from the first block that is missing.
    assert "failed_recving_kv_req_ids" in scheduler(vllm, "_update_waiting_for_remote_kv")
    assert "invalid_block_ids" in vllm.text(_SCHEDULER)


def test_preempted_requests_are_told_before_their_blocks_are_written(vllm: Source) -> None:
    runner = vllm.text("vllm/v1/worker/gpu_model_runner.py")
    step = runner[runner.index("    def execute_model(") :]
    assert step.index(".handle_preemptions(") < step.index("._model_forward(")


def test_requests_that_must_not_read_a_cache_say_so(vllm: Source) -> None:
    assert "self.skip_reading_prefix_cache" in vllm.text("vllm/v1/request.py")
