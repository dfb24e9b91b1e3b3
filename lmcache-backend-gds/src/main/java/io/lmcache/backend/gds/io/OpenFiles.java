package io.lmcache.backend.gds.io;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import com.github.benmanes.caffeine.cache.Scheduler;
import io.lmcache.api.ChunkKey;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkLocation;
import io.lmcache.chunkfiles.io.DirectIo;
import io.lmcache.chunkfiles.io.OpenChunkFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The chunk files that are kept open between reads, since opening and registering a file costs as much as reading a small
 * chunk. Bounded in number; and in time, since an open file keeps its space on the disk when it is removed. Thread-safe.
 */
public final class OpenFiles {
    private static final Logger LOG = LoggerFactory.getLogger(OpenFiles.class);
    private static final int MOST_FILES = 256;
    private static final Duration IDLE = Duration.ofSeconds(30);

    private final ChunkDirectory directory;
    private final boolean isDirect;
    private final IoPaths paths;
    // Not the JDK's, which the whole process shares: a file system may let a close wait.
    private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("lmcache-gds-idle-files").factory());
    private final Cache<ChunkKey, SharedFile> files = Caffeine.newBuilder()
            .maximumSize(MOST_FILES)
            .expireAfterAccess(IDLE)
            .scheduler(Scheduler.forScheduledExecutorService(timer))
            .executor(Runnable::run)
            .removalListener((@Nullable ChunkKey key, @Nullable SharedFile file, RemovalCause cause) -> endUse(file))
            .build();
    private final ThreadLocal<ByteBuffer> headerBuffers =
            ThreadLocal.withInitial(() -> DirectIo.allocate(ChunkFileFormat.HEADER_BYTES));

    /**
     * No files so far.
     *
     * @param isDirect whether files are read with O_DIRECT where no libcufile is between
     * @param paths the paths between these files and memory
     */
    public OpenFiles(ChunkDirectory directory, boolean isDirect, IoPaths paths) {
        this.directory = directory;
        this.isDirect = isDirect;
        this.paths = paths;
    }

    /** The chunk's file, which the caller closes; empty when there is none that passes its check. */
    public Optional<SharedFile> open(ChunkLocation chunk) throws IOException {
        SharedFile known = files.getIfPresent(chunk.key());
        if (known != null && known.isCurrent() && known.tryShare()) {
            return Optional.of(known);
        }
        forget(chunk.key());
        return openAnew(chunk);
    }

    private Optional<SharedFile> openAnew(ChunkLocation chunk) throws IOException {
        Optional<Path> path = directory.find(chunk);
        if (path.isEmpty()) {
            return Optional.empty();
        }
        Optional<Object> before = SharedFile.identityOf(path.get());
        Optional<OpenChunkFile> opened = OpenChunkFile.open(directory, chunk, isDirect, headerBuffers.get());
        if (opened.isEmpty()) {
            return Optional.empty();
        }
        // What is open has the identity from before, unless somebody replaced the file in between; then it is not
        // shared.
        SharedFile file = new SharedFile(opened.get(), before.orElseGet(Object::new), paths);
        boolean examined = false;
        try {
            if (file.isCurrent() && file.tryShare()) {
                files.put(chunk.key(), file);
            }
            examined = true;
            return Optional.of(file);
        } finally {
            if (!examined) {
                file.close();
            }
        }
    }

    /** Keeps the key's file open no longer. */
    public void forget(ChunkKey key) {
        files.invalidate(key);
    }

    private static void endUse(@Nullable SharedFile file) {
        try {
            if (file != null) {
                file.close();
            }
        } catch (IOException e) {
            LOG.warn("Chunk file {} could not be closed", file.path(), e);
        }
    }

    /** Keeps no file open, now and later. */
    public void close() {
        forgetAll();
        timer.shutdownNow();
    }

    /** Keeps no file open any longer; those in use are closed by their users. */
    public void forgetAll() {
        files.invalidateAll();
        files.cleanUp();
    }
}
