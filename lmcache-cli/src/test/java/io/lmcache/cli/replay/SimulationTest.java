package io.lmcache.cli.replay;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SimulationTest {
    private static final int BLOCK_TOKENS = 10;

    @Test
    void aBlockAfterAGapIsNoHit() {
        // 1 has left when the second request comes, so 2 and 3 are of no use to it.
        Trace trace = trace(new int[] {1, 2, 3}, new int[] {1, 2, 3});
        Outcome outcome = Simulation.run(trace, ReplayPolicy.LRU, 2, 0);
        assertThat(outcome.hits()).isZero();
        assertThat(Simulation.infinite(trace).hits()).isEqualTo(3);
    }

    @Test
    void everyPolicyEvictsWhatItSays() {
        // Room for two; 1 is used again before 3 comes.
        assertThat(hits(ReplayPolicy.LRU, 2, 1, 2, 1, 3, 1)).isEqualTo(2);
        assertThat(hits(ReplayPolicy.FIFO, 2, 1, 2, 1, 3, 1)).isEqualTo(1);
        assertThat(hits(ReplayPolicy.MRU, 2, 1, 2, 1, 3, 2)).isEqualTo(2);
        assertThat(hits(ReplayPolicy.LFU, 2, 1, 1, 2, 3, 1)).isEqualTo(2);
        assertThat(hits(ReplayPolicy.OPTIMUM, 2, 1, 2, 3, 1, 2)).isEqualTo(2);
    }

    @Test
    void aScanCostsW_TinyLfuAndS3FifoNoneOfWhatIsUsedOften() {
        int[] blocks = new int[4000];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = i < 1000 || i % 2 == 0 ? i / 2 % 50 : i;
        }
        int capacity = 60;
        int lru = hits(ReplayPolicy.LRU, capacity, blocks);
        assertThat(hits(ReplayPolicy.W_TINYLFU, capacity, blocks)).isGreaterThan(lru);
        assertThat(hits(ReplayPolicy.S3_FIFO, capacity, blocks)).isGreaterThan(lru);
    }

    @Test
    void theFileTierKeepsWhatTheHostTierEvictsAndItIsPromoted() {
        Trace trace = trace(new int[] {1}, new int[] {2}, new int[] {1}, new int[] {1});
        Outcome outcome = Simulation.run(trace, ReplayPolicy.LRU, 1, 2);
        assertThat(outcome.fileHits()).isEqualTo(1);
        assertThat(outcome.hostHits()).isEqualTo(1);
        assertThat(outcome.hostWrites()).isEqualTo(3);
        assertThat(outcome.fileWrites()).isEqualTo(2);
        assertThat(outcome.hostEvictions()).isEqualTo(2);
        assertThat(outcome.fileEvictions()).isZero();
    }

    @Test
    void theLastTokenOfAPromptIsNotSaved() {
        Outcome outcome = Simulation.infinite(trace(new int[] {1, 2}, new int[] {1, 2}));
        assertThat(outcome.hitTokens()).isEqualTo(2 * BLOCK_TOKENS - 1);
        assertThat(outcome.hitTokensSquared()).isEqualTo(19.0 * 19.0);
        double flops = 2 * 8.03e9 * 19 + 2.0 * 32 * 4096 * 361;
        assertThat(ReplayModel.LLAMA_3_1_8B.prefillSeconds(outcome, 1e12)).isEqualTo(flops / 1e12);
    }

    @ParameterizedTest
    @EnumSource(ReplayPolicy.class)
    void noPolicyExceedsItsRoomOrTheOptimum(ReplayPolicy policy) {
        for (long seed = 0; seed < 60; seed++) {
            Random random = new Random(seed);
            int capacity = 1 + random.nextInt(8);
            int[] blocks = random.ints(60, 0, 1 + random.nextInt(12)).toArray();
            CacheOrder order = policy.order(singles(blocks), capacity);
            BitSet seen = new BitSet();
            long admitted = 0;
            Trace trace = singles(blocks);
            for (int i = 0; i < trace.references(); i++) {
                int block = trace.block(i);
                seen.set(block);
                if (order.contains(block)) {
                    order.use(block, i);
                } else {
                    order.admit(block, i);
                    admitted++;
                }
                long held = seen.stream().filter(order::contains).count();
                assertThat(held).as("seed %d", seed).isLessThanOrEqualTo(capacity);
                assertThat(order.evictions()).as("seed %d", seed).isEqualTo(admitted - held);
            }
            assertThat(hits(policy, capacity, blocks))
                    .as("seed %d", seed)
                    .isLessThanOrEqualTo(hits(ReplayPolicy.OPTIMUM, capacity, blocks));
        }
    }

    @Test
    void theOptimumIsWhatTryingEverythingFinds() {
        for (long seed = 0; seed < 100; seed++) {
            Random random = new Random(seed);
            int[] blocks = random.ints(10, 0, 5).toArray();
            int capacity = 1 + random.nextInt(3);
            assertThat(hits(ReplayPolicy.OPTIMUM, capacity, blocks))
                    .as("seed %d", seed)
                    .isEqualTo(best(blocks, 0, 0, capacity));
        }
    }

    /** The most hits from a place on, with the blocks of a set of bits in the cache, and any choice of what to keep. */
    private static int best(int[] blocks, int at, int held, int capacity) {
        if (at == blocks.length) {
            return 0;
        }
        int bit = 1 << blocks[at];
        if ((held & bit) != 0) {
            return 1 + best(blocks, at + 1, held, capacity);
        }
        int most = best(blocks, at + 1, held, capacity);
        if (Integer.bitCount(held) < capacity) {
            return Math.max(most, best(blocks, at + 1, held | bit, capacity));
        }
        for (int victim = 1; victim <= held; victim <<= 1) {
            if ((held & victim) != 0) {
                most = Math.max(most, best(blocks, at + 1, (held & ~victim) | bit, capacity));
            }
        }
        return most;
    }

    @ParameterizedTest
    @EnumSource(ReplayPolicy.class)
    void aDistinctBlockTakes64BytesAtMost(ReplayPolicy policy) {
        int blocks = 1 << 17;
        Trace trace = singles(new Random(1).ints(blocks).toArray());
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        Simulation.run(trace, policy, blocks / 2, blocks / 2);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(allocated / (double) trace.distinctBlocks()).isLessThanOrEqualTo(64);
    }

    @Tag("slow")
    @ParameterizedTest
    @EnumSource(ReplayPolicy.class)
    void aMillionBlocksASecondAtLeast(ReplayPolicy policy) {
        Trace trace = singles(new Random(2).ints(1 << 20, 0, 1 << 18).toArray());
        double seconds = Double.MAX_VALUE;
        // Of processor time, and the best of some rounds, since code is compiled meanwhile.
        for (int round = 0; round < 5; round++) {
            seconds = Math.min(
                    seconds, Simulation.run(trace, policy, 1 << 16, 1 << 17).seconds());
        }
        assertThat(trace.references() / seconds).isGreaterThan(1e6);
    }

    private static int hits(ReplayPolicy policy, int capacity, int... blocks) {
        return (int) Simulation.run(singles(blocks), policy, capacity, 0).hits();
    }

    /** A request for each block. */
    private static Trace singles(int... blocks) {
        int[][] requests = new int[blocks.length][];
        for (int i = 0; i < blocks.length; i++) {
            requests[i] = new int[] {blocks[i]};
        }
        return trace(requests);
    }

    private static Trace trace(int[]... requests) {
        Trace.Builder builder = new Trace.Builder();
        for (int i = 0; i < requests.length; i++) {
            builder.request(i);
            builder.setInputTokens(requests[i].length * BLOCK_TOKENS);
            for (int block : requests[i]) {
                builder.block(block);
            }
        }
        return builder.build(BLOCK_TOKENS);
    }
}
