package io.lmcache.chunkfiles;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.Counters;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkLocation;
import io.lmcache.chunkfiles.io.IoThreads;
import io.lmcache.chunkfiles.io.PayloadRoute;
import io.lmcache.chunkfiles.io.PieceTransfer;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Reads chunks from the directory into memory. Thread-safe. */
final class ChunkReader {
    private final ChunkDirectory directory;
    private final IoThreads threads;
    private final Counters counters;
    private final PayloadTransport transport;
    private final ScheduledExecutorService timer;

    /** A reader that works on these threads, moves payload by this transport, and waits by this timer. */
    ChunkReader(
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

    /** The chunk, in a buffer of that allocator, whose memory the transport serves. */
    CompletableFuture<Optional<StoredChunk>> read(ChunkKey key, BufferAllocator allocator) {
        Optional<ChunkLocation> chunk = directory.locate(key);
        if (chunk.isEmpty()) {
            counters.increment(BackendCounter.MISSES);
            return CompletableFuture.completedFuture(Optional.empty());
        }
        Read read = new Read(chunk.get(), allocator);
        threads.submit(read);
        return read.result;
    }

    /** One get: finds the file, asks for memory, and has the payload read and checked. */
    private final class Read implements IoThreads.Task {
        private final ChunkLocation chunk;
        private final BufferAllocator allocator;
        private final CompletableFuture<Optional<StoredChunk>> result = new CompletableFuture<>();
        // Written by the thread that runs the task, before the task is submitted again.
        private int allocations;
        private boolean hasVanishedBefore;

        private Read(ChunkLocation chunk, BufferAllocator allocator) {
            this.chunk = chunk;
            this.allocator = allocator;
        }

        @Override
        public void run() {
            try {
                Optional<PayloadSource> source = transport.open(chunk, allocator);
                if (source.isEmpty()) {
                    miss();
                } else {
                    read(source.get());
                }
            } catch (IOException | RuntimeException | Error e) {
                tryAgainOrFail(e);
            }
        }

        /** Takes over the source. */
        private void read(PayloadSource source) throws IOException {
            Optional<PayloadSource.Payload> payload = source.takePayload();
            if (payload.isPresent()) {
                finish(
                        source,
                        payload.get().lease(),
                        new PieceTransfer.Complete(payload.get().crc()));
            } else {
                allocateAndRead(source);
            }
        }

        private void allocateAndRead(PayloadSource source) throws IOException {
            Optional<BufferLease> lease = Optional.empty();
            try {
                lease = allocator.tryAllocate(source.header().meta().byteSize());
            } finally {
                if (lease.isEmpty()) {
                    source.close();
                }
            }
            if (lease.isEmpty()) {
                askAgainOrMiss(source.header().meta().byteSize());
            } else {
                readPayload(source, lease.get());
            }
        }

        private void askAgainOrMiss(long bytes) {
            allocations++;
            boolean mayHelp = allocator.equals(transport.allocator()) && bytes <= allocator.limitBytes();
            if (mayHelp && allocations < transport.retries().attempts()) {
                askAgainLater();
            } else {
                miss();
            }
        }

        private void askAgainLater() {
            try {
                var _ = timer.schedule(
                        () -> threads.submit(this), transport.retries().delay().toNanos(), TimeUnit.NANOSECONDS);
            } catch (RejectedExecutionException e) {
                rejected();
            }
        }

        /** Takes over the source and the lease. */
        private void readPayload(PayloadSource source, BufferLease lease) {
            PayloadRoute route;
            try {
                route = source.open(lease.buffer());
            } catch (IOException | RuntimeException | Error e) {
                finish(source, lease, new PieceTransfer.Failed(e));
                return;
            }
            PieceTransfer transfer;
            try {
                transfer = new PieceTransfer(
                        lease.buffer().byteSize(), route, end -> closeAndContinue(source, lease, route, end));
            } catch (OutOfMemoryError e) {
                closeAndContinue(source, lease, route, new PieceTransfer.Failed(e));
                return;
            }
            transfer.runOn(threads);
        }

        private void closeAndContinue(
                PayloadSource source, BufferLease lease, PayloadRoute route, PieceTransfer.End end) {
            try {
                route.close();
            } catch (IOException | RuntimeException | Error e) {
                finish(source, lease, new PieceTransfer.Failed(e));
                return;
            }
            switch (end) {
                case PieceTransfer.Failed(Exception cause) when source.hasOther(cause) -> readPayload(source, lease);
                case PieceTransfer.Complete _ -> {
                    route.noteMoved(lease.buffer().byteSize());
                    finish(source, lease, end);
                }
                case PieceTransfer.Failed _ -> finish(source, lease, end);
            }
        }

        private void finish(PayloadSource source, BufferLease lease, PieceTransfer.End end) {
            try (source) {
                deliver(source, lease, end);
            } catch (IOException e) {
                // The bytes have passed their check, or the result is complete already: nothing more hangs on the file.
                counters.increment(BackendCounter.IO_ERRORS);
            }
        }

        private void deliver(PayloadSource source, BufferLease lease, PieceTransfer.End end) {
            switch (end) {
                case PieceTransfer.Complete(int crc) when source.header().admits(crc) -> hit(source, lease);
                case PieceTransfer.Complete(int crc) -> {
                    lease.close();
                    transport.forget(chunk);
                    directory.quarantine(chunk, source.path(), source.header().objectionTo(crc));
                    miss();
                }
                case PieceTransfer.Failed(Throwable cause) -> {
                    lease.close();
                    transport.forget(chunk);
                    tryAgainOrFail(cause);
                }
            }
        }

        private void hit(PayloadSource source, BufferLease lease) {
            counters.increment(BackendCounter.HITS);
            counters.add(BackendCounter.BYTES_READ, source.header().meta().byteSize());
            directory.noteHit(chunk, source.path());
            // Whoever cancelled the future does not get the chunk, so it must not keep the memory.
            if (!result.complete(Optional.of(new StoredChunk(source.header().meta(), lease)))) {
                lease.close();
            }
        }

        private void miss() {
            counters.increment(BackendCounter.MISSES);
            result.complete(Optional.empty());
        }

        private void tryAgainOrFail(Throwable cause) {
            if (cause instanceof Exception exception
                    && directory.noteVanished(chunk, exception)
                    && !hasVanishedBefore) {
                hasVanishedBefore = true;
                threads.submit(this);
            } else {
                fail(cause);
            }
        }

        private void fail(Throwable cause) {
            if (cause instanceof IOException) {
                counters.increment(BackendCounter.IO_ERRORS);
            }
            result.completeExceptionally(cause);
        }

        @Override
        public void rejected() {
            miss();
        }

        @Override
        public void failed(Error cause) {
            fail(cause);
        }
    }
}
