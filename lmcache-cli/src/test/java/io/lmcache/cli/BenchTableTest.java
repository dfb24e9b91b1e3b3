package io.lmcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.cli.bench.Report;
import io.lmcache.cli.bench.Report.Row;
import io.lmcache.cli.bench.Target;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class BenchTableTest {
    @Test
    void rowsTellWhetherTheirTargetIsMet() {
        StringWriter out = new StringWriter();
        BenchTable.print(
                new Report(
                        "a machine",
                        1.25,
                        List.of(
                                new Row("fast", "GiB/s", 9, 10, new Target.RatioAtLeast(0.85)),
                                new Row("slow", "ms", 140, 100, new Target.RatioAtMost(1.3)),
                                new Row("known", "ms", 3, 2, new Target.None()))),
                new PrintWriter(out, true));
        assertThat(out.toString())
                .contains("Machine  a machine", "1.3 before the run")
                .containsPattern("(?m)^fast +9.00 GiB/s +10.00 GiB/s +0.90 +ratio >= 0.85 +yes$")
                .containsPattern("(?m)^slow +140 ms +100 ms +1.40 +ratio <= 1.30 +NO$")
                .containsPattern("(?m)^known +3.00 ms +2.00 ms +1.50 +none +-$");
    }
}
