package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.cli.demo.Report;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class DemoTableTest {
    @Test
    void differentLogitsAreSaidLoudly() {
        String table = print(List.of("posix"), row("cold prompt", Map.of(), true), row("again", Map.of(), false));
        assertThat(table)
                .containsPattern("(?m)^cold prompt .* equal$")
                .containsPattern("(?m)^again .* DIFFERENT$")
                .contains("NOT ALL LOGITS");
    }

    @Test
    void hitsAreListedByTierAndSpeedAgainstTheRunWithoutCache() {
        assertThat(print(List.of(), row("again", Map.of("posix", 256, "cpu", 512), true)))
                .containsPattern("(?m)^again +1000 +512 cpu, 256 posix +0\\.500 s +2\\.000 s +4\\.0x +equal$");
    }

    @Test
    void aNewProcessWithoutPersistentTierSaysSo() {
        Report.Row row = row(Report.NEW_PROCESS, Map.of(), true);
        assertThat(print(List.of(), row)).contains("no persistent tier");
        assertThat(print(List.of("posix"), row)).doesNotContain("no persistent tier");
    }

    private static Report.Row row(String name, Map<String, Integer> hits, boolean equal) {
        return new Report.Row(name, 1000, new TreeMap<>(hits), 0.5, 2, equal);
    }

    private static String print(List<String> persistentTiers, Report.Row... rows) {
        StringWriter out = new StringWriter();
        Report report = new Report("model", List.of("cpu", "posix"), persistentTiers, List.of(rows));
        DemoTable.print(report, new PromptText("text", "head", false), new PrintWriter(out, true));
        return out.toString();
    }
}
