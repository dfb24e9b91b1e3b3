package io.lmcache.api.memory;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.posix.NativeMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A large region of anonymous host memory that costs nothing until it is touched: pages are committed by the operating
 * system one by one on first use, and huge pages are asked for.
 *
 * <p>Thread-safe. Owns its memory, from construction to {@link #close()}.
 */
public final class HostRegion implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    /**
     * Reserves the region, at a multiple of 4096.
     *
     * @param bytes the length, at least 1
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when the operating system refuses
     */
    public HostRegion(long bytes) {
        if (bytes < 1) {
            throw new LmcacheException(ErrorCode.INVALID_ARGUMENT, "Cannot reserve " + bytes + " bytes of host memory");
        }
        try {
            this.segment = NativeMemory.anonymous(bytes, arena);
        } catch (IOException e) {
            arena.close();
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "The operating system refused " + bytes + " bytes of host memory: " + e.getMessage()
                            + "; ask for less, or raise the limit (ulimit -v)",
                    e);
        }
    }

    /** The region. Access after {@link #close()} throws {@link IllegalStateException}. */
    public MemorySegment segment() {
        return segment;
    }

    /** Gives the memory back. Idempotent. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    @Override
    public String toString() {
        return "HostRegion[" + segment.byteSize() + " bytes]";
    }
}
