from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "standin"))

from real_server import RealServer

_ROOT = Path(__file__).parents[3]

# Servers start sooner so. Not in RealServer itself: gpu/measure.py has one, too.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


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


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[RealServer]:
    """A server for all tests, which tell their KV apart by the model."""
    with tempfile.TemporaryDirectory() as folder, RealServer(Path(folder), home) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path, home: Path) -> Iterator[RealServer]:
    """A server for one test alone."""
    with RealServer(tmp_path, home) as server:
        yield server


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """A model that no other test has."""
    return str(request.node.name)
