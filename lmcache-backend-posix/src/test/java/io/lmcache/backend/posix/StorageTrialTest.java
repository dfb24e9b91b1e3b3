package io.lmcache.backend.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.diagnosis.StorageTrial;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StorageTrialTest {
    private static final long MIB = 1 << 20;

    @TempDir
    private Path root;

    private StorageBackend backend;

    @BeforeEach
    void open() {
        backend = open(128 * MIB, 0);
    }

    /** Fails when the trial has kept a lease. */
    @AfterEach
    void close() {
        backend.close();
    }

    private StorageBackend open(long stagingBytes, long maxBytes) {
        Map<String, String> settings = Map.of(
                "path", root.toString(),
                "staging_bytes", Long.toString(stagingBytes),
                "max_bytes", Long.toString(maxBytes));
        return new PosixBackendProvider()
                .create(BackendSettings.of("posix", settings), new BackendContext("test", Clock.systemUTC()));
    }

    @Test
    void sixtyFourMebibytesAreWrittenAndReadAndRemoved() throws IOException {
        StorageTrial.Speeds speeds = StorageTrial.run(backend, new HostMemory());
        assertThat(speeds.bytes()).isEqualTo(64 * MIB);
        assertThat(speeds.writeNanos()).isPositive();
        assertThat(speeds.readNanos()).isPositive();
        assertThat(backend.stats().count(BackendCounter.BYTES_READ)).isEqualTo(3 * 64 * MIB);
        try (Stream<Path> files = Files.walk(root)) {
            assertThat(files).noneMatch(file -> file.toString().endsWith(".safetensors"));
        }
    }

    @Test
    void aSmallBackendIsTriedWithWhatItHas() throws IOException {
        backend.close();
        backend = open(2 * MIB, 0);
        assertThat(StorageTrial.run(backend, new HostMemory()).bytes()).isEqualTo(2 * MIB);
    }

    @Test
    void aDeclinedChunkSaysWhy() {
        backend.close();
        backend = open(128 * MIB, MIB);
        assertThatThrownBy(() -> StorageTrial.run(backend, new HostMemory()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("declined: A chunk of 4194304 bytes exceeds the limit");
    }

    @Test
    void aClosedBackendDeclines() {
        backend.close();
        assertThatThrownBy(() -> StorageTrial.run(backend, new HostMemory())).hasMessageContaining("closed");
    }

    @Test
    void changedBytesAreNoticed() {
        HostMemory changing = new HostMemory() {
            @Override
            public void copyOut(KvBuffer source, MemorySegment target) {
                super.copyOut(source, target);
                byte last = target.get(ValueLayout.JAVA_BYTE, target.byteSize() - 1);
                target.set(ValueLayout.JAVA_BYTE, target.byteSize() - 1, (byte) ~last);
            }
        };
        assertThatThrownBy(() -> StorageTrial.run(backend, changing))
                .isInstanceOf(IOException.class)
                .hasMessage("a chunk came back changed");
    }

    @Test
    void aCopyThatFailsKeepsNoMemory() {
        HostMemory failing = new HostMemory() {
            @Override
            public void copyIn(MemorySegment source, KvBuffer target) throws IOException {
                throw new IOException("no copy");
            }
        };
        assertThatThrownBy(() -> StorageTrial.run(backend, failing)).hasMessage("no copy");
        assertThat(backend.allocator().usedBytes()).isZero();
    }

    private static class HostMemory implements StorageTrial.Memory {
        @Override
        public void copyIn(MemorySegment source, KvBuffer target) throws IOException {
            ((HostBuffer) target).segment().copyFrom(source);
        }

        @Override
        public void copyOut(KvBuffer source, MemorySegment target) {
            target.copyFrom(((HostBuffer) source).segment());
        }
    }
}
