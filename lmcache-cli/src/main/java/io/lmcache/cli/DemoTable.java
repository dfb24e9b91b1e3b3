package io.lmcache.cli;

import io.lmcache.cli.demo.Report;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.stream.Collectors;

/** The demo's report for people. */
final class DemoTable {
    private static final String FORMAT = "%-18s %7s  %-24s %12s %14s %9s  %s%n";

    private DemoTable() {}

    static void print(Report report, PromptText text, PrintWriter out) {
        out.println("Model  " + report.model());
        out.println("Tiers  " + String.join(", ", report.tiers()));
        out.println("Text   " + description(text));
        out.println();
        out.printf(FORMAT, "run", "tokens", "hit tokens by tier", "first token", "without cache", "speed-up", "logits");
        report.rows().forEach(row -> print(row, hits(report, row), out));
        out.println();
        out.println(
                report.allLogitsEqual()
                        ? "All logits are bit for bit those of the run without a cache."
                        : "NOT ALL LOGITS ARE THOSE OF THE RUN WITHOUT A CACHE.");
    }

    private static String description(PromptText text) {
        return text.hasMore()
                ? text.name() + ", the first " + text.head().length() + " characters: the model reads no more"
                : text.name();
    }

    private static void print(Report.Row row, String hits, PrintWriter out) {
        out.printf(
                FORMAT,
                row.name(),
                row.tokens(),
                hits,
                seconds(row.seconds()),
                seconds(row.secondsWithoutCache()),
                String.format(Locale.ROOT, "%.1fx", row.speedUp()),
                row.logitsEqual() ? "equal" : "DIFFERENT");
    }

    private static String hits(Report report, Report.Row row) {
        if (!row.hitTokensByTier().isEmpty()) {
            return row.hitTokensByTier().entrySet().stream()
                    .map(tier -> tier.getValue() + " " + tier.getKey())
                    .collect(Collectors.joining(", "));
        }
        boolean impossible = row.name().equals(Report.NEW_PROCESS)
                && report.persistentTiers().isEmpty();
        return impossible ? "none: no persistent tier" : "none";
    }

    private static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.3f s", seconds);
    }
}
