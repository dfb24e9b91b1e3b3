package io.lmcache.cli.replay;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.memory.HostBuffer;
import io.lmcache.core.engine.LmcacheStack;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DriveTest {
    private static final int BLOCK_TOKENS = 32;

    @TempDir
    private Path root;

    /** Three requests of blocks, the second of which begins as the first, the third as both. */
    private static Trace trace() {
        Trace.Builder builder = new Trace.Builder();
        int[][] requests = {{1, 2, 3}, {1, 2, 4, 5}, {1, 2, 3, 6}};
        for (int i = 0; i < requests.length; i++) {
            builder.request(i * 0.01);
            builder.setInputTokens(requests[i].length * BLOCK_TOKENS);
            for (int block : requests[i]) {
                builder.block(block);
            }
        }
        return builder.build(BLOCK_TOKENS);
    }

    private static DriveResult drive(LmcacheStack stack, int requests, double speed) {
        return new Drive(trace(), ReplayModel.QWEN_2_5_0_5B, stack, requests, speed, _ -> {}).run();
    }

    @Test
    void everyByteThatComesBackIsCompared() {
        try (LmcacheStack stack = LmcacheStack.builder()
                .chunkSize(BLOCK_TOKENS)
                .tier("cpu", Map.of("max_local_cpu_size", "64 MiB"))
                .build()) {
            DriveResult result = drive(stack, Integer.MAX_VALUE, 0);
            assertThat(result.requests()).isEqualTo(3);
            assertThat(result.tokens()).isEqualTo(11 * BLOCK_TOKENS);
            assertThat(result.tokensByTier()).containsOnly(Map.entry("cpu", 5L * BLOCK_TOKENS));
            assertThat(result.damagedChunks()).isZero();
            long bytesOfBlock = ReplayModel.QWEN_2_5_0_5B.bytesPerToken() * BLOCK_TOKENS;
            assertThat(result.bytesRead()).isEqualTo(5 * bytesOfBlock);
            assertThat(result.bytesWritten()).isEqualTo(6 * bytesOfBlock);
            assertThat(result.retrieveMillis()).hasSize(2).isSorted();
            assertThat(result.steps().stream()
                            .mapToLong(DriveResult.Part::bytesWritten)
                            .sum())
                    .isEqualTo(result.bytesWritten());
        }
    }

    @Test
    void whatOneDriveStoredAnotherFindsInTheFiles() {
        for (int round = 0; round < 2; round++) {
            try (LmcacheStack stack = LmcacheStack.builder()
                    .chunkSize(BLOCK_TOKENS)
                    .tier("posix", Map.of("gds_path", List.of(root)))
                    .build()) {
                DriveResult result = drive(stack, 1, 1000);
                assertThat(result.damagedChunks()).isZero();
                assertThat(result.tokensByTier().getOrDefault("posix", 0L)).isEqualTo(round * 3L * BLOCK_TOKENS);
            }
        }
    }

    @Test
    void theTracesTimeIsWaitedFor() {
        try (LmcacheStack stack = LmcacheStack.builder()
                .tier("cpu", Map.of("max_local_cpu_size", "64 MiB"))
                .build()) {
            long start = System.nanoTime();
            drive(stack, 3, 0.1);
            // 20 ms of the trace, a tenth as fast.
            assertThat(System.nanoTime() - start).isGreaterThan(200_000_000L);
        }
    }

    @Test
    void oneOtherBitIsSeen() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(4096);
            HostBuffer buffer = new HostBuffer(bytes);
            Payload.fill(buffer, Payload.seed(3, 64));
            assertThat(Payload.isIn(buffer, Payload.seed(3, 64))).isTrue();
            assertThat(Payload.isIn(buffer, Payload.seed(3, 32))).isFalse();
            assertThat(Payload.isIn(buffer, Payload.seed(4, 64))).isFalse();
            bytes.set(ValueLayout.JAVA_BYTE, 4000, (byte) (bytes.get(ValueLayout.JAVA_BYTE, 4000) ^ 4));
            assertThat(Payload.isIn(buffer, Payload.seed(3, 64))).isFalse();
        }
    }
}
