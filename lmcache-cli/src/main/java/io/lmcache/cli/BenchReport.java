package io.lmcache.cli;

import io.lmcache.cli.bench.Report;
import io.lmcache.cli.report.Chart;
import io.lmcache.cli.report.Chart.Kind;
import io.lmcache.cli.report.Chart.Series;
import io.lmcache.cli.report.Page;
import io.lmcache.cli.report.Table;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** The benchmark's report as a page. */
final class BenchReport {
    private final Report report;
    private final List<Integer> rates;

    BenchReport(Report report) {
        this.report = report;
        this.rates = IntStream.range(0, report.rows().size())
                .filter(i -> report.rows().get(i).unit().endsWith("/s"))
                .boxed()
                .toList();
    }

    Page page() {
        return new Page(
                "LMCache benchmark",
                List.of(
                        "Machine: " + report.machine(),
                        String.format(Locale.ROOT, "Load before the run: %.1f", report.loadBefore())),
                charts(),
                List.of(new Table("All measurements", columns(), rows())),
                List.of(
                        "A ceiling is the bare work that the cache cannot do without, done by itself in turns with it: digests,"
                                + " memory copies, file reads; or the limit that is to be kept. Values are medians."));
    }

    private List<Chart> charts() {
        List<Chart> charts = new ArrayList<>();
        rates.stream().map(i -> report.rows().get(i).unit()).distinct().forEach(unit -> charts.add(throughput(unit)));
        charts.add(new Chart(
                "Ratio to the ceiling",
                "Numbers below are those of the table's rows; 1 is the ceiling. Where the unit is a rate, higher is better;"
                        + " where it is a time or a size, lower is.",
                "row of the table",
                "measured / ceiling",
                numbers(all()),
                List.of(
                        series("measured / ceiling", Kind.BAR, all(), Report.Row::ratio),
                        series("ceiling", Kind.LINE, all(), _ -> 1))));
        return charts;
    }

    private Chart throughput(String unit) {
        List<Integer> rows = rates.stream()
                .filter(i -> report.rows().get(i).unit().equals(unit))
                .toList();
        return new Chart(
                "Throughput against the ceiling, " + unit,
                "Numbers below are those of the table's rows.",
                "row of the table",
                unit,
                numbers(rows),
                List.of(
                        series("measured", Kind.BAR, rows, Report.Row::measured),
                        series("ceiling", Kind.MARK, rows, Report.Row::ceiling)));
    }

    /** A value of a row. */
    private interface Value {
        double of(Report.Row row);
    }

    private Series series(String name, Kind kind, List<Integer> rows, Value value) {
        return new Series(
                name,
                kind,
                rows.stream().map(i -> value.of(report.rows().get(i))).toList());
    }

    private List<Integer> all() {
        return IntStream.range(0, report.rows().size()).boxed().toList();
    }

    private static List<String> numbers(List<Integer> rows) {
        return rows.stream().map(i -> Integer.toString(i + 1)).toList();
    }

    private static List<String> columns() {
        return List.of("what", "measured", "ceiling", "ratio", "target", "met");
    }

    private List<List<String>> rows() {
        return all().stream()
                .map(i -> {
                    Report.Row row = report.rows().get(i);
                    return List.of(
                            (i + 1) + ". " + row.what(),
                            BenchTable.quantity(row.measured(), row.unit()),
                            BenchTable.quantity(row.ceiling(), row.unit()),
                            String.format(Locale.ROOT, "%.2f", row.ratio()),
                            row.target().text(),
                            BenchTable.met(row));
                })
                .toList();
    }
}
