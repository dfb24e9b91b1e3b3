package io.lmcache.backend.gds;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.StorageBackendContract;
import java.nio.file.Path;
import java.time.Clock;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;

/** The contract, with chunks that are prepared in device memory. */
abstract class GdsContract extends StorageBackendContract {
    @TempDir
    private Path root;

    private final StallingFormat format = new StallingFormat();
    private long capacityBytes;

    /** The settings of this kind of test, beside the common ones. */
    abstract Map<String, String> settings();

    @Override
    protected StorageBackend createBackend(long capacityBytes) {
        this.capacityBytes = capacityBytes;
        return reopen();
    }

    @Override
    protected StorageBackend reopen() {
        Map<String, String> settings = new HashMap<>(settings());
        settings.put("path", root.toString());
        settings.put("buffer_bytes", Long.toString(8 << 20));
        settings.put("io_threads", "4");
        settings.put("max_bytes", Long.toString(capacityBytes));
        settings.put("min_free_bytes", "0");
        settings.put("allocation_attempt_delay_secs", "0.01");
        return GdsBackendProvider.open(
                GdsSettings.from(BackendSettings.of("gds", settings)),
                format,
                new BackendContext("test", Clock.systemUTC()));
    }

    @Override
    protected Optional<AutoCloseable> stallStorage() {
        return Optional.of(format.stall());
    }

    @Override
    protected void fill(ChunkKey key, BufferLease lease) {
        switch (lease.buffer()) {
            case HostBuffer _ -> super.fill(key, lease);
            case DeviceBuffer buffer -> DeviceChunks.fill(key, buffer);
        }
    }

    @Override
    protected void requireIntact(ChunkKey key, BufferLease lease) {
        switch (lease.buffer()) {
            case HostBuffer _ -> super.requireIntact(key, lease);
            case DeviceBuffer buffer -> DeviceChunks.requireIntact(key, buffer);
        }
    }
}
