package io.lmcache.backend.posix;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.Counters;
import io.lmcache.chunkfiles.directory.Counters.Event;
import io.lmcache.chunkfiles.io.DirectIo;
import io.lmcache.chunkfiles.io.IoThreads;
import io.lmcache.chunkfiles.io.OpenChunkFile;
import io.lmcache.chunkfiles.io.PieceTransfer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Reads chunks from the directory into host memory. Thread-safe. */
final class ChunkReader {
    private final ChunkDirectory directory;
    private final IoThreads threads;
    private final Counters counters;
    private final boolean isDirect;
    private final ThreadLocal<ByteBuffer> headerBuffers =
            ThreadLocal.withInitial(() -> DirectIo.allocate(ChunkFileFormat.HEADER_BYTES));

    /** A reader that works on these threads, with direct I/O if so wanted. */
    ChunkReader(ChunkDirectory directory, IoThreads threads, Counters counters, boolean isDirect) {
        this.directory = directory;
        this.threads = threads;
        this.counters = counters;
        this.isDirect = isDirect;
    }

    /** The chunk, in a buffer of that allocator, which lies in host memory. */
    CompletableFuture<Optional<StoredChunk>> read(ChunkKey key, BufferAllocator allocator) {
        Read read = new Read(key, allocator);
        threads.submit(read);
        return read.result;
    }

    /** One get: finds the file, checks its header, and has its payload read. */
    private final class Read implements IoThreads.Task {
        private final ChunkKey key;
        private final BufferAllocator allocator;
        private final CompletableFuture<Optional<StoredChunk>> result = new CompletableFuture<>();
        // Written by the thread that runs the task, before the task is submitted again.
        private boolean isSecondAttempt;

        private Read(ChunkKey key, BufferAllocator allocator) {
            this.key = key;
            this.allocator = allocator;
        }

        @Override
        public void run() {
            try {
                if (isDirect) {
                    readDirectly();
                } else {
                    read(OpenChunkFile.open(directory, key, false, headerBuffers.get()));
                }
            } catch (IOException | RuntimeException e) {
                tryAgainOrFail(e);
            }
        }

        private void readDirectly() throws IOException {
            try (WholeRead whole = new WholeRead(allocator, headerBuffers.get())) {
                Optional<OpenChunkFile> file = OpenChunkFile.open(directory, key, true, whole);
                Optional<WholeRead.Payload> payload = file.flatMap(_ -> whole.take());
                if (payload.isPresent()) {
                    closeAndFinish(
                            file.get(),
                            payload.get().lease(),
                            new PieceTransfer.Complete(payload.get().crc()));
                } else {
                    read(file);
                }
            }
        }

        private void read(Optional<OpenChunkFile> file) throws IOException {
            if (file.isEmpty()) {
                miss();
            } else {
                allocateAndRead(file.get());
            }
        }

        /** Takes over the file. */
        private void allocateAndRead(OpenChunkFile file) throws IOException {
            Optional<BufferLease> lease = Optional.empty();
            try {
                lease = allocator.tryAllocate(file.header().meta().byteSize());
            } finally {
                if (lease.isEmpty()) {
                    file.close();
                }
            }
            if (lease.isEmpty()) {
                miss();
            } else {
                readPayload(file, lease.get());
            }
        }

        /** Takes over the file and the lease. */
        private void readPayload(OpenChunkFile file, BufferLease lease) {
            HostBuffer buffer = (HostBuffer) lease.buffer();
            PieceTransfer.Mover mover = file.channels().reader(buffer.segment());
            new PieceTransfer(buffer.byteSize(), () -> mover, end -> closeAndFinish(file, lease, end)).runOn(threads);
        }

        private void closeAndFinish(OpenChunkFile file, BufferLease lease, PieceTransfer.End end) {
            try {
                file.close();
                finish(file, lease, end);
            } catch (IOException e) {
                finish(file, lease, new PieceTransfer.Failed(e));
            }
        }

        private void finish(OpenChunkFile file, BufferLease lease, PieceTransfer.End end) {
            switch (end) {
                case PieceTransfer.Complete(int crc) when file.header().admits(crc) -> hit(file, lease);
                case PieceTransfer.Complete(int crc) -> {
                    lease.close();
                    directory.quarantine(key, file.path(), file.header().objectionTo(crc));
                    miss();
                }
                case PieceTransfer.Failed(Exception cause) -> {
                    lease.close();
                    tryAgainOrFail(cause);
                }
            }
        }

        private void hit(OpenChunkFile file, BufferLease lease) {
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
            if (directory.noteVanished(key, cause) && !isSecondAttempt) {
                isSecondAttempt = true;
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
