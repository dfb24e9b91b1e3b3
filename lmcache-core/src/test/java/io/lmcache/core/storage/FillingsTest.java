package io.lmcache.core.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.engine.KvSource;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.testkit.LeakCheck;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class FillingsTest {
    private static final long BYTES = 4096;

    @RegisterExtension
    final LeakCheck leaks = new LeakCheck();

    private final List<String> seen = new ArrayList<>();
    private BufferAllocator memory;

    @BeforeEach
    void allocator() {
        memory = leaks.hostAllocator("chunks", 1 << 20);
    }

    /** Adds a chunk that is there when it is waited for. */
    private void add(Fillings fillings, int number) {
        add(fillings, number, () -> seen.add("awaited " + number));
    }

    private void add(Fillings fillings, int number, KvSource.Filling filling) {
        fillings.add(memory.tryAllocate(BYTES).orElseThrow(), filling, new Fillings.Outcome() {
            @Override
            public void filled(BufferLease lease) {
                assertThat(lease.buffer().byteSize()).isEqualTo(BYTES);
                seen.add("filled " + number);
            }

            @Override
            public void abandoned() {
                seen.add("abandoned " + number);
            }
        });
    }

    private static KvSource.Filling lost(int number) {
        return () -> {
            throw new IllegalStateException("lost " + number);
        };
    }

    @Test
    void aChunkIsHandedOnOnlyOnceItWasWaitedForAndTheLastOnesStay() {
        try (Fillings fillings = new Fillings(2)) {
            for (int i = 0; i < 3; i++) {
                add(fillings, i);
                fillings.settle();
            }
            assertThat(seen).containsExactly("awaited 0", "filled 0");
            assertThat(memory.usedBytes()).isEqualTo(2 * BYTES);
        }
        assertThat(seen).containsExactly("awaited 0", "filled 0", "awaited 1", "filled 1", "awaited 2", "filled 2");
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void whereMemoryIsShortEachChunkIsWaitedFor() {
        try (Fillings fillings = new Fillings(0)) {
            add(fillings, 0);
            fillings.settle();
            assertThat(seen).containsExactly("awaited 0", "filled 0");
            assertThat(memory.usedBytes()).isZero();
        }
    }

    @Test
    void allAreHandedOnWhenTheirMemoryIsNeeded() {
        try (Fillings fillings = new Fillings(2)) {
            add(fillings, 0);
            add(fillings, 1);
            fillings.settleAll();
            assertThat(seen).endsWith("awaited 1", "filled 1");
            assertThat(memory.usedBytes()).isZero();
        }
    }

    @Test
    void afterAChunkThatIsLostTheOthersAreWaitedForButNotHandedOn() {
        assertThatThrownBy(() -> {
                    try (Fillings fillings = new Fillings(3)) {
                        add(fillings, 0);
                        add(fillings, 1, lost(1));
                        add(fillings, 2);
                        add(fillings, 3, lost(3));
                    }
                })
                .hasMessage("lost 1")
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        assertThat(seen)
                .containsExactly("awaited 0", "filled 0", "abandoned 1", "awaited 2", "abandoned 2", "abandoned 3");
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void errorsOfSourcesLeaveNoChunkUnderWayEvenWhenTheyAreOneObject() {
        OutOfMemoryError error = new OutOfMemoryError("of the source");
        KvSource.Filling failing = () -> {
            throw error;
        };
        assertThatThrownBy(() -> {
                    try (Fillings fillings = new Fillings(3)) {
                        add(fillings, 0, failing);
                        add(fillings, 1, failing);
                        add(fillings, 2);
                    }
                })
                .isSameAs(error);
        assertThat(seen).containsExactly("abandoned 0", "abandoned 1", "awaited 2", "abandoned 2");
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void aFailureElsewhereKeepsWhatHadBegunBefore() {
        assertThatThrownBy(() -> {
                    try (Fillings fillings = new Fillings(1)) {
                        add(fillings, 0);
                        throw new IllegalStateException("no more");
                    }
                })
                .hasMessage("no more");
        assertThat(seen).containsExactly("awaited 0", "filled 0");
        assertThat(memory.usedBytes()).isZero();
    }
}
