package io.lmcache.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.cli.Main;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("slow")
class DemoTest {
    private static final List<String> FRESH_PROCESS = List.of(Main.class.getName(), "demo-process");
    private static final String TEXT = "The quick brown fox. ".repeat(33) + "Seven";
    private static final int PROMPT = TEXT.length();
    private static final int FULL_CHUNKS = PROMPT / 256 * 256;

    private static final AtomicInteger PROGRESS = new AtomicInteger();
    private static Report report;

    @BeforeAll
    static void runDemo() throws Exception {
        report = new Demo(TinyModel.CONFIG, Optional.empty(), FRESH_PROCESS, (step, units) -> PROGRESS.addAndGet(units))
                .run(TEXT);
    }

    @Test
    void everyRunGivesTheLogitsOfTheRunWithoutCache() {
        assertThat(report.rows()).allMatch(Report.Row::logitsEqual);
        assertThat(report.allLogitsEqual()).isTrue();
    }

    @Test
    void theColdPromptFindsNothing() {
        assertThat(row("cold prompt").hitTokensByTier()).isEmpty();
        assertThat(row("cold prompt").tokens()).isEqualTo(PROMPT);
    }

    @Test
    void theSamePromptComesFromTheHostTier() {
        assertThat(hits("same prompt again")).isEqualTo(Map.of("cpu", PROMPT));
    }

    @Test
    void theFollowUpFindsTheFullChunksOfItsPrefix() {
        assertThat(row("longer follow-up").tokens()).isEqualTo(PROMPT + 300);
        assertThat(hits("longer follow-up")).isEqualTo(Map.of("cpu", FULL_CHUNKS));
    }

    @Test
    void theNewProcessLoadsFromTheFileTier() {
        assertThat(hits("new process")).isEqualTo(Map.of("posix", PROMPT));
    }

    @Test
    void theFileTierIsTheOneThatLasts() {
        assertThat(report.tiers()).containsExactly("cpu", "posix");
        assertThat(report.persistentTiers()).containsExactly("posix");
    }

    @Test
    void theUnrelatedPromptFindsNothing() {
        assertThat(row("unrelated prompt").hitTokensByTier()).isEmpty();
        assertThat(row("unrelated prompt").tokens()).isEqualTo(PROMPT);
    }

    @Test
    void progressEndsAtItsMaximum() {
        assertThat(PROGRESS).hasValue(Demo.progressUnits(TinyModel.CONFIG));
    }

    @Test
    void aTextOfOneByteIsEnough() throws Exception {
        Report tiny = new Demo(TinyModel.CONFIG, Optional.empty(), FRESH_PROCESS, (step, units) -> {}).run("x");
        assertThat(tiny.allLogitsEqual()).isTrue();
        assertThat(tiny.rows()).extracting(Report.Row::tokens).containsExactly(1, 1, 301, 1, 1);
    }

    @Test
    void aNewProcessThatFailsIsReported() {
        FreshProcess.Request request = new FreshProcess.Request(TinyModel.CONFIG, "run", null, List.of(1));
        assertThatThrownBy(() -> FreshProcess.run(List.of("io.lmcache.NoSuchMain"), request))
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.START_FAILED))
                .hasMessageContaining("new process");
    }

    private static Report.Row row(String name) {
        return report.rows().stream()
                .filter(row -> row.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static SortedMap<String, Integer> hits(String name) {
        return row(name).hitTokensByTier();
    }
}
