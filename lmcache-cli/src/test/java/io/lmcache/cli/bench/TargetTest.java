package io.lmcache.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.cli.bench.Report.Row;
import java.util.List;
import org.junit.jupiter.api.Test;

class TargetTest {
    @Test
    void aThroughputReachesItsShareOfTheCeiling() {
        Target target = new Target.RatioAtLeast(0.85);
        assertThat(row(8.5, 10, target).met()).isTrue();
        assertThat(row(8.4, 10, target).met()).isFalse();
    }

    @Test
    void aTimeKeepsToItsMultipleOfTheCeiling() {
        Target target = new Target.RatioAtMost(1.25);
        assertThat(row(12.5, 10, target).met()).isTrue();
        assertThat(row(12.6, 10, target).met()).isFalse();
    }

    @Test
    void aLimitHoldsWhateverTheCeiling() {
        Target target = new Target.AtMost(2000, "us");
        assertThat(row(2000, 1, target).met()).isTrue();
        assertThat(row(2001, 3000, target).met()).isFalse();
    }

    @Test
    void oneMissIsAMissOfTheWhole() {
        Row met = row(1, 1, new Target.RatioAtLeast(1));
        Row missed = row(2, 1, new Target.RatioAtMost(1));
        Row free = row(100, 1, new Target.None());
        assertThat(report(met, free).allTargetsMet()).isTrue();
        assertThat(report(met, missed, free).allTargetsMet()).isFalse();
    }

    private static Row row(double measured, double ceiling, Target target) {
        return new Row("something", "us", measured, ceiling, target);
    }

    private static Report report(Row... rows) {
        return new Report("machine", 0, List.of(rows));
    }
}
