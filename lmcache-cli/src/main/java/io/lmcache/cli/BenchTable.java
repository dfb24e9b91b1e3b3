package io.lmcache.cli;

import io.lmcache.cli.bench.Report;
import io.lmcache.cli.bench.Target;
import java.io.PrintWriter;
import java.util.Locale;

/** The benchmark's report for people. */
final class BenchTable {
    private static final String FORMAT = "%-62s %14s %14s %7s  %-13s %s%n";

    private BenchTable() {}

    static void print(Report report, PrintWriter out) {
        out.println("Machine  " + report.machine());
        out.printf(Locale.ROOT, "Load     %.1f before the run%n%n", report.loadBefore());
        out.printf(FORMAT, "what", "measured", "ceiling", "ratio", "target", "met");
        report.rows().forEach(row -> print(row, out));
    }

    private static void print(Report.Row row, PrintWriter out) {
        out.printf(
                FORMAT,
                row.what(),
                quantity(row.measured(), row.unit()),
                quantity(row.ceiling(), row.unit()),
                String.format(Locale.ROOT, "%.2f", row.ratio()),
                row.target().text(),
                met(row));
    }

    static String quantity(double value, String unit) {
        int decimals = value < 100 ? 2 : 0;
        return String.format(Locale.ROOT, "%." + decimals + "f %s", value, unit);
    }

    static String met(Report.Row row) {
        if (row.target() instanceof Target.None) {
            return "-";
        }
        return row.met() ? "yes" : "NO";
    }
}
