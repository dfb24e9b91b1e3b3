package io.lmcache.cli.replay;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/**
 * A host tier, and below it a file tier or none, as the stack runs them: a request reads the longest prefix of its blocks
 * that the tiers have between them, stores the rest in both, and what was in the file tier only is promoted. The file
 * tier evicts what was used longest ago. Used by one thread, once.
 */
public final class Simulation {
    private static final CacheOrder NOTHING = new ListOrder(ListOrder.Kind.LRU, 0, 0);

    private final Trace trace;
    private final CacheOrder host;
    private final CacheOrder file;
    private final boolean hasFile;
    private final Steps steps;

    private int reference;
    private long hostHits;
    private long fileHits;
    private long hostWrites;
    private long fileWrites;
    private long hitTokens;
    private double hitTokensSquared;

    private Simulation(Trace trace, ReplayPolicy policy, int hostBlocks, int fileBlocks) {
        this.trace = trace;
        this.steps = new Steps(trace);
        this.host = policy.order(trace, hostBlocks);
        this.hasFile = fileBlocks > 0;
        this.file = hasFile ? ReplayPolicy.LRU.order(trace, fileBlocks) : NOTHING;
    }

    /**
     * Replays the trace.
     *
     * @param hostBlocks the blocks that the host tier holds, at least one
     * @param fileBlocks the blocks that the file tier holds; 0 for none
     */
    public static Outcome run(Trace trace, ReplayPolicy policy, int hostBlocks, int fileBlocks) {
        if (hostBlocks < 1 || fileBlocks < 0) {
            throw new IllegalArgumentException("tiers of " + hostBlocks + " and " + fileBlocks + " blocks");
        }
        return new Simulation(trace, policy, hostBlocks, fileBlocks).run();
    }

    /** Replays the trace with a host tier that never needs to evict. */
    public static Outcome infinite(Trace trace) {
        return run(trace, ReplayPolicy.FIFO, Math.max(1, trace.distinctBlocks()), 0);
    }

    private Outcome run() {
        // Not the time of day: what else runs on the machine is no part of it.
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long start = threads.getCurrentThreadCpuTime();
        for (int request = 0; request < trace.requests(); request++) {
            long hostHitsBefore = hostHits;
            long fileHitsBefore = fileHits;
            long writesBefore = hostWrites + fileWrites;
            replay(request);
            steps.add(
                    trace.seconds(request),
                    hostHits - hostHitsBefore,
                    fileHits - fileHitsBefore,
                    hostWrites + fileWrites - writesBefore);
        }
        // The clock may be too coarse for a short trace.
        double seconds = Math.max(1, threads.getCurrentThreadCpuTime() - start) / 1e9;
        return new Outcome(
                hostHits,
                fileHits,
                hostWrites,
                fileWrites,
                host.evictions(),
                file.evictions(),
                hitTokens,
                hitTokensSquared,
                steps.toList(),
                seconds);
    }

    private void replay(int request) {
        int start = trace.start(request);
        int end = trace.end(request);
        int at = start;
        while (at < end && retrieve(trace.block(at))) {
            at++;
            reference++;
        }
        countTokens(at - start, trace.inputTokens(request));
        while (at < end) {
            store(trace.block(at));
            at++;
            reference++;
        }
    }

    private boolean retrieve(int block) {
        if (host.contains(block)) {
            hostHits++;
            host.use(block, reference);
            return true;
        }
        if (!hasFile || !file.contains(block)) {
            return false;
        }
        fileHits++;
        file.use(block, reference);
        host.admit(block, reference);
        hostWrites++;
        return true;
    }

    private void store(int block) {
        if (host.contains(block)) {
            host.recompute(block, reference);
        } else {
            host.admit(block, reference);
            hostWrites++;
        }
        if (hasFile && !file.contains(block)) {
            file.admit(block, reference);
            fileWrites++;
        }
    }

    /** The last token of a prompt is computed in any case, and its last block may not be full. */
    private void countTokens(int hitBlocks, int inputTokens) {
        long tokens = Math.max(0, Math.min((long) hitBlocks * trace.blockTokens(), inputTokens - 1L));
        hitTokens += tokens;
        hitTokensSquared += (double) tokens * tokens;
    }
}
