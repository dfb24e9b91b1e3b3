package io.lmcache.cli.replay;

import io.lmcache.api.KeyScope;
import io.lmcache.api.engine.RetrieveResult;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/**
 * Replays a trace with payload: each request loads what a stack has of its prompt, checks every byte, and stores the rest.
 * Used by one thread, once.
 */
public final class Drive {
    private static final int PARTS = 50;
    private static final long BARE_BYTES = 64 << 20;
    private static final int BARE_ROUNDS = 8;
    private static final int PUBLISH_SECONDS = 60;
    private static final double NANOS = 1e9;

    private final Trace trace;
    private final KvCache cache;
    private final int requests;
    private final double speed;
    private final IntConsumer progress;

    private final SortedMap<String, Long> tokensByTier = new TreeMap<>();
    private final List<Double> retrieveMillis = new ArrayList<>();
    private final List<SortedMap<String, Long>> readOfPart = new ArrayList<>();
    private final long[] writtenOfPart = new long[PARTS];
    private long tokens;
    private long bytesRead;
    private long bytesWritten;
    private long declinedTokens;
    private long damagedChunks;
    private long readNanos;
    private long writeNanos;

    /**
     * A drive through a stack.
     *
     * @param model whose KV it is
     * @param requests how many requests at most
     * @param speed how fast the trace's time goes by; 0 to wait for nothing
     * @param progress told the number of each request that is done
     */
    public Drive(Trace trace, ReplayModel model, LmcacheStack stack, int requests, double speed, IntConsumer progress) {
        this.trace = trace;
        this.cache = stack.cache(KeyScope.of("replay-" + model, model.layout()));
        this.requests = Math.min(requests, trace.requests());
        this.speed = speed;
        this.progress = progress;
        for (int part = 0; part < PARTS; part++) {
            readOfPart.add(new TreeMap<>());
        }
    }

    /** Runs it. */
    public DriveResult run() {
        long start = System.nanoTime();
        for (int request = 0; request < requests; request++) {
            awaitTurn(request, start);
            drive(request, (int) ((long) request * PARTS / requests));
            progress.accept(request);
        }
        List<DriveResult.Part> parts = new ArrayList<>();
        for (int part = 0; part < PARTS; part++) {
            parts.add(new DriveResult.Part(readOfPart.get(part), writtenOfPart[part]));
        }
        retrieveMillis.sort(null);
        return new DriveResult(
                requests,
                tokens,
                tokensByTier,
                bytesRead,
                bytesWritten,
                declinedTokens,
                damagedChunks,
                readNanos / NANOS,
                writeNanos / NANOS,
                bareBytesPerSecond(buffer -> damagedChunks += Payload.isIn(buffer, 0) ? 0 : 1),
                bareBytesPerSecond(buffer -> Payload.fill(buffer, 0)),
                retrieveMillis,
                parts);
    }

    private void awaitTurn(int request, long start) {
        if (speed == 0) {
            return;
        }
        long due = start + (long) ((trace.seconds(request) - trace.seconds(0)) / speed * NANOS);
        for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private void drive(int request, int part) {
        int[] prompt = prompt(request);
        if (prompt.length == 0) {
            return;
        }
        tokens += prompt.length;
        load(request, prompt, part);
        store(request, prompt, part);
    }

    private void load(int request, int[] prompt, int part) {
        long start = System.nanoTime();
        RetrieveResult result = cache.retrieve(prompt, (range, source) -> check(request, range, source));
        long nanos = System.nanoTime() - start;
        if (result.tokens() > 0) {
            readNanos += nanos;
            retrieveMillis.add(nanos / 1e6);
        }
        long bytesPerToken = cache.scope().layout().bytesPerToken();
        result.tokensByTier().forEach((tier, found) -> {
            tokensByTier.merge(tier, (long) found, Long::sum);
            readOfPart.get(part).merge(tier, found * bytesPerToken, Long::sum);
        });
    }

    private void check(int request, TokenRange range, KvBuffer source) {
        bytesRead += source.byteSize();
        if (!Payload.isIn(source, seed(request, range))) {
            damagedChunks++;
        }
    }

    private void store(int request, int[] prompt, int part) {
        long start = System.nanoTime();
        StoreResult result = cache.store(prompt, (range, destination) -> {
            bytesWritten += destination.byteSize();
            writtenOfPart[part] += destination.byteSize();
            Payload.fill(destination, seed(request, range));
        });
        declinedTokens += result.declinedTokens();
        await(result);
        writeNanos += System.nanoTime() - start;
    }

    /** Else the next request would find what is not there yet, or nothing where it should. */
    private static void await(StoreResult result) {
        try {
            result.published().get(PUBLISH_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException e) {
            // What is not stored is a miss of a later request.
            return;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private long seed(int request, TokenRange range) {
        int block = trace.block(trace.start(request) + (range.end() - 1) / trace.blockTokens());
        return Payload.seed(block, range.end());
    }

    /** Tokens that are the same where the blocks are. */
    private int[] prompt(int request) {
        int blocks = trace.end(request) - trace.start(request);
        int length = (int) Math.min((long) blocks * trace.blockTokens(), trace.inputTokens(request));
        int[] prompt = new int[length];
        for (int i = 0; i < length; i++) {
            int block = trace.block(trace.start(request) + i / trace.blockTokens());
            prompt[i] = (block * 0x9E37_79B1 + i) & Integer.MAX_VALUE;
        }
        return prompt;
    }

    /** Does something with the bytes of a buffer. */
    private interface Work {
        void on(KvBuffer buffer);
    }

    private double bareBytesPerSecond(Work work) {
        try (Arena arena = Arena.ofConfined()) {
            HostBuffer buffer = new HostBuffer(arena.allocate(BARE_BYTES));
            Payload.fill(buffer, 0);
            long best = Long.MAX_VALUE;
            for (int round = 0; round < BARE_ROUNDS; round++) {
                long start = System.nanoTime();
                work.on(buffer);
                best = Math.min(best, System.nanoTime() - start);
            }
            return BARE_BYTES * NANOS / best;
        }
    }
}
