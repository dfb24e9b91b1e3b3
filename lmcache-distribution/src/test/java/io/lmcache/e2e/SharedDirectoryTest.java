package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.hash.Blake3ChunkHasher;
import io.lmcache.core.hash.ChunkHasher;
import io.lmcache.core.hash.HashSeed;
import io.lmcache.core.hash.Sha256CborChunkHasher;
import io.lmcache.core.hash.Sha256ChunkHasher;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several engines on one directory. */
class SharedDirectoryTest {
    private static final int[] PROMPT = TestEngine.prompt(1024);

    @TempDir
    private Path directory;

    @Test
    void storeWritesAgainWhatAnotherEngineRemoved() {
        try (LmcacheStack one = builder().build();
                LmcacheStack other = builder().build()) {
            assertThat(TestEngine.store(one, PROMPT)).isEqualTo(Map.of("posix", 1024));
            assertThat(other.cache(TestEngine.SCOPE).remove(PROMPT)).isEqualTo(1024);
            assertThat(TestEngine.store(one, PROMPT)).isEqualTo(Map.of("posix", 1024));
            assertThat(TestEngine.retrieveAll(other, PROMPT)).isEqualTo(Map.of("posix", 1024));
        }
    }

    @Test
    void enginesOfDifferentChunkSizesSeeTheirOwnOnly() {
        try (LmcacheStack large = builder().chunkSize(256).build();
                LmcacheStack small = builder().chunkSize(64).build()) {
            TestEngine.store(large, PROMPT);
            assertThat(small.cache(TestEngine.SCOPE).lookup(PROMPT)).isZero();
            TestEngine.store(small, PROMPT);
            assertThat(TestEngine.retrieveAll(large, PROMPT)).isEqualTo(Map.of("posix", 1024));
            assertThat(TestEngine.retrieveAll(small, PROMPT)).isEqualTo(Map.of("posix", 1024));
        }
    }

    @Test
    void enginesOfDifferentHashesSeeTheirOwnOnly() {
        List<ChunkHasher> hashers = List.of(
                new Sha256ChunkHasher(),
                new Blake3ChunkHasher(),
                new Sha256CborChunkHasher(new HashSeed.Fixed(0)),
                new Sha256CborChunkHasher(new HashSeed.Fixed(1)));
        for (ChunkHasher hasher : hashers) {
            try (LmcacheStack stack = builder().hasher(hasher).build()) {
                assertThat(stack.cache(TestEngine.SCOPE).lookup(PROMPT)).isZero();
                TestEngine.store(stack, PROMPT);
                assertThat(TestEngine.retrieveAll(stack, PROMPT)).isEqualTo(Map.of("posix", 1024));
            }
        }
    }

    private LmcacheStack.Builder builder() {
        return LmcacheStack.builder().tier("posix", Map.of("path", directory.toString()));
    }
}
