from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "standin"))

from real_server import RealServer

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def seeded() -> random.Random:
    """Random numbers; the seed is printed when the test fails, and LMCACHE_TEST_SEED repeats it."""
    seed = int(os.environ.get("LMCACHE_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"LMCACHE_TEST_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def home() -> Path:
    """The distribution's folder."""
    home = Path(os.environ.get("LMCACHE_JVM_HOME", _ROOT / "lmcache-distribution/target/lmcache"))
    if not (home / "bin/lmcache").exists():
        pytest.skip(f"there is no distribution in {home}; ./mvnw package makes it")
    return home


@pytest.fixture
def server(tmp_path: Path, home: Path) -> Iterator[RealServer]:
    """A server of this test's own, on files of its own."""
    with RealServer(tmp_path, home) as server:
        yield server
