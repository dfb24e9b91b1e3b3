package io.lmcache.core.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FlightRecordingTest {
    private static final KvLayout LAYOUT = KvLayout.kv(KvDtype.FLOAT, 1, 1, 64);
    private static final int CHUNK = 16;
    /** More chunks than the tier holds. */
    private static final int[] PROMPT = IntStream.range(0, 40 * CHUNK).toArray();

    @TempDir
    private Path directory;

    @Test
    void aRecordingHasRequestsOperationsOfTiersAndEvictions() throws Exception {
        Path file = directory.resolve("lmcache.jfr");
        int stored;
        try (Recording recording = new Recording();
                LmcacheStack stack = LmcacheStack.builder()
                        .chunkSize(CHUNK)
                        .tier("cpu", Map.of("max_local_cpu_size", "160 KiB"))
                        .build()) {
            recording.start();
            KvCache cache = stack.cache(KeyScope.of("m", LAYOUT));
            stored = cache.store(PROMPT, (_, _) -> {}).storedTokens();
            cache.lookup(PROMPT);
            cache.retrieve(PROMPT, (_, _) -> {});
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);

        assertThat(named("lmcache.Store", events)).singleElement().satisfies(event -> {
            assertThat(event.getString("model")).isEqualTo("m");
            assertThat(event.getInt("tokens")).isEqualTo(PROMPT.length);
            assertThat(event.getInt("storedTokens")).isEqualTo(stored);
            assertThat(event.getDuration()).isPositive();
        });
        assertThat(named("lmcache.Lookup", events)).hasSize(1);
        assertThat(named("lmcache.Retrieve", events)).hasSize(1);
        assertThat(named("lmcache.TierOperation", events)).anySatisfy(event -> {
            assertThat(event.getString("tier")).isEqualTo("cpu");
            assertThat(event.getString("operation")).isEqualTo("write");
            assertThat(event.getString("outcome")).isEqualTo("stored");
            assertThat(event.getLong("bytes")).isEqualTo(LAYOUT.chunkBytes(CHUNK));
        });
        assertThat(named("lmcache.Eviction", events)).isNotEmpty().allSatisfy(event -> {
            assertThat(event.getString("place")).isEqualTo("cpu");
            assertThat(event.getString("reason")).isEqualTo("evicted");
        });
    }

    private static List<RecordedEvent> named(String name, List<RecordedEvent> events) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(name))
                .toList();
    }
}
