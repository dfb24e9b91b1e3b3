package io.lmcache.chunkfiles;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.MemoryDomain;
import io.lmcache.api.spi.BackendCapability;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ChunkPin;
import io.lmcache.api.spi.Counters;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.chunkfiles.directory.BoundedCall;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.format.FoundChunk;
import io.lmcache.chunkfiles.io.IoThreads;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The backend on a directory of chunk files.
 *
 * <p>What is the same for all memory is here: which file a chunk is, the threads, the checks, the order of closing. What
 * depends on the memory that payload moves to and from is the {@link PayloadTransport}'s. Thread-safe.
 */
public final class ChunkFileBackend implements StorageBackend {
    private static final Logger LOG = LoggerFactory.getLogger(ChunkFileBackend.class);

    /** Enough that a thousand chunks of a file system across a network are found in no time. */
    public static final int LOOKUP_THREADS = 64;

    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);
    private static final Duration CLEAR_STANDSTILL = Duration.ofSeconds(10);
    private static final Duration LAST_CALLS = Duration.ofSeconds(2);

    /**
     * How many threads move payload.
     *
     * @param readers those that read
     * @param writers those that write
     */
    public record Threads(int readers, int writers) {}

    private final String name;
    private final long limitBytes;
    private final Counters counters;
    private final ChunkDirectory directory;
    private final PayloadTransport transport;
    // Each kind of work has threads of its own: a burst of stores holds up no load, and neither holds up a lookup.
    private final IoThreads lookupThreads;
    private final IoThreads readThreads;
    private final IoThreads writeThreads;
    // Not the JDK's, which the whole process shares.
    private final ScheduledThreadPoolExecutor timer;
    private final ChunkReader reader;
    private final ChunkWriter writer;
    private final PrefixProbe probe;
    private volatile boolean closed;

    /**
     * A backend that owns the directory and the transport from now on.
     *
     * @param name what the backend is called
     * @param counters where the directory counts
     */
    public ChunkFileBackend(
            String name,
            FileTierSettings settings,
            Counters counters,
            ChunkDirectory directory,
            PayloadTransport transport,
            Threads threads) {
        this.name = name;
        long maxBytes = settings.directory().maxBytes();
        this.limitBytes = maxBytes == 0 ? Long.MAX_VALUE : maxBytes;
        this.counters = counters;
        this.directory = directory;
        this.transport = transport;
        this.lookupThreads = new IoThreads(name, "lookup", LOOKUP_THREADS);
        this.readThreads = new IoThreads(name, "read", threads.readers());
        this.writeThreads = new IoThreads(name, "write", threads.writers());
        this.timer = new ScheduledThreadPoolExecutor(
                1,
                Thread.ofPlatform().daemon().name("lmcache-" + name + "-timer").factory());
        this.timer.setRemoveOnCancelPolicy(true);
        this.reader = new ChunkReader(directory, readThreads, counters, transport, timer);
        this.writer = new ChunkWriter(directory, writeThreads, counters, transport, timer);
        this.probe = new PrefixProbe(directory, lookupThreads);
        for (MemoryDomain domain : MemoryDomain.values()) {
            transport.allocator(domain).ifPresent(memory -> directory.noteMemory(memory.limitBytes()));
        }
    }

    /**
     * Opens a backend by that call, within a bound.
     *
     * @param name what it will be called
     * @param atMost how long it may take
     * @throws LmcacheException with {@link ErrorCode#START_FAILED} when the file system does not answer, or with what the
     *     call throws
     */
    public static StorageBackend open(String name, Duration atMost, Callable<StorageBackend> call) {
        try {
            return BoundedCall.of("lmcache-" + name + "-open", atMost, call, StorageBackend::close);
        } catch (TimeoutException | IOException e) {
            throw new LmcacheException(
                    ErrorCode.START_FAILED,
                    "Backend '" + name + "' could not start: "
                            + (e instanceof TimeoutException
                                    ? "the file system of its directories has not answered for " + atMost.toSeconds()
                                            + " seconds"
                                    : e)
                            + "; look at the mount, or name another path",
                    e);
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Set<BackendCapability> capabilities() {
        return Set.of(BackendCapability.PERSISTENT, BackendCapability.SHARED);
    }

    @Override
    public BufferAllocator allocator() {
        return transport.allocator();
    }

    @Override
    public Optional<BufferAllocator> allocator(MemoryDomain domain) {
        return transport.allocator(domain);
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        return closed ? CompletableFuture.completedFuture(0) : probe.length(keys);
    }

    @Override
    public CompletableFuture<Integer> confirmPrefix(List<ChunkKey> keys) {
        return closed ? CompletableFuture.completedFuture(0) : probe.confirmedLength(keys);
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        if (transport.allocator(allocator.domain()).isEmpty()) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "Backend '" + name + "' does not read into memory of the kind " + allocator.domain()
                            + ", which allocator '" + allocator.name()
                            + "' has; use backend 'gds' for GPU memory, or read into host memory and copy");
        }
        directory.noteMemory(allocator.limitBytes());
        return reader.read(key, allocator);
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        long bytes = lease.buffer().byteSize();
        if (bytes != meta.byteSize() || !meta.layout().equals(key.scope().layout())) {
            throw new LmcacheException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "Backend '" + name + "': chunk " + key + " of " + meta + " takes " + meta.byteSize()
                            + " bytes, but the buffer has " + bytes
                            + "; use the layout of the key, and all of the buffer");
        }
        directory.noteMemory(bytes);
        if (closed) {
            return writer.declined(DeclineReason.CLOSED, "The backend is closed");
        }
        Optional<String> objection = transport.objectionTo(lease.buffer());
        return objection.isPresent()
                ? writer.declined(DeclineReason.UNSUPPORTED, objection.get())
                : writer.write(key, meta, lease);
    }

    @Override
    public Optional<ChunkPin> tryPin(ChunkKey key) {
        return closed ? Optional.empty() : directory.locate(key).flatMap(directory::tryPin);
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return directory
                .locate(key)
                .map(chunk -> writeThreads.call(
                        () -> {
                            transport.forget(chunk);
                            return directory.remove(chunk);
                        },
                        false))
                .orElseGet(() -> CompletableFuture.completedFuture(false));
    }

    @Override
    public void clear() {
        clear((_, _) -> true);
    }

    @Override
    public void clear(String model) {
        clear((root, file) -> FoundChunk.modelOf(root, file).equals(Optional.of(model)));
    }

    private void clear(ChunkDirectory.FileTest which) {
        try {
            BoundedCall.whileMoving("lmcache-" + name + "-clear", CLEAR_STANDSTILL, directory::cleared, () -> {
                transport.forgetAll();
                directory.clear(which);
            });
        } catch (IOException e) {
            throw new UncheckedIOException("Chunk directory " + directory.roots() + " could not be cleared", e);
        } catch (TimeoutException e) {
            throw new UncheckedIOException(
                    "Chunk directory " + directory.roots() + " is not cleared: its file system has not answered for "
                            + CLEAR_STANDSTILL.toSeconds() + " seconds; what is left goes when it does",
                    new IOException(e));
        }
    }

    @Override
    public BackendStats stats() {
        return new BackendStats(directory.knownChunks(), directory.knownBytes(), limitBytes, counters.snapshot())
                .with(transport.counters())
                .with(waits());
    }

    private Map<BackendCounter, Long> waits() {
        return Map.of(
                BackendCounter.LOOKUPS_WAITING,
                lookupThreads.waiting(),
                BackendCounter.LOOKUP_WAITS,
                lookupThreads.waits(),
                BackendCounter.LOOKUP_WAIT_NANOS,
                lookupThreads.waitNanos(),
                BackendCounter.READS_WAITING,
                readThreads.waiting(),
                BackendCounter.READ_WAITS,
                readThreads.waits(),
                BackendCounter.READ_WAIT_NANOS,
                readThreads.waitNanos(),
                BackendCounter.WRITES_WAITING,
                writeThreads.waiting(),
                BackendCounter.WRITE_WAITS,
                writeThreads.waits(),
                BackendCounter.WRITE_WAIT_NANOS,
                writeThreads.waitNanos());
    }

    /**
     * Ends what is under way, within a bound.
     *
     * @throws LmcacheException with {@link ErrorCode#LEAK} when reads or writes hang, or someone holds a lease of the
     *     backend's memory: then that memory is kept, and a later close frees it
     */
    @Override
    public void close() {
        closed = true;
        writeThreads.shutdown();
        readThreads.shutdown();
        lookupThreads.shutdown();
        long deadlineNanos = System.nanoTime() + CLOSE_TIMEOUT.toNanos();
        boolean writesEnded = writeThreads.awaitEnd(deadlineNanos);
        boolean readsEnded = readThreads.awaitEnd(deadlineNanos);
        // Also when something is stuck here: the tiers above are closed next, and the transport must let go of their
        // memory.
        boolean transfersEnded = transport.awaitEnd(deadlineNanos);
        lookupThreads.awaitEnd(deadlineNanos);
        endLastCalls("lmcache-" + name + "-forget", transport::forgetAll);
        // Puts that wait for room are declined from in here.
        directory.close(deadlineNanos);
        // What it still has to do are reads that ask again, which are rejected now.
        timer.shutdown();
        if (!writesEnded || !readsEnded || !transfersEnded) {
            throw new LmcacheException(
                    ErrorCode.LEAK,
                    "Backend '" + name + "': reads or writes below " + directory.roots() + " have not ended within "
                            + CLOSE_TIMEOUT.toSeconds()
                            + " seconds, so the memory they use is kept; close again when the storage answers");
        }
        transport.close();
    }

    private void endLastCalls(String thread, BoundedCall.Work work) {
        try {
            if (!BoundedCall.inTime(thread, LAST_CALLS, work)) {
                LOG.warn("Backend '{}': files below {} are left open, which do not close", name, directory.roots());
            }
        } catch (IOException e) {
            LOG.warn("Backend '{}': files below {} could not be closed", name, directory.roots(), e);
        }
    }
}
