package io.lmcache.backend.posix;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.chunkfiles.FileTierSettings;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.format.NativeChunkFormat;
import io.lmcache.testkit.StorageBackendContract;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.io.TempDir;

/** The backend passes the contract, through the page cache. */
class PosixBackendContractTest extends StorageBackendContract {
    @TempDir
    private Path root;

    private final StallingFormat format = new StallingFormat();
    private long capacity;

    /** Overridden by the test of direct I/O. */
    String useDirectIo() {
        return "false";
    }

    @Override
    protected StorageBackend createBackend(long capacityBytes) {
        capacity = capacityBytes;
        return reopen();
    }

    @Override
    protected StorageBackend reopen() {
        Map<String, String> values = Map.of(
                "path", root.toString(),
                "max_bytes", Long.toString(capacity),
                "staging_bytes", "16777216",
                "use_direct_io", useDirectIo());
        return PosixBackendProvider.open(
                FileTierSettings.from(BackendSettings.of("posix", values), Sharding.BY_HASH),
                format,
                TestBackends.CONTEXT);
    }

    @Override
    protected Optional<AutoCloseable> stallStorage() {
        CompletableFuture<Boolean> goOn = new CompletableFuture<>();
        format.goOn = goOn;
        return Optional.of(() -> goOn.complete(true));
    }

    /** The native format; I/O threads need it before and after their transfers, so they wait with it. */
    private static final class StallingFormat implements ChunkFileFormat {
        private final ChunkFileFormat delegate = new NativeChunkFormat();
        private volatile CompletableFuture<Boolean> goOn = CompletableFuture.completedFuture(true);

        @Override
        public ChunkName name(ChunkKey key) {
            return delegate.name(key);
        }

        @Override
        public boolean hasMetadataFile() {
            return delegate.hasMetadataFile();
        }

        @Override
        public byte[] header(ChunkKey key, ChunkMeta meta, int payloadCrc) {
            goOn.join();
            return delegate.header(key, meta, payloadCrc);
        }

        @Override
        public HeaderCheck check(ByteBuffer header, ChunkKey key) {
            goOn.join();
            return delegate.check(header, key);
        }
    }
}
