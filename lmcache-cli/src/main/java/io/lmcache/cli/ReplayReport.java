package io.lmcache.cli;

import io.lmcache.cli.replay.Outcome;
import io.lmcache.cli.replay.ReplayPolicy;
import io.lmcache.cli.replay.Step;
import io.lmcache.cli.report.Chart;
import io.lmcache.cli.report.Chart.Kind;
import io.lmcache.cli.report.Chart.Series;
import io.lmcache.cli.report.Page;
import io.lmcache.cli.report.Table;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/** What replays gave, as a page. */
final class ReplayReport {
    private static final String INFINITE = "infinite";
    private static final double GIB = 1L << 30;
    private static final double SHORT_SECONDS = 300;

    private final ReplayTable table;

    private final Optional<DriveTable> drive;

    ReplayReport(ReplayTable table, Optional<DriveTable> drive) {
        this.table = table;
        this.drive = drive;
    }

    Page page() {
        List<Chart> charts = new ArrayList<>();
        charts.add(bySize(
                "Hit rate by size and policy",
                "Shares of the trace's blocks that were found, as prefixes. No policy of a size finds more than optimum,"
                        + " which knows the future; infinite is a cache without a limit.",
                "% of blocks",
                row -> 100.0 * row.outcome().hits() / Math.max(1, table.trace().references())));
        charts.add(bySize(
                "Prefill saved by size and policy",
                "Seconds of one GPU's time that need not be spent.",
                "s",
                ReplayTable.Row::prefillSecondsSaved));
        best().map(this::overTime).ifPresent(charts::add);
        List<String> facts = new ArrayList<>(table.facts());
        drive.ifPresent(driven -> {
            charts.addAll(driven.charts());
            facts.addAll(driven.lines());
        });
        return new Page(
                "LMCache replay",
                facts,
                charts,
                List.of(new Table("All replays", ReplayTable.COLUMNS, table.cells())),
                List.of(ReplayTable.LEGEND, table.formula()));
    }

    private Chart bySize(String title, String note, String unit, ToDoubleFunction<ReplayTable.Row> value) {
        List<ReplayTable.Row> limited = table.rows().stream()
                .filter(row -> !row.policy().equals(INFINITE))
                .toList();
        List<String> sizes =
                limited.stream().map(ReplayTable.Row::hostSize).distinct().toList();
        List<Series> series = new ArrayList<>();
        for (String policy :
                limited.stream().map(ReplayTable.Row::policy).distinct().toList()) {
            series.add(new Series(
                    policy,
                    Kind.LINE,
                    limited.stream()
                            .filter(row -> row.policy().equals(policy))
                            .map(value::applyAsDouble)
                            .toList()));
        }
        table.rows().stream()
                .filter(row -> row.policy().equals(INFINITE))
                .findFirst()
                .ifPresent(row -> series.add(
                        new Series(INFINITE, Kind.LINE, Collections.nCopies(sizes.size(), value.applyAsDouble(row)))));
        return new Chart(title, note, "host tier", unit, sizes, series);
    }

    /** The replay that found most with a policy that one can have. */
    private Optional<ReplayTable.Row> best() {
        return table.rows().stream()
                .filter(row -> !row.policy().equals(INFINITE) && !row.policy().equals(ReplayPolicy.OPTIMUM.toString()))
                .max(Comparator.comparingLong(row -> row.outcome().hits()));
    }

    private Chart overTime(ReplayTable.Row row) {
        Outcome outcome = row.outcome();
        boolean isShort = outcome.steps().getLast().startSeconds() < SHORT_SECONDS;
        List<String> times = outcome.steps().stream()
                .map(step -> String.format(Locale.ROOT, "%.1f", step.startSeconds() / (isShort ? 1 : 60)))
                .toList();
        return new Chart(
                "Bytes by tier over time",
                "With " + row.policy() + " and a host tier of " + row.hostSize()
                        + ", the replay that found most; each point is a fiftieth of the trace's time.",
                (isShort ? "seconds" : "minutes") + " from the start",
                "GiB",
                times,
                List.of(
                        gib("read from the host tier", outcome, Step::hostHits),
                        gib("read from the file tier", outcome, Step::fileHits),
                        gib("written to all tiers", outcome, Step::writes)));
    }

    private Series gib(String name, Outcome outcome, ToLongFunction<Step> blocks) {
        return new Series(
                name,
                Kind.LINE,
                outcome.steps().stream()
                        .map(step -> blocks.applyAsLong(step) * table.blockBytes() / GIB)
                        .toList());
    }
}
