"""Models of every kind in a real vLLM: whether what comes back from the cache gives the tokens that were computed.

    python3 connectors/vllm/gpu/models.py target/gpu-bundle --real /tmp/smol --logs logs --keep models.json

The argument is a folder with bin/lmcache, or scripts/gpu-bundle's. vLLM and the connector have to be installed. The
models are small ones with random weights, made here by transformers: dense, sliding windows beside full attention
(Gemma 3), Mamba beside attention (Granite 4), latent attention (DeepSeek V2); --real adds a folder with a model.

For each model one vLLM computes some prompts, computes them once more, and takes them from its own prefix cache. Then,
for each way, a vLLM computes them with an empty cache; vLLM and cache server end; and new ones of both answer the
prompts from what is on the disk. Ways are `connector` (LMCacheConnectorV1), `offloading` (LMCacheOffloadingConnector)
and `fs` (vLLM's own tier of files below its offloading). A row that fails does not stop the others, has a time limit,
and is tried again by the next call with the same --keep, which leaves out what is there.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from stacks import home_of

VOCABULARY = 16_384
LAYERS = 8
# Tokens of each prompt; one more than a multiple of what vLLM caches, for most block sizes.
LENGTHS = (2049, 3073, 4097, 1537, 2561, 5121)
# Of an answer; short, since one token that differs changes all that follow.
ANSWER = 8
KV_BYTES = 2 << 30
CONNECT_SECONDS = 60
REGISTER_SECONDS = 8
OFFLOAD_BYTES = 2 << 30
_COMMON = {
    "vocab_size": VOCABULARY,
    "num_hidden_layers": LAYERS,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10_000.0,
    "torch_dtype": "bfloat16",
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    # Large enough for attention to look at more than the mean of a prompt.
    "initializer_range": 0.08,
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "dense": (
        "dense (Llama's shape)",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": 1024,
            "intermediate_size": 2816,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "head_dim": 128,
            "hidden_act": "silu",
            "tie_word_embeddings": False,
        },
    ),
    "sliding": (
        "sliding windows and full attention (Gemma 3's shape)",
        {
            "architectures": ["Gemma3ForCausalLM"],
            "model_type": "gemma3_text",
            "hidden_size": 1024,
            "intermediate_size": 2816,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "head_dim": 128,
            "query_pre_attn_scalar": 128,
            "hidden_activation": "gelu_pytorch_tanh",
            "sliding_window": 512,
            "layer_types": (["sliding_attention"] * 3 + ["full_attention"]) * (LAYERS // 4),
            "rope_local_base_freq": 10_000.0,
        },
    ),
    "mamba": (
        "Mamba and attention (Granite 4's shape)",
        {
            "architectures": ["GraniteMoeHybridForCausalLM"],
            "model_type": "granitemoehybrid",
            "hidden_size": 1024,
            "intermediate_size": 2816,
            "shared_intermediate_size": 2816,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "layer_types": (["mamba"] * 3 + ["attention"]) * (LAYERS // 4),
            "num_local_experts": 0,
            "num_experts_per_tok": 0,
            "mamba_n_heads": 32,
            "mamba_d_head": 64,
            "mamba_d_state": 64,
            "mamba_n_groups": 1,
            "mamba_d_conv": 4,
            "mamba_expand": 2,
            "mamba_chunk_size": 256,
            "position_embedding_type": "nope",
            "hidden_act": "silu",
            "embedding_multiplier": 1.0,
            "attention_multiplier": 0.088,
            "residual_multiplier": 1.0,
            "logits_scaling": 1.0,
            "tie_word_embeddings": False,
        },
    ),
    "latent": (
        "latent attention (DeepSeek V2's shape)",
        {
            "architectures": ["DeepseekV2ForCausalLM"],
            "model_type": "deepseek_v2",
            "hidden_size": 1024,
            "intermediate_size": 2816,
            "moe_intermediate_size": 512,
            "num_attention_heads": 16,
            "num_key_value_heads": 16,
            "q_lora_rank": None,
            "kv_lora_rank": 512,
            "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64,
            "v_head_dim": 128,
            # All layers are dense.
            "n_routed_experts": 8,
            "num_experts_per_tok": 2,
            "n_shared_experts": 1,
            "first_k_dense_replace": LAYERS,
            "hidden_act": "silu",
            "tie_word_embeddings": False,
        },
    ),
}
REAL = "real"
WAYS = {
    "connector": {"kv_connector": "LMCacheConnectorV1", "kv_role": "kv_both"},
    "offloading": {
        "kv_connector": "LMCacheOffloadingConnector",
        "kv_role": "kv_both",
        "kv_connector_extra_config": {"cpu_bytes_to_use": OFFLOAD_BYTES},
    },
    "fs": {
        "kv_connector": "OffloadingConnector",
        "kv_role": "kv_both",
        "kv_connector_extra_config": {
            "cpu_bytes_to_use": OFFLOAD_BYTES,
            "spec_name": "TieringOffloadingSpec",
            "secondary_tiers": [{"type": "fs", "root_dir": "FILES"}],
        },
    },
}


def make_model(folder: Path, config: dict[str, Any]) -> str:
    """The model's files; how vLLM has to load them."""
    folder.mkdir()
    try:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        settings = _COMMON | config
        made = AutoConfig.for_model(settings["model_type"], **{k: v for k, v in settings.items() if k != "model_type"})
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(made).to(torch.bfloat16)
        model.save_pretrained(folder)
        return "auto"
    except Exception as error:
        # Its class may be unknown to this transformers, and known to vLLM.
        print(f"{folder.name}: transformers did not make it ({error!r}); vLLM makes up the weights", flush=True)
        (folder / "config.json").write_text(json.dumps(_COMMON | config))
        return "dummy"


def tokens_of(seed: int, count: int) -> list[int]:
    """A prompt."""
    dice = random.Random(seed)
    return [dice.randrange(10, VOCABULARY) for _ in range(count)]


PROMPTS = [tokens_of(number, count) for number, count in enumerate(LENGTHS)]
# The same ends after other beginnings: models whose answers are the same then prove nothing.
OTHERS = [
    tokens_of(100 + number, len(prompt) // 2) + prompt[len(prompt) // 2 :] for number, prompt in enumerate(PROMPTS)
]


# In the processes that have a vLLM each.


def enliven(model: Any) -> None:
    """vLLM's made-up weights are so small that answers do not depend on attention; makes them larger."""
    for name, weight in model.named_parameters():
        if weight.dim() == 1 and "norm" in name:
            weight.data.fill_(1)
        elif weight.dim() > 1:
            weight.data.mul_(80)


def await_server() -> None:
    """vLLM does not wait for the cache server, and small models are done with all prompts before it is there."""
    socket = Path(os.environ["LMCACHE_JVM_SOCKET"])
    end = time.monotonic() + CONNECT_SECONDS
    while not socket.exists() and time.monotonic() < end:
        time.sleep(0.1)
    # Until the KV cache is registered.
    time.sleep(REGISTER_SECONDS)


def child(job: dict[str, Any]) -> dict[str, Any]:
    """What one vLLM answers."""
    from vllm import LLM, SamplingParams

    began = time.monotonic()
    llm = LLM(
        model=job["model"],
        load_format=job["load_format"],
        skip_tokenizer_init=True,
        dtype="bfloat16",
        max_model_len=8192,
        max_num_batched_tokens=8192,
        max_num_seqs=4,
        enforce_eager=True,
        enable_prefix_caching=True,
        gpu_memory_utilization=0.2,
        kv_cache_memory_bytes=KV_BYTES,
        disable_log_stats=False,
        seed=0,
        kv_transfer_config=job["transfer"],
    )
    if job["load_format"] == "dummy":
        llm.apply_model(enliven)
    greedy = SamplingParams(temperature=0, max_tokens=ANSWER, ignore_eos=True, detokenize=False)

    cached = 0

    def answers(prompts: list[list[int]]) -> list[list[int]]:
        nonlocal cached
        tokens = []
        # One by one, so that shapes, and with them roundings, are those of the other runs.
        for prompt in prompts:
            output = llm.generate([{"prompt_token_ids": prompt}], greedy, use_tqdm=False)[0]
            # Of its own prefix cache, which is empty at first, and of what lies below.
            cached += output.num_cached_tokens or 0
            tokens.append(list(output.outputs[0].token_ids))
        return tokens

    result: dict[str, Any] = {"started": time.monotonic() - began}
    if job["transfer"] is None:
        answers([tokens_of(99, 64)])
        result["computed"] = answers(PROMPTS)
        # Its own prefix cache: the shapes are those of what is loaded.
        result["own"] = answers(PROMPTS)
        llm.reset_prefix_cache()
        result["again"] = answers(PROMPTS)
        result["others"] = answers(OTHERS)
    else:
        if "LMCACHE_JVM_SOCKET" in os.environ:
            await_server()
        result["answers"] = answers(PROMPTS)
        result["loaded"] = cached
        # What is being stored is stored while vLLM goes on.
        for _ in range(3):
            time.sleep(1.5)
            answers([tokens_of(int(time.time()), 32)])
    counters = {metric.name: getattr(metric, "value", None) for metric in llm.get_metrics()}
    result.setdefault("loaded", 0)
    result["counters"] = {
        name: value for name, value in counters.items() if value and ("lmcache" in name or "kv_offload" in name)
    }
    return result


# In the process that has none.


class Runner:
    """Runs vLLMs, a few at a time, and keeps what they said."""

    def __init__(self, given: argparse.Namespace, scratch: Path) -> None:
        self._given = given
        self._scratch = scratch
        self._home = home_of(given.home.resolve(), scratch)
        self._logs = given.logs.resolve()
        self._lock = threading.Lock()
        self.rows: dict[str, Any] = {}
        if given.keep and given.keep.exists():
            self.rows = json.loads(given.keep.read_text())
        self._models: dict[str, tuple[str, str]] = {}

    def make(self, family: str) -> None:
        if family == REAL:
            self._models[family] = str(self._given.real.resolve()), "auto"
        else:
            folder = self._scratch / family
            self._models[family] = str(folder), make_model(folder, MODELS[family][1])

    def keep(self, name: str, row: dict[str, Any]) -> None:
        with self._lock:
            self.rows[name] = row
            if self._given.keep:
                self._given.keep.write_text(json.dumps(self.rows))
        said = row.get("failed") or f"{row.get('seconds', 0):.0f} s, loaded {row.get('loaded', '')}"
        print(f"{name}: {said}", flush=True)

    def row(self, family: str, way: str) -> None:
        """One row; whatever happens, it is kept."""
        name = f"{family}/{way}"
        if not self.rows.get(name, {"failed": True}).get("failed"):
            return
        began = time.monotonic()
        try:
            row = self._base(family) if way == "none" else self._way(family, way)
        except Exception as error:
            row = {"failed": str(error)[-2000:]}
        self.keep(name, row | {"seconds": time.monotonic() - began})

    def _base(self, family: str) -> dict[str, Any]:
        return self._run(family, "none", "computed", None, {})

    def _way(self, family: str, way: str) -> dict[str, Any]:
        folder = self._scratch / f"{family}-{way}"
        # Of an earlier try.
        subprocess.run(["rm", "-rf", folder], check=True)
        folder.mkdir()
        transfer = json.loads(json.dumps(WAYS[way]).replace("FILES", str(folder / "files")))
        configuration = folder / "lmcache.yaml"
        configuration.write_text(
            f"chunk_size: 256\nlocal_cpu: true\nmax_local_cpu_size: 4\ngds_path: {folder / 'files'}\n"
            "cufile_buffer_size: 1024\n"
        )
        environment = {
            "LMCACHE_CONFIG_FILE": str(configuration),
            "LMCACHE_JVM_HOME": str(self._home),
            "LMCACHE_JVM_SOCKET": str(folder / "run/s.sock"),
            "LMCACHE_JVM_CONNECTOR": "jvm",
            "LMCACHE_JVM_LOOKUP_SECONDS": "10",
        }
        cold = self._run(family, way, "cold", transfer, environment)
        self._end_server(folder)
        warm = self._run(family, way, "warm", transfer, environment)
        self._end_server(folder)
        subprocess.run(["rm", "-rf", folder / "files"], check=True)
        return {
            "cold": cold["answers"],
            "warm": warm["answers"],
            "loaded": warm["loaded"],
            "loaded_cold": cold["loaded"],
            "counters": warm["counters"],
        }

    def _run(
        self, family: str, way: str, phase: str, transfer: dict[str, Any] | None, environment: dict[str, str]
    ) -> dict[str, Any]:
        name = f"{family}-{way}-{phase}"
        model, load_format = self._models[family]
        job = self._scratch / f"{name}.json"
        answer = self._scratch / f"{name}.out"
        job.write_text(json.dumps({"model": model, "load_format": load_format, "transfer": transfer}))
        log = self._logs / f"{name}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, __file__, "--child", str(job), str(answer)],
                env=os.environ
                | {
                    "HF_HUB_OFFLINE": "1",
                    "VLLM_NO_USAGE_STATS": "1",
                    "VLLM_USE_FLASHINFER_SAMPLER": "0",
                    # For a function to reach the worker.
                    "VLLM_ALLOW_INSECURE_SERIALIZATION": "1",
                    # vLLM's fs tier finds nothing after a restart without it.
                    **({"PYTHONHASHSEED": "0"} if way == "fs" else {}),
                    **environment,
                },
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=self._scratch,
            )
            try:
                process.wait(timeout=self._given.seconds)
            except subprocess.TimeoutExpired:
                output.write(f"\n{name} took more than {self._given.seconds} s\n")
            finally:
                # The engine is in a process of its own, which may outlive a failure.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if answer.exists():
            return dict(json.loads(answer.read_text()))
        raise RuntimeError(f"{phase}: {_last_error(log)}")

    def _end_server(self, folder: Path) -> None:
        lock = folder / "run/s.sock.lock"
        if not lock.exists():
            return
        with contextlib.suppress(ProcessLookupError, ValueError, IndexError):
            number = int(lock.read_text().split()[0])
            os.kill(number, signal.SIGTERM)
            deadline = time.monotonic() + 25
            while time.monotonic() < deadline and Path(f"/proc/{number}").exists():
                time.sleep(0.1)
        log = folder / "run/s.log"
        if log.exists():
            with (self._logs / f"server-{folder.name}.log").open("a") as all_of_it:
                all_of_it.write(log.read_text(errors="replace"))
            log.unlink()


def _last_error(log: Path) -> str:
    """The line that says most."""
    lines = log.read_text(errors="replace").splitlines()
    errors = [line for line in lines if "Error" in line and "EngineCore failed" not in line and "raise " not in line]
    return (errors or lines or ["no output"])[-1].strip()[-300:]


def equal(first: list[list[int]] | None, second: list[list[int]] | None) -> str:
    """How many answers are the same."""
    if first is None or second is None:
        return ""
    return f"{sum(one == other for one, other in zip(first, second, strict=True))} of {len(first)}"


def print_table(rows: dict[str, Any], real: str) -> None:
    """What was found out."""
    print(
        "\n| model | way | tokens loaded | equal to computed | to vLLM's own prefix cache |\n|---|---|---|---|---|",
    )
    titles = {family: title for family, (title, _) in MODELS.items()} | {REAL: real}
    for family, title in titles.items():
        base = rows.get(f"{family}/none")
        if base is None:
            continue
        if base.get("failed"):
            print(f"| {title} | no cache | | failed: {base['failed']} | |")
            continue
        print(
            f"| {title} | no cache, once more | 0 | {equal(base['again'], base['computed'])} | "
            f"{equal(base['own'], base['computed'])} (prefix cache against computed) |"
        )
        different = sum(one != other for one, other in zip(base["others"], base["computed"], strict=True))
        if different < len(PROMPTS):
            print(
                f"| | other beginnings of the prompts give other answers for {different} of {len(PROMPTS)} only | | | |"
            )
        for way in WAYS:
            row = rows.get(f"{family}/{way}")
            if row is None:
                continue
            if row.get("failed"):
                print(f"| | {way} | | failed: {row['failed']} | |")
                continue
            print(
                f"| | {way}, empty | {row['loaded_cold']} | {equal(row['cold'], base['computed'])} | |\n"
                f"| | {way}, after a restart of everything | {row['loaded']} of {sum(LENGTHS)} | "
                f"{equal(row['warm'], base['computed'])} | {equal(row['warm'], base['own'])} |"
            )


def main() -> int:
    if sys.argv[1] == "--child":
        answer = child(json.loads(Path(sys.argv[2]).read_text()))
        Path(sys.argv[3]).write_text(json.dumps(answer))
        return 0
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("home", type=Path)
    arguments.add_argument("--real", type=Path, help="a folder with a model and its weights")
    arguments.add_argument("--models", nargs="+", default=[*MODELS, REAL], choices=[*MODELS, REAL])
    arguments.add_argument("--ways", nargs="+", default=["connector", "offloading"], choices=list(WAYS))
    arguments.add_argument("--logs", type=Path, default=Path())
    arguments.add_argument("--keep", type=Path)
    arguments.add_argument("--at-a-time", type=int, default=4, help="how many vLLMs share the GPU")
    arguments.add_argument("--seconds", type=int, default=200, help="the longest that one vLLM may take")
    given = arguments.parse_args()
    given.logs.mkdir(parents=True, exist_ok=True)
    families = [family for family in given.models if family != REAL or given.real]
    with tempfile.TemporaryDirectory(prefix="lmcache-models-", ignore_cleanup_errors=True) as folder:
        runner = Runner(given, Path(folder))
        for family in families:
            runner.make(family)
        jobs = [(family, way) for way in ("none", *given.ways) for family in families]
        with concurrent.futures.ThreadPoolExecutor(given.at_a_time) as pool:
            list(pool.map(lambda job: runner.row(*job), jobs))
    try:
        import torch
        import vllm as installed

        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
        print(
            f"{gpu}, {platform.node()}, vLLM {installed.__version__}, torch {torch.__version__}, "
            f"{time.strftime('%Y-%m-%d')}"
        )
    except ImportError as error:
        print(f"{platform.node()}, {error}, {time.strftime('%Y-%m-%d')}")
    print_table(runner.rows, f"real weights ({given.real.name})" if given.real else "real weights")
    return 1 if any(runner.rows.get(f"{family}/{way}", {}).get("failed") for family, way in jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
