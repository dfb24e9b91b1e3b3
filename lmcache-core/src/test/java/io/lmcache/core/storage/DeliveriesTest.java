package io.lmcache.core.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.engine.KvSink;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.testkit.LeakCheck;
import io.lmcache.testkit.TestChunks;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class DeliveriesTest {
    private static final TokenRange RANGE = new TokenRange(0, TestChunks.META.tokens());

    @RegisterExtension
    final LeakCheck leaks = new LeakCheck();

    private final List<String> seen = new ArrayList<>();
    private BufferAllocator memory;

    @BeforeEach
    void allocator() {
        memory = leaks.hostAllocator("chunks", 1 << 20);
    }

    /** Takes its time; notes what happens, and how much memory is held then. */
    private final class SlowSink implements KvSink {
        private int number;

        @Override
        public void accept(TokenRange range, KvBuffer source) {
            throw new AssertionError("beginAccept is there");
        }

        @Override
        public Taking beginAccept(TokenRange range, KvBuffer source) {
            int mine = number++;
            seen.add("begin " + mine);
            return () -> seen.add("took " + mine);
        }
    }

    private StoredChunk chunk() {
        return new StoredChunk(
                TestChunks.META, memory.tryAllocate(TestChunks.META.byteSize()).orElseThrow());
    }

    @Test
    void oneChunkIsKeptWhileTheNextIsHandedOver() {
        try (Deliveries deliveries = new Deliveries(new SlowSink(), 1)) {
            for (int i = 0; i < 3; i++) {
                deliveries.begin(RANGE, chunk());
                deliveries.settle();
            }
            assertThat(seen).containsExactly("begin 0", "begin 1", "took 0", "begin 2", "took 1");
            assertThat(memory.usedBytes()).isPositive();
        }
        assertThat(seen).endsWith("took 2");
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void whereMemoryIsShortEachChunkIsWaitedFor() {
        try (Deliveries deliveries = new Deliveries(new SlowSink(), 0)) {
            deliveries.begin(RANGE, chunk());
            deliveries.settle();
            assertThat(seen).containsExactly("begin 0", "took 0");
            assertThat(memory.usedBytes()).isZero();
        }
    }

    @Test
    void aSinkThatOnlyAcceptsIsServedAsBefore() {
        try (Deliveries deliveries = new Deliveries((_, _) -> seen.add("accepted"), 1)) {
            deliveries.begin(RANGE, chunk());
            assertThat(seen).containsExactly("accepted");
        }
    }

    @Test
    void aSinkThatRefusesAChunkIsStillWaitedForWithTheOneBefore() {
        KvSink slow = new SlowSink();
        KvSink refusesTheSecond = new KvSink() {
            @Override
            public void accept(TokenRange range, KvBuffer source) {
                throw new AssertionError("beginAccept is there");
            }

            @Override
            public Taking beginAccept(TokenRange range, KvBuffer source) {
                if (!seen.isEmpty()) {
                    throw new IllegalStateException("enough");
                }
                return slow.beginAccept(range, source);
            }
        };
        assertThatThrownBy(() -> {
                    try (Deliveries deliveries = new Deliveries(refusesTheSecond, 1)) {
                        deliveries.begin(RANGE, chunk());
                        deliveries.begin(RANGE, chunk());
                    }
                })
                .hasMessage("enough");
        assertThat(seen).containsExactly("begin 0", "took 0");
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void errorsOfASinkLeaveNoChunkUnderWayEvenWhenTheyAreOneObject() {
        StackOverflowError error = new StackOverflowError("of the sink");
        KvSink fails = new KvSink() {
            @Override
            public void accept(TokenRange range, KvBuffer source) {
                throw new AssertionError("beginAccept is there");
            }

            @Override
            public Taking beginAccept(TokenRange range, KvBuffer source) {
                return () -> {
                    throw error;
                };
            }
        };
        assertThatThrownBy(() -> {
                    try (Deliveries deliveries = new Deliveries(fails, 2)) {
                        deliveries.begin(RANGE, chunk());
                        deliveries.begin(RANGE, chunk());
                    }
                })
                .isSameAs(error);
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void everyChunkIsWaitedForAlsoWhenOneDoesNotArrive() {
        KvSink fails = new KvSink() {
            @Override
            public void accept(TokenRange range, KvBuffer source) {
                throw new AssertionError("beginAccept is there");
            }

            @Override
            public Taking beginAccept(TokenRange range, KvBuffer source) {
                int mine = seen.size();
                seen.add("begin");
                return () -> {
                    throw new IllegalStateException("lost " + mine);
                };
            }
        };
        assertThatThrownBy(() -> {
                    try (Deliveries deliveries = new Deliveries(fails, 1)) {
                        deliveries.begin(RANGE, chunk());
                        deliveries.begin(RANGE, chunk());
                    }
                })
                .hasMessage("lost 0")
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        assertThat(memory.usedBytes()).isZero();
    }
}
