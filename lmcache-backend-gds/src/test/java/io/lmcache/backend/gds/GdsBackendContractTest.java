package io.lmcache.backend.gds;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.backend.gds.standin.StandIns;
import io.lmcache.testkit.StorageBackendContract;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The contract, with chunks that are prepared in device memory and staged through page-locked memory. */
@ExtendWith(StandIns.class)
class GdsBackendContractTest extends StorageBackendContract {
    @TempDir
    private Path root;

    private long capacityBytes;

    String useCufile() {
        return "false";
    }

    @Override
    protected StorageBackend createBackend(long capacityBytes) {
        this.capacityBytes = capacityBytes;
        return reopen();
    }

    @Override
    protected StorageBackend reopen() {
        Map<String, String> settings = Map.of(
                "path", root.toString(),
                "buffer_bytes", Long.toString(8 << 20),
                "io_threads", "4",
                "max_bytes", Long.toString(capacityBytes),
                "min_free_bytes", "0",
                "allocation_attempt_delay_secs", "0.01",
                "use_cufile", useCufile(),
                "cufile_library", StandIns.cufileLibrary().toString());
        return new GdsBackendProvider()
                .create(BackendSettings.of("gds", settings), new BackendContext("test", Clock.systemUTC()));
    }

    @Override
    protected Optional<AutoCloseable> stallStorage() {
        // Every thread calls it before it moves a piece of a chunk in device memory.
        return Optional.of(StandIns.stall("cuCtxSetCurrent"));
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
