package io.lmcache.cli;

import io.lmcache.cli.replay.DriveResult;
import io.lmcache.cli.report.Chart;
import io.lmcache.cli.report.Chart.Kind;
import io.lmcache.cli.report.Chart.Series;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** What became of a trace that was driven through a stack, for people, as values for JSON, and as figures. */
record DriveTable(DriveResult result) {
    private static final double GIB = 1L << 30;
    private static final double[] SHARES = {0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1};

    void print(PrintWriter out) {
        lines().forEach(out::println);
    }

    /** The numbers, a line each. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(
                Locale.ROOT,
                "Drive  %d requests, %d tokens; loaded by tier: %s",
                result.requests(),
                result.tokens(),
                result.tokensByTier()));
        lines.add(String.format(
                Locale.ROOT,
                "  loaded  %.2f GiB at %.2f GiB/s (the comparison alone: %.2f), every byte compared, %d chunks damaged",
                result.bytesRead() / GIB,
                result.readBytesPerSecond() / GIB,
                result.bareReadBytesPerSecond() / GIB,
                result.damagedChunks()));
        lines.add(String.format(
                Locale.ROOT,
                "  stored  %.2f GiB at %.2f GiB/s (making the bytes alone: %.2f), %d tokens declined",
                result.bytesWritten() / GIB,
                result.writeBytesPerSecond() / GIB,
                result.bareWriteBytesPerSecond() / GIB,
                result.declinedTokens()));
        lines.add(String.format(
                Locale.ROOT,
                "  a load took %.1f ms in half of %d cases, %.1f ms in 99 %%, %.1f ms at most",
                result.retrieveMillis(0.5),
                result.retrieveMillis().size(),
                result.retrieveMillis(0.99),
                result.retrieveMillis(1)));
        return lines;
    }

    Map<String, Object> values() {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("requests", result.requests());
        values.put("tokens", result.tokens());
        values.put("tokensByTier", result.tokensByTier());
        values.put("bytesRead", result.bytesRead());
        values.put("bytesWritten", result.bytesWritten());
        values.put("declinedTokens", result.declinedTokens());
        values.put("damagedChunks", result.damagedChunks());
        values.put("readBytesPerSecond", result.readBytesPerSecond());
        values.put("writeBytesPerSecond", result.writeBytesPerSecond());
        values.put("bareReadBytesPerSecond", result.bareReadBytesPerSecond());
        values.put("bareWriteBytesPerSecond", result.bareWriteBytesPerSecond());
        for (double share : SHARES) {
            values.put("retrieveMillis" + percent(share), result.retrieveMillis(share));
        }
        return values;
    }

    private static String percent(double share) {
        return share == 1
                ? "Max"
                : "P" + String.format(Locale.ROOT, "%.1f", share * 100).replace(".0", "");
    }

    /** Its figures. */
    List<Chart> charts() {
        return List.of(throughput(), latencies(), overTime());
    }

    private Chart throughput() {
        return new Chart(
                "Driven: throughput against the ceiling",
                "The ceiling is what comparing and making the bytes takes without a cache, on one core.",
                "operation",
                "GiB/s",
                List.of("load", "store"),
                List.of(
                        new Series(
                                "measured",
                                Kind.BAR,
                                List.of(result.readBytesPerSecond() / GIB, result.writeBytesPerSecond() / GIB)),
                        new Series(
                                "ceiling",
                                Kind.MARK,
                                List.of(
                                        result.bareReadBytesPerSecond() / GIB,
                                        result.bareWriteBytesPerSecond() / GIB))));
    }

    private Chart latencies() {
        return new Chart(
                "Driven: how long a load takes",
                "In so many of a hundred requests that found something, a load took at most so long.",
                "share of the loads",
                "ms",
                DoubleStream.of(SHARES)
                        .mapToObj(share -> String.format(Locale.ROOT, "%.1f %%", share * 100))
                        .toList(),
                List.of(new Series(
                        "load",
                        Kind.LINE,
                        DoubleStream.of(SHARES).mapToObj(result::retrieveMillis).toList())));
    }

    private Chart overTime() {
        List<DriveResult.Part> parts = result.steps();
        List<Series> series = new ArrayList<>();
        for (String tier : result.tokensByTier().keySet()) {
            series.add(new Series(
                    "loaded from " + tier,
                    Kind.LINE,
                    parts.stream()
                            .map(part -> part.bytesByTier().getOrDefault(tier, 0L) / GIB)
                            .toList()));
        }
        series.add(new Series(
                "stored",
                Kind.LINE,
                parts.stream().map(part -> part.bytesWritten() / GIB).toList()));
        return new Chart(
                "Driven: bytes by tier over time",
                "Each point is a fiftieth of the requests, in their order.",
                "request",
                "GiB",
                IntStream.range(0, parts.size())
                        .mapToObj(part -> Long.toString((long) part * result.requests() / parts.size()))
                        .toList(),
                series);
    }
}
