package io.lmcache.chunkfiles.diagnosis;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Chunks of 64 MiB in all, written through a backend and read back, compared and timed: what an engine would get, with
 * threads, checksums and all. Of a few rounds the fastest counts, since the JVM compiles during the first. For one thread.
 */
public final class StorageTrial {
    /** The most bytes that a trial has in its storage. */
    static final long MOST_BYTES = 64 << 20;

    private static final long MOST_CHUNK_BYTES = 4 << 20;
    private static final int ROUNDS = 3;
    private static final long TIMEOUT_SECONDS = 30;

    /** Copies between host memory and the memory of a backend's allocator. */
    public interface Memory {
        /** Copies to the backend's memory, which is as long. */
        void copyIn(MemorySegment source, KvBuffer target) throws IOException;

        /** Copies from the backend's memory, which is as long. */
        void copyOut(KvBuffer source, MemorySegment target) throws IOException;
    }

    /**
     * How long it took.
     *
     * @param bytes how much was written, and how much read
     * @param writeNanos from the first put to the end of the last
     * @param readNanos from the first get to the end of the last
     */
    public record Speeds(long bytes, long writeNanos, long readNanos) {
        private Speeds orBetter(Speeds other) {
            return new Speeds(bytes, Math.min(writeNanos, other.writeNanos), Math.min(readNanos, other.readNanos));
        }

        @Override
        public String toString() {
            return Amounts.bytes(bytes) + " written at " + Amounts.rate(bytes, writeNanos) + ", read back at "
                    + Amounts.rate(bytes, readNanos);
        }
    }

    private final StorageBackend backend;
    private final Memory memory;
    private final ChunkMeta meta;
    private final KeyScope scope;
    private final MemorySegment content;
    private final MemorySegment back;
    private int keys;

    private StorageTrial(StorageBackend backend, Memory memory, Arena arena) {
        this.backend = backend;
        this.memory = memory;
        KvLayout layout = KvLayout.mla(KvDtype.UINT8, 1, 1);
        long chunkBytes = Math.min(MOST_CHUNK_BYTES, backend.allocator().limitBytes());
        this.meta = new ChunkMeta(layout, (int) chunkBytes);
        this.scope = KeyScope.of("lmcache-trial", layout);
        this.content = randomBytes(arena.allocate(chunkBytes, Long.BYTES));
        this.back = arena.allocate(chunkBytes, Long.BYTES);
    }

    /** Not zeros, of which some file systems make holes. */
    private static MemorySegment randomBytes(MemorySegment target) {
        SplittableRandom random = new SplittableRandom(1);
        for (long offset = 0; offset + Long.BYTES <= target.byteSize(); offset += Long.BYTES) {
            target.set(ValueLayout.JAVA_LONG, offset, random.nextLong());
        }
        return target;
    }

    /**
     * Tries the backend, which stays the caller's, and leaves no chunk in it.
     *
     * @throws IOException when a chunk cannot be written, is not found again, is changed, or takes longer than 30 seconds
     */
    public static Speeds run(StorageBackend backend, Memory memory) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            StorageTrial trial = new StorageTrial(backend, memory, arena);
            Speeds best = trial.writeAndRead();
            for (int round = 1; round < ROUNDS; round++) {
                best = best.orBetter(trial.writeAndRead());
            }
            return best;
        } catch (UncheckedIOException e) {
            throw new IOException("the chunks could not be removed again: " + e.getMessage(), e);
        }
    }

    private Speeds writeAndRead() throws IOException {
        long most = Math.min(MOST_BYTES, backend.allocator().limitBytes());
        List<ChunkKey> fresh =
                Stream.generate(this::newKey).limit(most / meta.byteSize()).toList();
        long writeNanos = write(fresh);
        long readNanos = read(fresh);
        backend.clear();
        return new Speeds(fresh.size() * meta.byteSize(), writeNanos, readNanos);
    }

    private ChunkKey newKey() {
        byte[] hash = ByteBuffer.allocate(Long.BYTES).putLong(keys++).array();
        return new ChunkKey(scope, ChunkHash.of(hash));
    }

    private long write(List<ChunkKey> fresh) throws IOException {
        List<BufferLease> leases = new ArrayList<>();
        try {
            for (ChunkKey _ : fresh) {
                leases.add(filled());
            }
            long start = System.nanoTime();
            List<CompletableFuture<PutOutcome>> puts = IntStream.range(0, fresh.size())
                    .mapToObj(i -> backend.put(fresh.get(i), meta, leases.get(i)))
                    .toList();
            for (CompletableFuture<PutOutcome> put : puts) {
                requireStored(await("written", put));
            }
            return System.nanoTime() - start;
        } finally {
            leases.forEach(BufferLease::close);
        }
    }

    private BufferLease filled() throws IOException {
        BufferLease lease = backend.allocator()
                .tryAllocate(meta.byteSize())
                .orElseThrow(() -> new IOException("the backend has no memory left for a chunk"));
        boolean filled = false;
        try {
            memory.copyIn(content, lease.buffer());
            filled = true;
            return lease;
        } finally {
            if (!filled) {
                lease.close();
            }
        }
    }

    private static void requireStored(PutOutcome outcome) throws IOException {
        switch (outcome) {
            case PutOutcome.Stored _ -> {}
            case PutOutcome.AlreadyPresent _ -> throw new IOException("a new chunk was taken for one that is there");
            case PutOutcome.Declined declined -> throw new IOException("a chunk was declined: " + declined.message());
        }
    }

    private long read(List<ChunkKey> stored) throws IOException {
        long start = System.nanoTime();
        List<CompletableFuture<Optional<StoredChunk>>> gets = new ArrayList<>();
        try {
            stored.forEach(key -> gets.add(backend.get(key, backend.allocator())));
            List<StoredChunk> found = new ArrayList<>();
            for (CompletableFuture<Optional<StoredChunk>> get : gets) {
                found.add(await("read", get)
                        .orElseThrow(() -> new IOException("a chunk that had been stored was not found intact")));
            }
            long nanos = System.nanoTime() - start;
            for (StoredChunk chunk : found) {
                requireIntact(chunk);
            }
            return nanos;
        } finally {
            gets.forEach(StorageTrial::closeOnArrival);
        }
    }

    private void requireIntact(StoredChunk chunk) throws IOException {
        memory.copyOut(chunk.lease().buffer(), back);
        if (back.mismatch(content) >= 0) {
            throw new IOException("a chunk came back changed");
        }
    }

    /** Also of a read that nobody waits for any more. */
    private static void closeOnArrival(CompletableFuture<Optional<StoredChunk>> get) {
        var _ = get.thenAccept(found -> found.ifPresent(StoredChunk::close));
    }

    private static <T> T await(String what, CompletableFuture<T> future) throws IOException {
        try {
            return future.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
            throw new IOException("a chunk could not be " + what + ": " + Reason.of(cause), cause);
        } catch (TimeoutException e) {
            throw new IOException("a chunk was not " + what + " within " + TIMEOUT_SECONDS + " seconds", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("the trial was interrupted");
        }
    }
}
