"""A real vLLM with each cache in turn, side by side: what a cache costs, and what a prompt that was seen before takes.

    python3 connectors/vllm/gpu/stacks.py target/gpu-bundle

The argument is a folder with bin/lmcache (a distribution) or with a Java runtime and the jars (scripts/gpu-bundle's).
vLLM and the connector have to be installed, of whatever version; LMCache's own package for the stack of that name.
The model has the shape of Llama 3.1 8B with random weights, made here. For each stack one vLLM is started; then come
unique prompts, 16 at a time (the first lap), prompts of three lengths one by one, computed and then loaded, and unique
prompts again. Prints one table with ratios to the run without a cache. `--keep FILE` adds to what an earlier run of the
same machine measured. The stack "slow" writes at 200 MB/s at most, for which it needs root and cgroups (version 2).
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

SIZES = (2048, 8192, 32_768)
ROUNDS = 3
UNIQUE, UNIQUE_TOKENS, AT_A_TIME = 48, 4096, 16
VOCABULARY = 49_152
PORT = 8123
START_SECONDS = 300
SETTLE_SECONDS = 40
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
HOST = {"local_cpu": True, "max_local_cpu_size": 40, "chunk_size": 256}
FILES = {"local_cpu": False, "chunk_size": 256, "cufile_buffer_size": 8192}
# For each stack: what the table calls it, whose connector it is, and the cache's configuration.
STACKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "none": ("no cache", "", {}),
    "lmcache": ("LMCache in process, `local_cpu` 40 GB", "lmcache", HOST),
    "native": ("vLLM's own CPU offloading, 40 GB", "native", {}),
    "files": ("ours, `local_cpu: false`, `gds_path`", "jvm", FILES | {"gds_path": "files"}),
    "host": ("ours, `local_cpu` 40 GB alone", "jvm", HOST),
    "both": ("ours, both", "jvm", HOST | FILES | {"local_cpu": True, "max_local_cpu_size": 20, "gds_path": "both"}),
    "slow": (
        "ours, both, disk of 200 MB/s",
        "jvm",
        HOST | FILES | {"local_cpu": True, "max_local_cpu_size": 20, "gds_path": "slow"},
    ),
}
SLOW_BYTES = 200_000_000
TRANSFER = '{"kv_connector":"LMCacheConnectorV1","kv_role":"kv_both"}'


def home_of(folder: Path, scratch: Path) -> Path:
    """A folder with bin/lmcache; made here for a bundle, which has none."""
    if (folder / "bin/lmcache").exists():
        return folder
    if not (folder / "runtime").exists():
        subprocess.run(["tar", "-xzf", folder / "runtime.tar.gz", "-C", folder], check=True)
    command = scratch / "home/bin/lmcache"
    command.parent.mkdir(parents=True)
    command.write_text(
        f'#!/bin/sh\nexec "{folder}/runtime/bin/java" --enable-native-access=ALL-UNNAMED '
        f'-classpath "{folder}/lib/*" io.lmcache.cli.Main "$@"\n'
    )
    command.chmod(0o755)
    return scratch / "home"


def throttled(folder: Path) -> Path:
    """A control group whose processes write at SLOW_BYTES a second to the folder's disk."""
    root = Path("/sys/fs/cgroup")
    device = folder.stat().st_dev
    try:
        (root / "cgroup.subtree_control").write_text("+io +memory")
        group = root / f"lmcache-stacks-{os.getpid()}"
        group.mkdir()
        (group / "io.max").write_text(f"{os.major(device)}:{os.minor(device)} wbps={SLOW_BYTES}")
    except OSError as error:
        raise RuntimeError(f"this machine does not let its disk be slowed down: {error}") from error
    return group


def make_model(folder: Path) -> Path:
    """The model's shape, and a tokenizer with a word for each token."""
    from tokenizers import Tokenizer, models

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    words = {f"w{number}": number for number in range(VOCABULARY)}
    Tokenizer(models.WordLevel(words, unk_token="w0")).save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "w0", "bos_token": "w1", "eos_token": "w2"}
        )
    )
    return folder


class Vllm:
    """A vLLM server with one stack."""

    def __init__(self, name: str, model: Path, home: Path, scratch: Path, logs: Path) -> None:
        _, connector, cache = STACKS[name]
        self._log = logs / f"vllm-{name}.log"
        self._socket = scratch / f"{name}.sock"
        environment = dict(
            os.environ,
            HF_HUB_OFFLINE="1",
            VLLM_NO_USAGE_STATS="1",
            # For /reset_prefix_cache.
            VLLM_SERVER_DEV_MODE="1",
            VLLM_USE_FLASHINFER_SAMPLER="0",
            PYTHONHASHSEED="0",
            LMCACHE_JVM_HOME=str(home),
            LMCACHE_JVM_SOCKET=str(self._socket),
            LMCACHE_JVM_CONNECTOR="lmcache" if connector == "lmcache" else "jvm",
            LMCACHE_USE_EXPERIMENTAL="True",
        )
        if cache:
            configuration = scratch / f"{name}.yaml"
            if "gds_path" in cache:
                cache = cache | {"gds_path": str(scratch / cache["gds_path"])}
                Path(cache["gds_path"]).mkdir()
            configuration.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in cache.items()))
            environment["LMCACHE_CONFIG_FILE"] = str(configuration)
        command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(model), "--port", str(PORT)]
        command += ["--served-model-name", "m", "--load-format", "dummy", "--max-model-len", "65536", "--enforce-eager"]
        command += ["--gpu-memory-utilization", "0.7", "--max-num-batched-tokens", "8192"]
        if connector == "native":
            command += ["--kv-offloading-backend", "native", "--kv-offloading-size", "40"]
        elif connector:
            command += ["--kv-transfer-config", TRANSFER]
        if name == "slow":
            group = throttled(scratch)
            # The cache server is a child of vLLM.
            command = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True, cwd=scratch
            )

    def __enter__(self) -> Vllm:
        began = time.monotonic()
        while time.monotonic() - began < START_SECONDS and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=2)
                return self
            except OSError:
                time.sleep(0.5)
        self.__exit__()
        raise RuntimeError(
            "vLLM did not start:\n" + "\n".join(self._log.read_text(errors="replace").splitlines()[-30:])
        )

    def __exit__(self, *failure: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=25)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        # The cache server outlives it.
        lock = self._socket.with_name(self._socket.name + ".lock")
        if lock.exists():
            server_log = self._socket.with_suffix(".log")
            if server_log.exists():
                server_log.rename(self._log.with_name(self._log.stem.replace("vllm", "server") + ".log"))
            os.kill(int(lock.read_text().split()[0]), signal.SIGTERM)
            time.sleep(3)

    def ask(self, prompt: list[int], tokens: int = 1) -> float:
        """How long an answer takes, in seconds."""
        body = {"model": "m", "prompt": prompt, "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
        request = urllib.request.Request(
            f"http://127.0.0.1:{PORT}/v1/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()
        return time.monotonic() - began

    def forget(self) -> None:
        """Empties vLLM's own prefix cache, and nothing else."""
        url = f"http://127.0.0.1:{PORT}/reset_prefix_cache"
        urllib.request.urlopen(urllib.request.Request(url, b"", method="POST"), timeout=30).read()

    def settle(self) -> None:
        """Waits until the cache server has the memory it wants and has written what it was given, but not for long."""
        lock = self._socket.with_name(self._socket.name + ".lock")
        if not lock.exists():
            time.sleep(2)
            return
        process = Path("/proc", lock.read_text().split()[0])
        before, end = "", time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < end:
            written = [line for line in (process / "io").read_text().splitlines() if line.startswith("write_bytes")]
            resident = int((process / "statm").read_text().split()[1]) >> 14
            now = f"{resident} {written}"
            if now == before:
                return
            before = now
            time.sleep(2)

    def counters(self) -> dict[str, int]:
        """What the connector counted."""
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=10) as answer:
            lines = [line for line in answer.read().decode().splitlines() if line.startswith("vllm:lmcache_jvm")]
        counts = {line.split("{")[0].removeprefix("vllm:lmcache_jvm_"): int(float(line.split()[-1])) for line in lines}
        return {name: count for name, count in counts.items() if count and not name.endswith("_created")}


def tokens_of(seed: int, count: int) -> list[int]:
    """A prompt."""
    dice = random.Random(seed)
    return [dice.randrange(10, VOCABULARY) for _ in range(count)]


def unique(vllm: Vllm, seed: int, count: int = UNIQUE) -> float:
    """Tokens a second of prompts that nobody has seen."""
    prompts = [tokens_of(seed + number, UNIQUE_TOKENS) for number in range(count)]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as clients:
        list(clients.map(lambda prompt: vllm.ask(prompt, 16), prompts))
    return count * UNIQUE_TOKENS / (time.monotonic() - began)


def one_by_one(vllm: Vllm) -> tuple[list[float], list[float]]:
    """For each size the median milliseconds, computed and loaded."""
    computed, loaded = [], []
    for size in SIZES:
        prompts = [tokens_of(size + number, size) for number in range(ROUNDS)]
        computed.append(1000 * statistics.median(vllm.ask(prompt) for prompt in prompts))
        vllm.settle()
        times = []
        for prompt in prompts:
            vllm.forget()
            times.append(vllm.ask(prompt))
        loaded.append(1000 * statistics.median(times))
    return computed, loaded


def measure(vllm: Vllm) -> dict[str, Any]:
    """A row of the table."""
    vllm.ask(tokens_of(1, 3000), 4)
    unique(vllm, 1_000_000, 4)
    laps = [unique(vllm, 2_000_000)]
    vllm.settle()
    computed, loaded = one_by_one(vllm)
    laps += [unique(vllm, 3_000_000), unique(vllm, 4_000_000)]
    return {"computed": computed, "loaded": loaded, "laps": laps, "counters": vllm.counters()}


def print_table(rows: dict[str, dict[str, Any]]) -> None:
    """All that was measured, with ratios to the run without a cache."""
    base = rows.get("none")
    print(
        "\n| stack | computed, ms | ratio | loaded, ms | tokens/s: first lap, second, third | ratio |"
        "\n|---|---|---|---|---|---|"
    )
    for name, row in rows.items():
        computed = " / ".join(f"{value:.0f}" for value in row["computed"])
        # Without a cache the second time is one more computation.
        loaded = " / ".join(f"{value:.0f}" for value in row["loaded"]) if name != "none" else ""
        laps = " / ".join(f"{value:,.0f}" for value in row["laps"])
        slower = faster = ""
        if base is not None and name != "none":
            pairs = zip(row["computed"], base["computed"], strict=True)
            slower = " / ".join(f"{mine / theirs:.2f}" for mine, theirs in pairs)
            best = statistics.median(base["laps"])
            faster = " / ".join(f"{lap / best:.2f}" for lap in row["laps"])
        print(f"| {STACKS[name][0]} | {computed} | {slower} | {loaded} | {laps} | {faster} |")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("home", type=Path)
    arguments.add_argument("--stacks", nargs="+", default=list(STACKS), choices=list(STACKS))
    arguments.add_argument("--logs", type=Path, default=Path())
    arguments.add_argument("--keep", type=Path)
    given = arguments.parse_args()
    rows = json.loads(given.keep.read_text()) if given.keep and given.keep.exists() else {}
    failed = False
    with tempfile.TemporaryDirectory(prefix="lmcache-stacks-") as folder:
        scratch = Path(folder)
        home = home_of(given.home.resolve(), scratch)
        model = make_model(scratch / "model")
        for name in given.stacks:
            began = time.monotonic()
            try:
                with Vllm(name, model, home, scratch, given.logs.resolve()) as vllm:
                    started = time.monotonic() - began
                    rows[name] = measure(vllm)
            except (OSError, RuntimeError) as error:
                # The other stacks may still tell something.
                print(f"{name}: {error}")
                failed = True
                continue
            print(
                f"{name}: started in {started:.0f} s, {time.monotonic() - began:.0f} s in all; {rows[name]['counters']}"
            )
            if given.keep:
                given.keep.write_text(json.dumps(rows))
    import torch
    import vllm as installed

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(
        f"{gpu}, {platform.node()}, vLLM {installed.__version__}, torch {torch.__version__}, "
        f"{time.strftime('%Y-%m-%d')}"
    )
    print_table(rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
