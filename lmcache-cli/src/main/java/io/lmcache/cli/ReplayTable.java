package io.lmcache.cli;

import io.lmcache.cli.replay.Outcome;
import io.lmcache.cli.replay.Trace;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What replays gave, for people and as values for JSON. */
record ReplayTable(Trace trace, String model, long blockBytes, List<Row> rows) {
    private static final String FORMAT = "%-10s %9s %7s %7s %7s %10s %10s %10s %10s %10s %9s%n";

    /** One replay. */
    record Row(String policy, String hostSize, Outcome outcome, double prefillSecondsSaved) {}

    void print(PrintWriter out) {
        out.printf(
                Locale.ROOT,
                "Trace  %d requests, %d tokens, %d blocks of %d tokens, %d of them distinct%n",
                trace.requests(),
                trace.inputTokens(),
                trace.references(),
                trace.blockTokens(),
                trace.distinctBlocks());
        out.printf(Locale.ROOT, "Model  %s, %d bytes a block%n%n", model, blockBytes);
        out.printf(
                FORMAT,
                "policy",
                "host",
                "hits",
                "by host",
                "by file",
                "evictions",
                "host read",
                "file read",
                "written",
                "saved",
                "rate");
        rows.forEach(row -> print(row, out));
        out.println();
        out.println(
                "Hits are shares of the blocks, as prefixes. Saved are seconds of prefill; the rate is of the simulation,"
                        + " in million blocks a second.");
    }

    private void print(Row row, PrintWriter out) {
        Outcome outcome = row.outcome();
        out.printf(
                FORMAT,
                row.policy(),
                row.hostSize(),
                share(outcome.hits()),
                share(outcome.hostHits()),
                share(outcome.fileHits()),
                outcome.hostEvictions() + outcome.fileEvictions(),
                gib(outcome.hostHits()),
                gib(outcome.fileHits()),
                gib(outcome.hostWrites() + outcome.fileWrites()),
                String.format(Locale.ROOT, "%.0f s", row.prefillSecondsSaved()),
                String.format(Locale.ROOT, "%.1f", rate(outcome) / 1e6));
    }

    private String share(long blocks) {
        return String.format(Locale.ROOT, "%.2f %%", 100.0 * blocks / Math.max(1, trace.references()));
    }

    private String gib(long blocks) {
        return String.format(Locale.ROOT, "%.0f GiB", (double) blocks * blockBytes / (1 << 30));
    }

    private double rate(Outcome outcome) {
        return trace.references() / outcome.seconds();
    }

    Map<String, Object> values() {
        return Map.of(
                "model", model,
                "requests", trace.requests(),
                "inputTokens", trace.inputTokens(),
                "blocks", trace.references(),
                "distinctBlocks", trace.distinctBlocks(),
                "blockTokens", trace.blockTokens(),
                "blockBytes", blockBytes,
                "rows", rows.stream().map(this::values).toList());
    }

    private Map<String, Object> values(Row row) {
        Outcome outcome = row.outcome();
        return Map.of(
                "policy", row.policy(),
                "hostSize", row.hostSize(),
                "hostHits", outcome.hostHits(),
                "fileHits", outcome.fileHits(),
                "hostEvictions", outcome.hostEvictions(),
                "fileEvictions", outcome.fileEvictions(),
                "hostBytesWritten", outcome.hostWrites() * blockBytes,
                "fileBytesWritten", outcome.fileWrites() * blockBytes,
                "prefillSecondsSaved", row.prefillSecondsSaved(),
                "blocksPerSecond", rate(outcome));
    }
}
