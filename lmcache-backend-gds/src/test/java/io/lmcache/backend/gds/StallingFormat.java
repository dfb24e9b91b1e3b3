package io.lmcache.backend.gds;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.format.NativeChunkFormat;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/** The native format; I/O threads need it before and after their transfers, so they wait with it. */
final class StallingFormat implements ChunkFileFormat {
    private final ChunkFileFormat delegate = new NativeChunkFormat();
    private volatile CompletableFuture<Boolean> goOn = CompletableFuture.completedFuture(true);

    /** Makes everyone wait until the handle is closed. */
    AutoCloseable stall() {
        CompletableFuture<Boolean> resumed = new CompletableFuture<>();
        goOn = resumed;
        return () -> resumed.complete(true);
    }

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
