package io.lmcache.chunkfiles.io;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.posix.Errno;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.Counters;
import io.lmcache.chunkfiles.directory.Counters.Event;
import io.lmcache.chunkfiles.directory.NewChunkFile;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Writes chunks to the directory. Thread-safe. */
public final class ChunkWriter {
    /** How many puts may be accepted and not finished; the memory that they hold is bounded by its allocators. */
    private static final int MAX_ACCEPTED = 1024;

    /** Peers may take room that was made here, but not always. */
    private static final int MAX_REQUESTS_FOR_ROOM = 10;

    private final ChunkDirectory directory;
    private final IoThreads threads;
    private final Counters counters;
    private final WriteRoutes routes;
    private final AtomicInteger accepted = new AtomicInteger();
    private final ConcurrentHashMap<ChunkKey, CompletableFuture<PutOutcome>> writing = new ConcurrentHashMap<>();

    /** A writer that works on these threads, and moves payload by these routes. */
    public ChunkWriter(ChunkDirectory directory, IoThreads threads, Counters counters, WriteRoutes routes) {
        this.directory = directory;
        this.threads = threads;
        this.counters = counters;
        this.routes = routes;
    }

    /** Stores the chunk. The caller keeps its lease, which is on memory that the routes serve. */
    public CompletableFuture<PutOutcome> write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        Optional<String> objection = directory.objectionTo(key);
        if (objection.isPresent()) {
            counters.increment(Event.INEXPRESSIBLE);
            return declined(DeclineReason.UNSUPPORTED, objection.get());
        }
        if (!directory.canEverHold(meta)) {
            return declined(
                    DeclineReason.TOO_LARGE,
                    "A chunk of " + meta.byteSize() + " bytes exceeds the limit; raise max_bytes");
        }
        Write write = new Write(key, meta, lease.share());
        if (accepted.incrementAndGet() > MAX_ACCEPTED) {
            write.release();
            return declined(DeclineReason.BUSY, MAX_ACCEPTED + " chunks are waiting to be written");
        }
        CompletableFuture<PutOutcome> other = writing.putIfAbsent(key, write.result);
        if (other != null) {
            write.release();
            return other.thenApply(this::seenBySecond);
        }
        threads.submit(write);
        return write.result;
    }

    /** The outcome of a put for another put of the same key that came while the first was being written. */
    private PutOutcome seenBySecond(PutOutcome first) {
        return switch (first) {
            case PutOutcome.Stored _, PutOutcome.AlreadyPresent _ -> {
                counters.increment(Event.ALREADY_PRESENT);
                yield PutOutcome.alreadyPresent();
            }
            case PutOutcome.Declined declined -> {
                counters.increment(Event.DECLINED);
                yield declined;
            }
        };
    }

    /** The answer to a put that is refused. */
    public CompletableFuture<PutOutcome> declined(DeclineReason reason, String message) {
        counters.increment(Event.DECLINED);
        return CompletableFuture.completedFuture(PutOutcome.declined(reason, message));
    }

    /** One put. */
    private final class Write implements IoThreads.Task {
        private final ChunkKey key;
        private final ChunkMeta meta;
        private final BufferLease lease;
        private final CompletableFuture<PutOutcome> result = new CompletableFuture<>();
        // Written by the thread that runs the task, before the task is submitted again.
        private int requestsForRoom;
        private boolean isHopeless;

        /** Takes over the lease. */
        private Write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
            this.key = key;
            this.meta = meta;
            this.lease = lease;
        }

        @Override
        public void run() {
            try {
                if (directory.find(key).isPresent()) {
                    counters.increment(Event.ALREADY_PRESENT);
                    finish(PutOutcome.alreadyPresent());
                } else {
                    createAndWrite();
                }
            } catch (IOException | RuntimeException e) {
                fail(e);
            }
        }

        private void createAndWrite() throws IOException {
            Optional<NewChunkFile> file = directory.tryCreate(key, meta);
            if (file.isPresent()) {
                write(file.get());
            } else if (isHopeless || requestsForRoom == MAX_REQUESTS_FOR_ROOM) {
                decline(DeclineReason.FULL, "The chunk directory is at its limit, and no chunk could be evicted");
            } else {
                requestsForRoom++;
                var _ = directory.makeRoom(key, meta).thenAccept(this::retry);
            }
        }

        private void retry(boolean isRoomy) {
            isHopeless = !isRoomy;
            threads.submit(this);
        }

        /** Takes over the file. */
        private void write(NewChunkFile file) {
            PayloadRoute route;
            try {
                route = routes.open(file, lease.buffer());
            } catch (IOException | RuntimeException e) {
                abandon(file, e);
                return;
            }
            new PieceTransfer(meta.byteSize(), route, end -> closeAndContinue(file, route, end)).runOn(threads);
        }

        private void closeAndContinue(NewChunkFile file, PayloadRoute route, PieceTransfer.End end) {
            try {
                route.close();
            } catch (IOException e) {
                abandon(file, e);
                return;
            }
            switch (end) {
                case PieceTransfer.Complete(int crc) -> {
                    route.noteMoved(meta.byteSize());
                    publish(file, crc);
                }
                case PieceTransfer.Failed(Exception cause) when routes.hasOther(file, cause) -> write(file);
                case PieceTransfer.Failed(Exception cause) -> abandon(file, cause);
            }
        }

        private void publish(NewChunkFile file, int crc) {
            try {
                file.publish(crc);
                file.close();
            } catch (IOException | RuntimeException e) {
                abandon(file, e);
                return;
            }
            counters.increment(Event.STORED);
            counters.add(Event.BYTES_WRITTEN, meta.byteSize());
            finish(PutOutcome.stored());
        }

        private void abandon(NewChunkFile file, Exception cause) {
            boolean isDiskFull = false;
            try (file) {
                // Asked while the file still takes its space; the exception does not tell why.
                isDiskFull = cause instanceof IOException
                        && (Errno.EDQUOT.isCauseOf(cause) || directory.isDiskFull(key, meta));
            } catch (IOException e) {
                cause.addSuppressed(e);
            }
            if (isDiskFull) {
                decline(
                        DeclineReason.FULL,
                        "The disk, or this user's quota of it, is full; make room, or set max_gds_size or gds_min_free_space");
            } else {
                fail(cause);
            }
        }

        private void decline(DeclineReason reason, String message) {
            counters.increment(Event.DECLINED);
            finish(PutOutcome.declined(reason, message));
        }

        private void fail(Exception cause) {
            if (cause instanceof IOException) {
                counters.increment(Event.IO_ERRORS);
            }
            release();
            result.completeExceptionally(cause);
        }

        private void finish(PutOutcome outcome) {
            release();
            result.complete(outcome);
        }

        private void release() {
            lease.close();
            writing.remove(key, result);
            accepted.decrementAndGet();
        }

        @Override
        public void rejected() {
            decline(DeclineReason.CLOSED, "The backend is closing");
        }
    }
}
