package io.lmcache.cli;

import io.lmcache.cli.replay.Outcome;
import io.lmcache.cli.replay.ReplayModel;
import io.lmcache.cli.replay.Trace;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What replays gave, for people and as values for JSON. */
record ReplayTable(Trace trace, ReplayModel model, double gpuTeraflops, long blockBytes, List<Row> rows) {
    static final List<String> COLUMNS = List.of(
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
    static final String LEGEND =
            "Hits are shares of the blocks, as prefixes. Saved are seconds of prefill; the rate is of the simulation,"
                    + " in million blocks a second.";

    /** One replay. */
    record Row(String policy, String hostSize, Outcome outcome, double prefillSecondsSaved) {}

    void print(PrintWriter out) {
        facts().forEach(out::println);
        out.println();
        print(COLUMNS, out);
        cells().forEach(row -> print(row, out));
        out.println();
        out.println(LEGEND);
    }

    private static void print(List<String> cells, PrintWriter out) {
        out.printf("%-10s %9s %7s %7s %7s %10s %10s %10s %10s %10s %9s%n", cells.toArray());
    }

    /** What was replayed, a line each. */
    List<String> facts() {
        return List.of(
                String.format(
                        Locale.ROOT,
                        "Trace  %d requests, %d tokens, %d blocks of %d tokens, %d of them distinct",
                        trace.requests(),
                        trace.inputTokens(),
                        trace.references(),
                        trace.blockTokens(),
                        trace.distinctBlocks()),
                String.format(Locale.ROOT, "Model  %s, %d bytes a block", model, blockBytes));
    }

    /** How the seconds of prefill are found. */
    String formula() {
        return String.format(
                Locale.ROOT,
                "Saved = (2 P sum(n) + 2 L d sum(n^2)) / rate, with P = %.3g parameters, L = %d layers of width d = %d, n the"
                        + " tokens found for a request, at most all but its last one, and a rate of %.0f * 10^12 operations"
                        + " a second.",
                model.parameters(),
                model.layers(),
                model.width(),
                gpuTeraflops);
    }

    /** A row of texts for each replay. */
    List<List<String>> cells() {
        return rows.stream().map(this::cells).toList();
    }

    private List<String> cells(Row row) {
        Outcome outcome = row.outcome();
        return List.of(
                row.policy(),
                row.hostSize(),
                share(outcome.hits()),
                share(outcome.hostHits()),
                share(outcome.fileHits()),
                Long.toString(outcome.hostEvictions() + outcome.fileEvictions()),
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
                "model", model.toString(),
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
