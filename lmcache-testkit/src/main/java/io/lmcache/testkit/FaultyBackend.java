package io.lmcache.testkit;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StoredChunk;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A backend that fails and hangs as the test has scripted, and is otherwise the backend that it wraps.
 *
 * <p>{@code faulty.on(Operation.GET).pass(3).fail(1, IOException::new)} lets three gets through and fails the fourth;
 * calls beyond the script pass. Thread-safe. Owns the wrapped backend.
 */
public final class FaultyBackend extends ForwardingBackend {
    /** An operation that faults are scripted for. */
    public enum Operation {
        CONTAINS_PREFIX,
        GET,
        PUT,
        INVALIDATE
    }

    private final Script containsPrefixes = new Script();
    private final Script gets = new Script();
    private final Script puts = new Script();
    private final Script invalidations = new Script();

    /** A wrapper without faults so far. */
    public FaultyBackend(StorageBackend delegate) {
        super(delegate);
    }

    /** The script of one operation. */
    public Script on(Operation operation) {
        return switch (operation) {
            case CONTAINS_PREFIX -> containsPrefixes;
            case GET -> gets;
            case PUT -> puts;
            case INVALIDATE -> invalidations;
        };
    }

    @Override
    public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
        return containsPrefixes.play(() -> super.containsPrefix(keys));
    }

    @Override
    public CompletableFuture<Integer> confirmPrefix(List<ChunkKey> keys) {
        return containsPrefixes.play(() -> super.confirmPrefix(keys));
    }

    @Override
    public CompletableFuture<Optional<StoredChunk>> get(ChunkKey key, BufferAllocator allocator) {
        return gets.play(() -> super.get(key, allocator));
    }

    @Override
    public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
        // A put that hangs outlives the caller's lease.
        BufferLease share = lease.share();
        try {
            // A copy: whoever cancels it keeps nobody from closing the share.
            return puts.play(() -> super.put(key, meta, share))
                    .whenComplete((outcome, failure) -> share.close())
                    .copy();
        } catch (RuntimeException e) {
            share.close();
            throw e;
        }
    }

    @Override
    public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
        return invalidations.play(() -> super.tryInvalidate(key));
    }

    /** Lets go of every call that hangs, and closes the wrapped backend. */
    @Override
    public void close() {
        List.of(containsPrefixes, gets, puts, invalidations).forEach(Script::release);
        super.close();
    }

    /** What happens to the next calls of one operation, one step a call. Thread-safe. */
    public static final class Script {
        private sealed interface Step {
            record Pass() implements Step {}

            record Fail(Supplier<IOException> failure) implements Step {}

            record Hang() implements Step {}
        }

        // Guarded by this.
        private final Queue<Step> steps = new ArrayDeque<>();
        private final List<CompletableFuture<@Nullable Void>> hanging = new ArrayList<>();
        private int calls;

        private Script() {}

        /** The next so many calls go through. */
        public Script pass(int times) {
            return add(times, new Step.Pass());
        }

        /** The next so many calls complete with a new exception each and do not reach the wrapped backend. */
        public Script fail(int times, Supplier<IOException> failure) {
            return add(times, new Step.Fail(failure));
        }

        /** The next so many calls do not complete, nor reach the wrapped backend, before {@link #release()}. */
        public Script hang(int times) {
            return add(times, new Step.Hang());
        }

        /** Lets the calls that hang now go through, on this thread. */
        public void release() {
            List<CompletableFuture<@Nullable Void>> released;
            synchronized (this) {
                released = List.copyOf(hanging);
                hanging.clear();
            }
            released.forEach(call -> call.complete(null));
        }

        /** How many calls there were, faulty ones included. */
        public synchronized int calls() {
            return calls;
        }

        /** How many calls hang now. */
        public synchronized int hanging() {
            return hanging.size();
        }

        @Override
        public synchronized String toString() {
            return "Script[" + steps.size() + " steps left, " + hanging.size() + " calls hang]";
        }

        private synchronized Script add(int times, Step step) {
            for (int i = 0; i < times; i++) {
                steps.add(step);
            }
            return this;
        }

        private <T> CompletableFuture<T> play(Supplier<CompletableFuture<T>> call) {
            return switch (next()) {
                case Step.Pass() -> call.get();
                case Step.Fail(Supplier<IOException> failure) -> CompletableFuture.failedFuture(failure.get());
                case Step.Hang() -> hangBefore(call);
            };
        }

        private synchronized Step next() {
            calls++;
            Step step = steps.poll();
            return step == null ? new Step.Pass() : step;
        }

        private synchronized <T> CompletableFuture<T> hangBefore(Supplier<CompletableFuture<T>> call) {
            CompletableFuture<@Nullable Void> released = new CompletableFuture<>();
            hanging.add(released);
            return released.thenCompose(nothing -> call.get());
        }
    }
}
