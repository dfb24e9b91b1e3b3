package io.lmcache.backend.gds;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.backend.gds.io.IoPaths;
import io.lmcache.backend.gds.io.OpenFiles;
import io.lmcache.backend.gds.io.SharedFile;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.Counters;
import io.lmcache.chunkfiles.directory.Counters.Event;
import io.lmcache.chunkfiles.io.IoThreads;
import io.lmcache.chunkfiles.io.PayloadRoute;
import io.lmcache.chunkfiles.io.PieceTransfer;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/** Reads chunks from the directory into device or host memory. Thread-safe. */
final class ChunkReader {
    /**
     * How a read waits for room in memory that others will give back soon.
     *
     * @param allocator the memory; any other is asked once
     * @param attempts how often it is asked
     * @param delay where a further attempt is begun, after a while
     */
    record Patience(BufferAllocator allocator, int attempts, Executor delay) {}

    private final int device;
    private final ChunkDirectory directory;
    private final OpenFiles files;
    private final IoPaths paths;
    private final IoThreads threads;
    private final Counters counters;
    private final Patience patience;

    ChunkReader(
            int device,
            ChunkDirectory directory,
            OpenFiles files,
            IoPaths paths,
            IoThreads threads,
            Counters counters,
            Patience patience) {
        this.device = device;
        this.directory = directory;
        this.files = files;
        this.paths = paths;
        this.threads = threads;
        this.counters = counters;
        this.patience = patience;
    }

    /** The chunk, in a buffer of that allocator. */
    CompletableFuture<Optional<StoredChunk>> read(ChunkKey key, BufferAllocator allocator) {
        Read read = new Read(key, allocator);
        threads.submit(read);
        return read.result;
    }

    /** One get: finds the file, asks for memory, and has the payload read and checked. */
    private final class Read implements IoThreads.Task {
        private final ChunkKey key;
        private final BufferAllocator allocator;
        private final CompletableFuture<Optional<StoredChunk>> result = new CompletableFuture<>();
        // Written by the thread that runs the task, before the task is submitted again.
        private int attempts;
        private boolean hasVanishedBefore;

        private Read(ChunkKey key, BufferAllocator allocator) {
            this.key = key;
            this.allocator = allocator;
        }

        @Override
        public void run() {
            try {
                Optional<SharedFile> file = files.open(key);
                if (file.isEmpty()) {
                    miss();
                } else {
                    allocateAndRead(file.get());
                }
            } catch (IOException | RuntimeException e) {
                tryAgainOrFail(e);
            }
        }

        /** Takes over the file. */
        private void allocateAndRead(SharedFile file) throws IOException {
            Optional<BufferLease> lease = Optional.empty();
            try {
                lease = allocator.tryAllocate(file.header().meta().byteSize());
            } finally {
                if (lease.isEmpty()) {
                    file.close();
                }
            }
            if (lease.isEmpty()) {
                tryAgainOrMiss(file.header().meta().byteSize());
            } else {
                readPayload(file, lease.get());
            }
        }

        private void tryAgainOrMiss(long bytes) {
            attempts++;
            boolean mayHelp = allocator.equals(patience.allocator()) && bytes <= allocator.limitBytes();
            if (mayHelp && attempts < patience.attempts()) {
                patience.delay().execute(() -> threads.submit(this));
            } else {
                miss();
            }
        }

        /** Takes over the file and the lease. */
        private void readPayload(SharedFile file, BufferLease lease) {
            PayloadRoute route;
            try {
                requireReachable(lease);
                route = paths.open(file, lease.buffer());
            } catch (IOException | RuntimeException e) {
                finish(file, lease, new PieceTransfer.Failed(e));
                return;
            }
            new PieceTransfer(lease.buffer().byteSize(), route, end -> closeAndFinish(file, lease, route, end))
                    .runOn(threads);
        }

        private void requireReachable(BufferLease lease) {
            if (lease.buffer() instanceof DeviceBuffer buffer && buffer.ordinal() != device) {
                throw new LmcacheException(
                        ErrorCode.INVALID_ARGUMENT,
                        "Backend 'gds' reads to device " + device + ", but allocator '" + allocator.name()
                                + "' is on device " + buffer.ordinal() + "; use the backend of that device");
            }
        }

        private void closeAndFinish(SharedFile file, BufferLease lease, PayloadRoute route, PieceTransfer.End end) {
            try {
                route.close();
            } catch (IOException e) {
                finish(file, lease, new PieceTransfer.Failed(e));
                return;
            }
            switch (end) {
                case PieceTransfer.Failed(Exception cause) when paths.hasOther(file, cause) -> readPayload(file, lease);
                case PieceTransfer.Complete _ -> {
                    route.noteMoved(lease.buffer().byteSize());
                    finish(file, lease, end);
                }
                case PieceTransfer.Failed _ -> finish(file, lease, end);
            }
        }

        private void finish(SharedFile file, BufferLease lease, PieceTransfer.End end) {
            try (file) {
                deliver(file, lease, end);
            } catch (IOException e) {
                // The bytes have passed their check, or the result is complete already: nothing more hangs on the file.
                counters.increment(Event.IO_ERRORS);
            }
        }

        private void deliver(SharedFile file, BufferLease lease, PieceTransfer.End end) {
            switch (end) {
                case PieceTransfer.Complete(int crc) when file.header().admits(crc) -> hit(file, lease);
                case PieceTransfer.Complete(int crc) -> {
                    lease.close();
                    files.forget(key);
                    directory.quarantine(key, file.path(), file.header().objectionTo(crc));
                    miss();
                }
                case PieceTransfer.Failed(Exception cause) -> {
                    lease.close();
                    files.forget(key);
                    tryAgainOrFail(cause);
                }
            }
        }

        private void hit(SharedFile file, BufferLease lease) {
            counters.increment(Event.HITS);
            counters.add(Event.BYTES_READ, file.header().meta().byteSize());
            directory.noteHit(key, file.path());
            // Whoever cancelled the future does not get the chunk, so it must not keep the memory.
            if (!result.complete(Optional.of(new StoredChunk(file.header().meta(), lease)))) {
                lease.close();
            }
        }

        private void miss() {
            counters.increment(Event.MISSES);
            result.complete(Optional.empty());
        }

        private void tryAgainOrFail(Exception cause) {
            if (directory.noteVanished(key, cause) && !hasVanishedBefore) {
                hasVanishedBefore = true;
                threads.submit(this);
            } else {
                fail(cause);
            }
        }

        private void fail(Exception cause) {
            if (cause instanceof IOException) {
                counters.increment(Event.IO_ERRORS);
            }
            result.completeExceptionally(cause);
        }

        @Override
        public void rejected() {
            miss();
        }
    }
}
