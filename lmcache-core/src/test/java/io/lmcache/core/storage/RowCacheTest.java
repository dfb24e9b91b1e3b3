package io.lmcache.core.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.StoreResult;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.memory.KvBuffer;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.engine.RowCache;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Rows under names of their own, in a stack of two tiers. */
class RowCacheTest {
    private static final int BYTES = 4096;
    private static final KeyScope SCOPE = KeyScope.of("model", KvLayout.opaque(BYTES));

    private final MemoryTier fast = MemoryTier.memory(64 * BYTES);
    private final MemoryTier slow = MemoryTier.persistent(64 * BYTES, 8 * BYTES);
    private final LmcacheStack stack =
            LmcacheStack.builder().tier(fast).tier(slow).build();
    private final RowCache cache = stack.rows(SCOPE);
    /** What was read from the engine, by place. */
    private final List<Integer> read = new ArrayList<>();

    @AfterEach
    void closesWithoutALeak() {
        stack.close();
    }

    private static List<ChunkHash> names(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(name -> ChunkHash.ofHex("%064x".formatted(name * 0x9E3779B97F4A7C15L)))
                .toList();
    }

    private static byte contentOf(int name) {
        return (byte) (name + 1);
    }

    private static MemorySegment segment(KvBuffer buffer) {
        return ((HostBuffer) buffer).segment();
    }

    /** Stores names in a row, of which the first is {@code from}. */
    private StoreResult store(int from, int to) {
        return cache.store(names(from, to), (range, destination) -> {
            assertThat(range.length()).isEqualTo(1);
            read.add(from + range.start());
            segment(destination).fill(contentOf(from + range.start()));
        });
    }

    /** What a retrieve delivers, by name; checks the bytes. */
    private Map<Integer, Byte> retrieve(int from, int to) {
        Map<Integer, Byte> delivered = new TreeMap<>();
        BitSet told = cache.retrieve(names(from, to), (range, source) -> {
            byte content = segment(source).get(ValueLayout.JAVA_BYTE, BYTES - 1);
            delivered.put(from + range.start(), content);
        });
        assertThat(told.stream().map(place -> from + place)).containsExactlyElementsOf(delivered.keySet());
        delivered.forEach((name, content) -> assertThat(content).isEqualTo(contentOf(name)));
        return delivered;
    }

    @Test
    void aRowIsFoundWhateverIsMissingBesideIt() {
        store(2, 4);
        store(6, 7);
        assertThat(cache.find(names(0, 8)).stream()).containsExactly(2, 3, 6);
        assertThat(retrieve(0, 8)).containsOnlyKeys(2, 3, 6);
        assertThat(retrieve(3, 7)).containsOnlyKeys(3, 6);
    }

    @Test
    void onlyWhatIsMissingIsRead() {
        store(2, 4);
        read.clear();
        StoreResult result = store(0, 6);
        assertThat(read).containsExactly(0, 1, 4, 5);
        assertThat(result.storedTokens()).isEqualTo(4);
        assertThat(result.presentTokens()).isEqualTo(2);
        assertThat(result.published().join()).containsEntry("slow", 4);
    }

    @Test
    void rowsOfEitherTierAreDelivered() {
        store(0, 6).published().join();
        for (ChunkHash name : names(1, 3)) {
            assertThat(fast.tryInvalidate(new ChunkKey(SCOPE, name)).join()).isTrue();
        }
        for (ChunkHash name : names(4, 5)) {
            assertThat(slow.tryInvalidate(new ChunkKey(SCOPE, name)).join()).isTrue();
        }
        assertThat(cache.find(names(0, 6)).cardinality()).isEqualTo(6);
        assertThat(retrieve(0, 6)).hasSize(6);
    }

    @Test
    void whatThereIsNoMemoryForIsDeclined() {
        store(0, 100).published().join();
        assertThat(cache.find(names(0, 100)).cardinality()).isEqualTo(64);
        assertThat(retrieve(0, 100)).hasSize(64);
    }

    @Test
    void noRowsAreNoTrouble() {
        assertThat(cache.find(List.of()).isEmpty()).isTrue();
        assertThat(cache.retrieve(List.of(), (_, _) -> {}).isEmpty()).isTrue();
        assertThat(store(0, 0).storedTokens()).isZero();
    }

    @Test
    void aLayoutOfTokensIsRefused() {
        assertThatThrownBy(() -> stack.rows(KeyScope.of("model", KvLayout.kv(KvDtype.HALF, 1, 1, 8))))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining("KvLayout.opaque");
    }
}
