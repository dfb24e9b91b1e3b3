package io.lmcache.chunkfiles;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.posix.Errno;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.Counters;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkLocation;
import io.lmcache.chunkfiles.directory.NewChunkFile;
import io.lmcache.chunkfiles.io.IoThreads;
import io.lmcache.chunkfiles.io.PayloadRoute;
import io.lmcache.chunkfiles.io.PieceTransfer;
import java.io.IOException;
import java.nio.file.NotDirectoryException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Writes chunks to the directory. Thread-safe. */
final class ChunkWriter {
    /** How many puts may be accepted and not finished, by the heap that they take; their payload is bounded by its allocators. */
    private static final long MAX_ACCEPTED = Math.max(4096, Runtime.getRuntime().maxMemory() / 16 / 1024);

    /** A file system that is full with other files stays full. */
    private static final int MAX_REQUESTS_WHEN_REFUSED = 3;

    private static final Duration TIME_BETWEEN_REFUSALS = Duration.ofSeconds(30);

    private final ChunkDirectory directory;
    private final IoThreads threads;
    private final Counters counters;
    private final PayloadTransport transport;
    private final ScheduledExecutorService timer;
    private final AtomicInteger accepted = new AtomicInteger();
    private final AtomicLong fullUntilNanos = new AtomicLong(System.nanoTime());
    private final ConcurrentHashMap<ChunkKey, CompletableFuture<PutOutcome>> writing = new ConcurrentHashMap<>();

    /** A writer that works on these threads, moves payload by this transport, and waits by this timer. */
    ChunkWriter(
            ChunkDirectory directory,
            IoThreads threads,
            Counters counters,
            PayloadTransport transport,
            ScheduledExecutorService timer) {
        this.directory = directory;
        this.threads = threads;
        this.counters = counters;
        this.transport = transport;
        this.timer = timer;
    }

    /** Stores the chunk. The caller keeps its lease, which is on memory that the transport serves. */
    CompletableFuture<PutOutcome> write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        Optional<ChunkLocation> chunk = directory.locate(key);
        if (chunk.isEmpty()) {
            counters.increment(BackendCounter.INEXPRESSIBLE);
            return declined(
                    DeclineReason.UNSUPPORTED, directory.objectionTo(key).orElseThrow());
        }
        if (!directory.canEverHold(meta)) {
            return declined(
                    DeclineReason.TOO_LARGE,
                    "A chunk of " + meta.byteSize() + " bytes exceeds the limit; raise max_bytes");
        }
        Write write = new Write(chunk.get(), meta, lease.share());
        if (accepted.incrementAndGet() > MAX_ACCEPTED) {
            write.release();
            return declined(DeclineReason.BUSY, MAX_ACCEPTED + " chunks are waiting to be written");
        }
        CompletableFuture<PutOutcome> other = writing.putIfAbsent(key, write.result);
        if (other != null) {
            write.release();
            return other.thenApply(this::seenBySecond);
        }
        var _ = write.result.whenComplete((_, _) -> write.callOffIfCancelled());
        threads.submit(write);
        return write.result;
    }

    /** The outcome of a put for another put of the same key that came while the first was being written. */
    private PutOutcome seenBySecond(PutOutcome first) {
        return switch (first) {
            case PutOutcome.Stored _, PutOutcome.AlreadyPresent _ -> {
                counters.increment(BackendCounter.ALREADY_PRESENT);
                yield PutOutcome.alreadyPresent();
            }
            case PutOutcome.Declined declined -> {
                counters.increment(BackendCounter.DECLINED);
                yield declined;
            }
        };
    }

    /** The answer to a put that is refused. */
    CompletableFuture<PutOutcome> declined(DeclineReason reason, String message) {
        counters.increment(BackendCounter.DECLINED);
        return CompletableFuture.completedFuture(PutOutcome.declined(reason, message));
    }

    /** There may be bytes left when inodes are not, or when a project or file set has a limit of its own. */
    private static boolean saysFull(IOException e) {
        return Errno.ENOSPC.isCauseOf(e) || Errno.EDQUOT.isCauseOf(e);
    }

    /** One put. Until it begins, and while it waits for room, whoever cancels its future has the lease given back. */
    private final class Write implements IoThreads.Task {
        private final ChunkLocation chunk;
        private final ChunkMeta meta;
        private final BufferLease lease;
        private final CompletableFuture<PutOutcome> result = new CompletableFuture<>();
        // Written by the thread that runs the task, before the task is submitted again.
        private volatile int requestsForRoom;
        private volatile Future<?> givingUp = CompletableFuture.completedFuture(null);
        private boolean isHopeless;
        private long waitsSinceNanos;
        /** Whether no thread works on it; whoever sets it to false is the one who goes on, or calls it off. */
        private final AtomicBoolean isWaiting = new AtomicBoolean(true);

        /** Takes over the lease. */
        private Write(ChunkLocation chunk, ChunkMeta meta, BufferLease lease) {
            this.chunk = chunk;
            this.meta = meta;
            this.lease = lease;
        }

        @Override
        public void run() {
            if (!isWaiting.compareAndSet(true, false)) {
                return;
            }
            try {
                if (directory.find(chunk).isPresent()) {
                    counters.increment(BackendCounter.ALREADY_PRESENT);
                    finish(PutOutcome.alreadyPresent());
                } else {
                    createAndWrite();
                }
            } catch (IOException | RuntimeException | Error e) {
                fail(e);
            }
        }

        private void createAndWrite() throws IOException {
            Optional<NewChunkFile> file;
            try {
                file = directory.tryCreate(chunk, meta);
            } catch (IOException e) {
                refuse(e);
                return;
            }
            if (file.isPresent()) {
                write(file.get());
            } else {
                awaitRoom(false);
            }
        }

        /** Answers what the file system refuses although it works; everything else is a failure. */
        private void refuse(IOException refusal) {
            if (saysFull(refusal)) {
                awaitRoom(true);
            } else if (refusal instanceof NotDirectoryException) {
                decline(
                        DeclineReason.UNAVAILABLE,
                        refusal.getMessage() + " is where a directory for chunks has to be; remove it");
            } else if (Errno.EROFS.isCauseOf(refusal)) {
                decline(
                        DeclineReason.UNAVAILABLE,
                        "The file system is read-only: what is there is read; mount it to be written to (rw), and look at"
                                + " its log if it was");
            } else {
                fail(refusal);
            }
        }

        /**
         * Waits for room, without a thread.
         *
         * @param isRefused whether the file system has none, although there seems to be some
         */
        private void awaitRoom(boolean isRefused) {
            if (isHopeless || (isRefused && isInVain())) {
                declineFull(isRefused);
                return;
            }
            long now = System.nanoTime();
            waitsSinceNanos = requestsForRoom == 0 ? now : waitsSinceNanos;
            // Peers may take room that was made here, but not for ever.
            Duration patience = directory.patience(chunk).minusNanos(now - waitsSinceNanos);
            if (patience.isPositive()) {
                int request = requestsForRoom + 1;
                requestsForRoom = request;
                givingUp = giveUpAfter(patience, request);
                isWaiting.set(true);
                callOffIfCancelled();
                var _ = directory.makeRoom(chunk, meta, isRefused).thenAccept(this::retry);
            } else {
                declineBusy();
            }
        }

        /** Whether chunks were evicted for a file system that is full all the same: then no more are, for a while. */
        private boolean isInVain() {
            long now = System.nanoTime();
            if (requestsForRoom == MAX_REQUESTS_WHEN_REFUSED) {
                fullUntilNanos.set(now + TIME_BETWEEN_REFUSALS.toNanos());
            }
            return fullUntilNanos.get() - now > 0;
        }

        private Future<?> giveUpAfter(Duration patience, int request) {
            try {
                return timer.schedule(() -> giveUp(request), patience.toNanos(), TimeUnit.NANOSECONDS);
            } catch (RejectedExecutionException e) {
                // Closing: the janitor answers at once then.
                return CompletableFuture.completedFuture(null);
            }
        }

        private void giveUp(int request) {
            if (requestsForRoom == request && isWaiting.compareAndSet(true, false)) {
                declineBusy();
            }
        }

        private void declineBusy() {
            decline(
                    DeclineReason.BUSY,
                    "What the chunk directory holds is being counted, or room is being made; that takes longer than a put"
                            + " waits");
        }

        private void retry(boolean isRoomy) {
            givingUp.cancel(false);
            isHopeless = !isRoomy;
            threads.submit(this);
        }

        private void callOffIfCancelled() {
            if (result.isCancelled() && isWaiting.compareAndSet(true, false)) {
                release();
            }
        }

        /** Takes over the file. */
        private void write(NewChunkFile file) {
            PayloadRoute route;
            try {
                route = transport.open(file, lease.buffer());
            } catch (IOException | RuntimeException | Error e) {
                abandon(file, e);
                return;
            }
            PieceTransfer transfer;
            try {
                transfer = new PieceTransfer(meta.byteSize(), route, end -> closeAndContinue(file, route, end));
            } catch (OutOfMemoryError e) {
                closeAndContinue(file, route, new PieceTransfer.Failed(e));
                return;
            }
            transfer.runOn(threads);
        }

        private void closeAndContinue(NewChunkFile file, PayloadRoute route, PieceTransfer.End end) {
            try {
                route.close();
            } catch (IOException | RuntimeException | Error e) {
                abandon(file, e);
                return;
            }
            switch (end) {
                case PieceTransfer.Complete(int crc) -> {
                    route.noteMoved(meta.byteSize());
                    publish(file, crc);
                }
                case PieceTransfer.Failed(Exception cause) when transport.hasOther(file, cause) -> write(file);
                case PieceTransfer.Failed(Throwable cause) -> abandon(file, cause);
            }
        }

        private void publish(NewChunkFile file, int crc) {
            try {
                file.publish(crc);
                file.close();
            } catch (IOException | RuntimeException | Error e) {
                abandon(file, e);
                return;
            }
            counters.increment(BackendCounter.STORED);
            counters.add(BackendCounter.BYTES_WRITTEN, meta.byteSize());
            finish(PutOutcome.stored());
        }

        private void abandon(NewChunkFile file, Throwable cause) {
            boolean isDiskFull = false;
            try (file) {
                // Asked while the file still takes its space; the exception does not tell why.
                isDiskFull = cause instanceof IOException exception
                        && (saysFull(exception) || directory.isDiskFull(chunk, meta));
            } catch (IOException e) {
                cause.addSuppressed(e);
            }
            if (isDiskFull) {
                awaitRoom(true);
            } else if (cause instanceof IOException exception) {
                refuse(exception);
            } else {
                fail(cause);
            }
        }

        private void declineFull(boolean isRefused) {
            decline(
                    DeclineReason.FULL,
                    isRefused
                            ? "The disk is full, or its inodes or a quota are used up, and no chunk could be evicted for it;"
                                    + " make room, or set max_gds_size or gds_min_free_space"
                            : "The chunk directory is at its limit, and no chunk could be evicted");
        }

        private void decline(DeclineReason reason, String message) {
            counters.increment(BackendCounter.DECLINED);
            finish(PutOutcome.declined(reason, message));
        }

        private void fail(Throwable cause) {
            if (cause instanceof IOException) {
                counters.increment(BackendCounter.IO_ERRORS);
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
            writing.remove(chunk.key(), result);
            accepted.decrementAndGet();
        }

        @Override
        public void rejected() {
            if (isWaiting.compareAndSet(true, false)) {
                decline(DeclineReason.CLOSED, "The backend is closing");
            }
        }

        @Override
        public void failed(Error cause) {
            if (isWaiting.compareAndSet(true, false)) {
                fail(cause);
            }
        }
    }
}
