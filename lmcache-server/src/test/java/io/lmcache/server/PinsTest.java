package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What keeps a prefix from being cleared, and for how long. */
class PinsTest {
    private static final int[] PROMPT = IntStream.range(0, 64).toArray();
    private static final long SINCE = Long.MAX_VALUE - 1;

    private final LmcacheStack stack = LmcacheStack.builder()
            .chunkSize(64)
            .tier("cpu", Map.of("capacity_bytes", "1048576"))
            .build();
    private final KvCache cache = stack.cache(KeyScope.of("model", KvLayout.kv(KvDtype.UINT8, 1, 1, 8)));
    private final Pins pins = new Pins();

    @BeforeEach
    void pinAPrompt() throws Exception {
        var _ = cache.store(PROMPT, (_, _) -> {}).published().get(10, TimeUnit.SECONDS);
        assertThat(pins.put("id", List.of(cache.pin(PROMPT)), SINCE)).isTrue();
        assertThat(leftByClear()).isEqualTo(64);
    }

    @AfterEach
    void close() {
        stack.close();
    }

    private int leftByClear() {
        stack.clear();
        return cache.lookup(PROMPT);
    }

    @Test
    void aPinEndsWithItsTime() {
        // The clock may run over between the two, as System.nanoTime() may.
        pins.releaseExpired(SINCE + Pins.LIFETIME.toNanos() - 1);
        assertThat(pins.count()).isEqualTo(1);
        assertThat(leftByClear()).isEqualTo(64);
        pins.releaseExpired(SINCE + Pins.LIFETIME.toNanos());
        assertThat(pins.count()).isZero();
        assertThat(leftByClear()).isZero();
    }

    @Test
    void aSecondPinOfTheSameIdTakesThePlaceOfTheFirst() {
        assertThat(pins.put("id", List.of(cache.pin(PROMPT)), SINCE + 1)).isTrue();
        pins.releaseExpired(SINCE + Pins.LIFETIME.toNanos());
        assertThat(leftByClear()).isEqualTo(64);
        pins.release("id");
        assertThat(leftByClear()).isZero();
    }

    @Test
    void aSessionHasSoManyPins() {
        for (int i = pins.count(); i < Pins.MAX; i++) {
            assertThat(pins.put("pin " + i, List.of(), SINCE)).isTrue();
        }
        assertThat(pins.put("one more", List.of(cache.pin(PROMPT)), SINCE)).isFalse();
        assertThat(pins.put("id", List.of(), SINCE)).as("in place of another").isTrue();
        assertThat(leftByClear()).as("what was not taken is released").isZero();
    }

    @Test
    void whatIsPinnedAfterTheEndIsReleasedAtOnce() {
        pins.close();
        assertThat(pins.count()).isZero();
        assertThat(pins.put("late", List.of(cache.pin(PROMPT)), SINCE)).isFalse();
        assertThat(pins.count()).isZero();
        assertThat(leftByClear()).isZero();
    }
}
